using HiMo.MLNet.Modeling;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

/// <summary>A small CLIP of the golden files, with the inputs and results that PyTorch recorded for it.</summary>
internal sealed class TinyClip : IDisposable
{
    private readonly Dictionary<string, (long[] Shape, float[] Values)> _expected;

    /// <param name="name">"tiny-vit" or "tiny-rn".</param>
    /// <param name="extension">"pt" or "safetensors".</param>
    public TinyClip(string name, string extension = "safetensors")
    {
        _expected = GoldenFile.Read($"{name}.expected.safetensors");
        Model = ClipWeights.Load(GoldenFile.PathOf($"{name}.{extension}"));
        Model.eval();   // batch norm on its running statistics
        Images = Expected("images");
        Tokens = Expected("tokens").to(ScalarType.Int64);
    }

    public ClipModel Model { get; }

    /// <summary>(6, 3, 64, 64)</summary>
    public Tensor Images { get; }

    /// <summary>(6, 248)</summary>
    public Tensor Tokens { get; }

    public IEnumerable<string> ExpectedNames => _expected.Keys;

    public Tensor Expected(string name) => tensor(_expected[name].Values, _expected[name].Shape);

    public void Dispose()
    {
        Model.Dispose();
        Images.Dispose();
        Tokens.Dispose();
    }
}
