using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Tests.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

/// <summary>The equations of the objectives against values worked out by hand.</summary>
public sealed class ObjectiveTests
{
    private static ContrastiveBatch Two(int captions = 1) => new(
        zeros(2, 3, 1, 1, dtype: ScalarType.Byte), [.. Enumerable.Range(0, captions).Select(_ => tensor(new long[,] { { 1, 9 }, { 2, 9 } }))],
        Arithmetic.Range(2, CPU));

    // −ln σ(x): the cross-entropy of two logits whose right one is larger by x.
    private static double Against(double margin) => Math.Log(1 + Math.Exp(-margin));

    [Fact]
    public void CLIP_is_the_mean_cross_entropy_of_rows_and_columns()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor v = tensor(new float[,] { { 1, 0 }, { 0, 2 } }), u = tensor(new float[,] { { 3, 4 }, { 0, 1 } });
        // Normalised: v = (1, 0), (0, 1); u = (0.6, 0.8), (0, 1). With s = 10 the products are 6, 0 / 8, 10.
        double expected = (((Against(6) + Against(2)) / 2) + ((Against(-2) + Against(10)) / 2)) / 2;

        ObjectiveValue value = new ClipObjective { LabelSmoothing = 0 }.Compute(v, [u], tensor(Math.Log(10), ScalarType.Float32), Two());

        Assert.Equal(expected, value.Total.item<float>(), 5);
    }

    [Fact]
    public void Long_CLIP_aligns_rebuilt_images_with_first_sentences()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor v = tensor(new float[,] { { 1, 0 }, { 0, 1 } }), u = v.clone(), brief = tensor(new float[,] { { 0.8f, 0.6f }, { 0.6f, 0.8f } });
        // Two points lie on a line: one component rebuilds V exactly. Margins with s = 10: 10 for the long texts, 2 for the short ones.
        ObjectiveValue value = new LongClipObjective { LabelSmoothing = 0, ImageComponents = 1 }
            .Compute(v, [u, brief], tensor(Math.Log(10), ScalarType.Float32), Two(captions: 2));

        Assert.Equal(Against(10) + Against(2), value.Total.item<float>(), 5);
        Assert.Equal(["long", "short"], value.Parts.Select(p => p.Name));
    }

    [Fact]
    public void Long_CLIP_keeps_the_leading_components_of_the_images_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        // Variance 8 along x, 2 along y, mean (0, 0): one component is the x axis.
        Tensor points = tensor(new float[,] { { 2, 0 }, { -2, 0 }, { 0, 1 }, { 0, -1 } });
        (Tensor kept, int count) = PrincipalComponents.Keep(points, _ => 1);

        Closeness.Within(1e-6, tensor(new float[,] { { 2, 0 }, { -2, 0 }, { 0, 0 }, { 0, 0 } }), kept, "kept");
        Assert.Equal(1, count);
        Closeness.Within(1e-6, points, PrincipalComponents.Keep(points, _ => 32).Rebuilt, "all components");
    }

    [Fact]
    public void SmartCLIP_compares_under_each_texts_own_mask()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor v = tensor(new float[,] { { 0.6f, 0.8f, 0 }, { 0, 0.6f, 0.8f } }), u = tensor(new float[,] { { 1, 0, 0 }, { 0, 0, 1 } });
        Tensor m = tensor(new float[,] { { 1, 0, 1 }, { 0, 1, 1 } });
        // v ⊙ m, normalised: image 1 under mask 1 is (1, 0, 0), under mask 2 (0, 1, 0); image 2 is (0, 0, 1) and (0, .6, .8).
        // Logits with s = 10: 10, 0 / 0, 8. Both rows and columns have the margins 10 and 8.
        double align = Against(10) + Against(8);
        var objective = new SmartClipObjective { LabelSmoothing = 0, AlignmentWeight = 2, SparsityWeight = 0.3 };

        ObjectiveValue value = objective.Compute(v, [u, m], tensor(Math.Log(10), ScalarType.Float32), Two());

        Assert.Equal((2 * align) + (0.3 * 4 / 6), value.Total.item<float>(), 5);
    }

    [Fact]
    public void A_closed_mask_gives_no_infinities()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor v = randn(2, 3).requires_grad_(), u = randn(2, 3).requires_grad_(), m = zeros(2, 3).requires_grad_();

        ObjectiveValue value = new SmartClipObjective().Compute(v, [u, m], tensor(Math.Log(10), ScalarType.Float32), Two());
        value.Total.backward();

        Assert.True(float.IsFinite(value.Total.item<float>()));
        Assert.All((Tensor[])[v, u, m], t => Assert.True(t.grad!.isfinite().all().item<bool>()));
    }

    [Fact]
    public void Gathered_sides_get_no_gradient_on_local_paths()
    {
        using DisposeScope scope = NewDisposeScope();
        random.manual_seed(1);
        Tensor v = randn(4, 6), u = randn(4, 6);
        var batch = new ContrastiveBatch(zeros(4, 3, 1, 1, dtype: ScalarType.Byte), [randint(1, 99, [4, 5]).to(ScalarType.Int64)], Arithmetic.Range(4, CPU));
        Tensor Gradient(ContrastiveObjective objective, Tensor[] texts)
        {
            Tensor images = v.clone().requires_grad_();
            objective.Compute(images, texts, tensor(Math.Log(10), ScalarType.Float32), batch).Total.backward();
            return images.grad!;
        }
        // On local paths the images learn from their own rows only: half of CLIP's gradient is missing, not rescaled.
        Tensor full = Gradient(new ClipObjective(), [u]), local = Gradient(new ClipObjective { GradientPaths = GradientPaths.LocalOnly }, [u]);
        Assert.True((full - local).abs().max().item<float>() > 1e-3);
        Tensor m = randn(4, 6).IsAbove(0).to(ScalarType.Float32);
        Assert.True((Gradient(new SmartClipObjective(), [u, m]) - Gradient(new SmartClipObjective { GradientPaths = GradientPaths.LocalOnly }, [u, m])).abs().max().item<float>() > 1e-3);
    }
}
