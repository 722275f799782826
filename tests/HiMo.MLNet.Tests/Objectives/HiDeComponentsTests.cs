using HiMo.MLNet.Objectives;
using HiMo.MLNet.Tests.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

public sealed class HiDeComponentsTests
{
    [Fact]
    public void Tells_variances_and_how_far_each_text_lies_along_a_component()
    {
        // (±2, 0) and (0, ±1) about (1, 1), with a zero behind.
        float[] texts = [3, 1, 0, -1, 1, 0, 1, 2, 0, 1, 0, 0];

        var components = HiDeComponents.Of(texts, 3, 2);

        Assert.Equal([8, 2, 0, 0], components.Variance.Select(v => Math.Round(v, 12)));
        Assert.Equal([0.8, 0.2, 0, 0], components.Shares().Select(v => Math.Round(v, 12)));
        Assert.Equal([2, 2, 0, 0], components.Loadings[0].Select(v => Math.Round(Math.Abs(v), 9)));
        Assert.Equal([0, 0, 1, 1], components.Loadings[1].Select(v => Math.Round(Math.Abs(v), 9)));
        Assert.Equal(-components.Loadings[0][0], components.Loadings[0][1], 9);
        Assert.Equal((1, 2), (components.Count(0.8), components.Count(0.81)));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void Keeps_as_many_components_as_training_does(double ratio)
    {
        using DisposeScope scope = NewDisposeScope();
        using var tiny = new TinyClip("tiny-vit");
        Tensor texts = nn.functional.normalize(tiny.Expected("text_features"), dim: 1);

        Assert.Equal(HiDe.Decompose(texts, ratio).Count, HiDeComponents.Of(texts.data<float>().ToArray(), (int)texts.shape[1], 1).Count(ratio));
    }

    [Fact]
    public void Equal_texts_have_one_component()
    {
        var components = HiDeComponents.Of([1, 2, 1, 2, 1, 2], 2, 5);

        Assert.Equal(3, components.Loadings.Count);
        Assert.Equal(1, components.Count(0.9));
    }
}
