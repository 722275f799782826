using HiMo.MLNet.Modeling;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>A ViT-B/16 of random weights.</summary>
internal static class RandomModel
{
    public static void Write(string path)
    {
        using var model = new ClipModel(ClipArchitecture.ViTB16);
        using (var generator = new Generator(1))
        {
            model.Initialize(generator);
        }

        using FileStream file = File.Create(path);
        ClipWeights.Save(model, file);
    }
}
