using HiMo.MLNet.Modeling;
using HiMo.MLNet.Onnx;
using HiMo.MLNet.Tests.Modeling;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace HiMo.MLNet.Tests.Onnx;

/// <summary>Exported graphs in ONNX Runtime against the networks here and the original's recorded features.</summary>
public sealed class OnnxExportTests
{
    [Theory]
    [InlineData("tiny-vit")]
    [InlineData("tiny-rn")]
    public void Exported_graphs_embed_as_the_original_does(string name)
    {
        using var clip = new TinyClip(name);
        using var folder = new TemporaryFolder();
        OnnxExport.Save(clip.Model, folder.FullPath, OnnxPrecision.Float32);
        using DisposeScope scope = NewDisposeScope();
        using var vision = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.VisionFile(OnnxPrecision.Float32)));
        using var text = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.TextFile(OnnxPrecision.Float32)));
        Assert.True(Difference(Images(vision, clip.Images), clip.Expected("image_features")) < 1e-5);
        Assert.True(Difference(Texts(text, clip.Tokens), clip.Expected("text_features")) < 1e-5);
    }

    [Theory]
    [InlineData("tiny-vit")]
    [InlineData("tiny-rn")]
    public void One_session_takes_any_batch_and_length(string name)
    {
        using var clip = new TinyClip(name);
        using var folder = new TemporaryFolder();
        OnnxExport.Save(clip.Model, folder.FullPath, OnnxPrecision.Float32);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        using var vision = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.VisionFile(OnnxPrecision.Float32)));
        using var text = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.TextFile(OnnxPrecision.Float32)));
        foreach (long count in (long[])[1, 4])
        {
            Tensor images = clip.Images.narrow(0, 0, count), tokens = clip.Tokens.narrow(0, 0, count);
            Assert.True(Difference(Images(vision, images), clip.Model.EncodeImage(images)) < 1e-5);
            long longest = tokens.argmax(-1).max().item<long>() + 1;
            foreach (long length in (long[])[longest, longest + 1, 248])
            {
                Assert.True(Difference(Texts(text, tokens.narrow(1, 0, length)), clip.Model.EncodeText(tokens)) < 1e-5);
            }
        }
    }

    [Fact]
    public void GELU_and_heads_of_other_widths_are_exported()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        using var folder = new TemporaryFolder();
        using var model = new ClipModel(
            new ClipArchitecture(32, 32, [2], 96, 8, 64, 2) { Activation = ClipActivation.Gelu, VisionHeadWidth = 48, TextHeadWidth = 32 });
        using (var generator = new Generator(5))
        {
            model.Initialize(generator);
        }

        model.eval();
        OnnxExport.Save(model, folder.FullPath, OnnxPrecision.Float32);
        using var vision = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.VisionFile(OnnxPrecision.Float32)));
        using var text = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.TextFile(OnnxPrecision.Float32)));
        Tensor images = tensor([.. Enumerable.Range(0, 2 * 3 * 32 * 32).Select(i => MathF.Sin(i))], [2, 3, 32, 32]);
        Tensor tokens = tensor(new long[,] { { 49_406, 320, 49_407 }, { 49_406, 49_407, 0 } });

        Assert.True(Difference(Images(vision, images), model.EncodeImage(images)) < 1e-5);
        Assert.True(Difference(Texts(text, tokens), model.EncodeText(tokens)) < 1e-5);
    }

    [Theory]
    [InlineData(OnnxPrecision.Float16, 0.9999)]
    [InlineData(OnnxPrecision.Int8, 0.99)]
    public void Narrow_weights_stay_near(OnnxPrecision precision, double cosine)
    {
        using var clip = new TinyClip("tiny-vit");
        using var folder = new TemporaryFolder();
        OnnxExport.Save(clip.Model, folder.FullPath, precision);
        using DisposeScope scope = NewDisposeScope();
        using var vision = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.VisionFile(precision)));
        using var text = new InferenceSession(Path.Combine(folder.FullPath, OnnxExport.TextFile(precision)));
        Assert.InRange(Cosine(Images(vision, clip.Images), clip.Expected("image_features")), cosine, 1.0001);
        Assert.InRange(Cosine(Texts(text, clip.Tokens), clip.Expected("text_features")), cosine, 1.0001);
    }

    private static Tensor Images(InferenceSession session, Tensor images) => Run(session, NamedOnnxValue.CreateFromTensor("pixel_values",
        new DenseTensor<float>(images.contiguous().data<float>().ToArray(), [.. images.shape.Select(n => (int)n)])));

    private static Tensor Texts(InferenceSession session, Tensor tokens) => Run(session, NamedOnnxValue.CreateFromTensor("input_ids",
        new DenseTensor<long>(tokens.contiguous().data<long>().ToArray(), [.. tokens.shape.Select(n => (int)n)])));

    private static Tensor Run(InferenceSession session, NamedOnnxValue input)
    {
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> results = session.Run([input]);
        Tensor<float> values = results[0].AsTensor<float>();
        return tensor(values.ToArray(), [.. values.Dimensions.ToArray().Select(n => (long)n)]);
    }

    private static double Difference(Tensor found, Tensor expected) => ((found - expected).abs().max() / expected.abs().max()).item<float>();

    private static double Cosine(Tensor a, Tensor b) => nn.functional.cosine_similarity(a, b).min().item<float>();
}
