using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests.HuggingFace;

/// <summary>A fact that needs Node and the npm package of transformers.js.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithTransformersJsAttribute : FactAttribute
{
    /// <summary>Where check.mjs and its package.json lie.</summary>
    public static string Folder { get; } = Path.Combine(BuiltProgram.Root, "tests", "transformersjs");

    private static readonly bool s_isThere =
        Node.IsThere && Directory.Exists(Path.Combine(Folder, "node_modules", "@huggingface", "transformers"));

    public FactWithTransformersJsAttribute()
    {
        if (!s_isThere)
        {
            Skip = "Needs Node 20 or later and transformers.js: npm install --prefix tests/transformersjs";
        }
    }
}
