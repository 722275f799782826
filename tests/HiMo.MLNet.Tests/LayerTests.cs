using System.Reflection;
using System.Text.RegularExpressions;
using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests;

/// <summary>
/// The layers of the library, bottom to top: a type refers to its own layer and to those below it. Reads the compiled assembly (bases,
/// members and every instruction of every method), and takes the layer of a type from the folder of its source file. What lies above
/// ML.NET (evaluation, command line, samples) is in assemblies of its own, which these cannot refer to.
/// </summary>
public sealed partial class LayerTests
{
    // Folders of one row know each other; "" is the library's root folder.
    private static readonly (string Layer, string[] Folders)[] s_layers =
    [
        ("text and images", ["Text", "Images", "Common"]),
        ("checkpoints", ["Checkpoints"]),
        ("networks", ["Modeling"]),
        ("objectives", ["Objectives"]),
        ("training", ["Training", "Metrics"]),
        ("core", ["Embedding", "Onnx", "HuggingFace"]),
        ("ML.NET", ["", "Scoring", "Interop"]),
    ];

    private static readonly int MLNet = Array.FindIndex(s_layers, l => l.Layer == "ML.NET");

    // Packages of the same prefix that stand by themselves.
    private static readonly string[] s_others = ["Microsoft.ML.Tokenizers.", "Microsoft.ML.OnnxRuntime."];

    private static readonly Assembly s_library = typeof(HiMoClipTransformer).Assembly;

    private static readonly Dictionary<string, string> s_folders = FoldersOfTypes();

    [Fact]
    public void No_type_refers_to_a_layer_above_its_own()
    {
        List<string> backwards = [];
        foreach ((Type type, int layer) in TypesWithLayers())
        {
            foreach (Type target in TypeReferences.Of(type).Where(t => t.Assembly == s_library))
            {
                if (Layer(target) > layer)
                {
                    backwards.Add($"{type.FullName} ({s_layers[layer].Layer}) refers to {target.FullName} ({s_layers[Layer(target)!.Value].Layer})");
                }
            }
        }

        AssertNone(backwards);
    }

    [Fact]
    public void Below_the_MLNet_layer_ML_NET_is_images_alone()
    {
        string[] allowed = ["Microsoft.ML.Data.MLImage", "Microsoft.ML.Data.MLPixelFormat"];
        AssertNone(
            from typeAndLayer in TypesWithLayers()
            where typeAndLayer.Layer < MLNet
            from target in TypeReferences.Of(typeAndLayer.Type)
            where target.FullName is not null && target.FullName.StartsWith("Microsoft.ML.", StringComparison.Ordinal)
            where !s_others.Any(other => target.FullName!.StartsWith(other, StringComparison.Ordinal)) && !allowed.Contains(target.FullName)
            select $"{typeAndLayer.Type.FullName} refers to {target.FullName}");
    }

    [Fact]
    public void Nothing_in_the_MLNet_layer_touches_a_tensor() => AssertNone(
        from typeAndLayer in TypesWithLayers()
        where typeAndLayer.Layer == MLNet
        from target in TypeReferences.Of(typeAndLayer.Type)
        where target.Assembly.GetName().Name == "TorchSharp"
        select $"{typeAndLayer.Type.FullName} refers to {target.FullName}");

    private static void AssertNone(IEnumerable<string> found) =>
        Assert.True(!found.Any(), string.Join('\n', found.Distinct().Order(StringComparer.Ordinal)));

    private static IEnumerable<(Type Type, int Layer)> TypesWithLayers() =>
        from type in s_library.GetTypes()
        let layer = Layer(type)
        where layer.HasValue
        select (type, layer.Value);

    private static int? Layer(Type type)
    {
        while (type.DeclaringType is { } outer)
        {
            type = outer;
        }

        string name = type.Name.Split('`')[0];
        if (!s_folders.TryGetValue(name, out string? folder))
        {
            return null;                                                      // the compiler's own
        }

        int layer = Array.FindIndex(s_layers, l => l.Folders.Contains(folder));
        return layer >= 0 ? layer : throw new InvalidOperationException($"{type.FullName} stands in '{folder}', which belongs to no layer.");
    }

    /// <summary>The folder, below the library's, of the file that declares each type.</summary>
    private static Dictionary<string, string> FoldersOfTypes()
    {
        string root = Path.Combine(BuiltProgram.Root, "src", "HiMo.MLNet");
        Dictionary<string, string> folders = [];
        foreach (string file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            string folder = Path.GetRelativePath(root, Path.GetDirectoryName(file)!).Split(Path.DirectorySeparatorChar)[0];
            if (folder is not ("bin" or "obj"))
            {
                foreach (Match match in Declaration().Matches(File.ReadAllText(file)))
                {
                    folders[match.Groups[1].Value] = folder == "." ? "" : folder;
                }
            }
        }

        return folders;
    }

    [GeneratedRegex(@"^(?:public |internal |sealed |abstract |static |partial |readonly |unsafe )*(?:class|record struct|record class|record|struct|enum|interface|delegate [\w<>\[\]?]+) (\w+)",
        RegexOptions.Multiline)]
    private static partial Regex Declaration();

    /// <summary>The types that a compiled type refers to.</summary>
    private static class TypeReferences
    {
        private const BindingFlags All = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

        public static HashSet<Type> Of(Type type)
        {
            HashSet<Type> found = [];
            Add(found, type.BaseType);
            foreach (Type contract in type.GetInterfaces())
            {
                Add(found, contract);
            }

            foreach (FieldInfo field in type.GetFields(All))
            {
                Add(found, field.FieldType);
            }

            foreach (MethodBase method in type.GetMethods(All).Concat<MethodBase>(type.GetConstructors(All)))
            {
                Add(found, (method as MethodInfo)?.ReturnType);
                foreach (ParameterInfo parameter in method.GetParameters())
                {
                    Add(found, parameter.ParameterType);
                }

                if (method.GetMethodBody() is { } body)
                {
                    foreach (LocalVariableInfo local in body.LocalVariables)
                    {
                        Add(found, local.LocalType);
                    }

                    foreach ((_, MemberInfo? member) in Instructions.Of(method))
                    {
                        Add(found, member as Type ?? member?.DeclaringType);
                        Add(found, (member as MethodInfo)?.ReturnType ?? (member as FieldInfo)?.FieldType);
                    }
                }
            }

            return found;
        }

        private static void Add(HashSet<Type> found, Type? type)
        {
            if (type is null || type.IsGenericParameter || !found.Add(type))
            {
                return;
            }

            Add(found, type.HasElementType ? type.GetElementType() : type.DeclaringType);
            foreach (Type argument in type.IsGenericType ? type.GetGenericArguments() : [])
            {
                Add(found, argument);
            }
        }
    }
}
