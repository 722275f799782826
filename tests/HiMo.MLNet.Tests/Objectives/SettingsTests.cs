using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

/// <summary>What objectives accept, as settings and as embeddings.</summary>
public sealed class SettingsTests
{
    public static TheoryData<ContrastiveObjective> Within =>
    [
        new ClipObjective { LabelSmoothing = 0 }, new ClipObjective { LabelSmoothing = 0.999 },
        new ClipObjective { GradientPaths = GradientPaths.LocalOnly },
        new HiMoObjective { VarianceRatio = 1e-9 }, new HiMoObjective { VarianceRatio = 1 }, new HiMoObjective { ComponentWeight = 0 },
        new LongClipObjective { ImageComponents = 1 }, new SmartClipObjective { SparsityWeight = 0 },
        new SmartClipObjective { AlignmentWeight = 1e-9, MaskNetworkLearningRate = 1e-9 },
    ];

    public static TheoryData<ContrastiveObjective, string> Beyond => new()
    {
        { new ClipObjective { LabelSmoothing = -0.001 }, "ClipObjective.LabelSmoothing must be in [0, 1)" },
        { new HiMoObjective { LabelSmoothing = 1 }, "HiMoObjective.LabelSmoothing must be in [0, 1)" },
        { new LongClipObjective { LabelSmoothing = double.NaN }, "LongClipObjective.LabelSmoothing must be in [0, 1)" },
        { new SmartClipObjective { GradientPaths = (GradientPaths)7 }, "SmartClipObjective.GradientPaths must be a value of the" },
        { new HiMoObjective { VarianceRatio = 0 }, "HiMoObjective.VarianceRatio must be in (0, 1]" },
        { new HiMoObjective { VarianceRatio = 1.001 }, "HiMoObjective.VarianceRatio must be in (0, 1]" },
        { new HiMoObjective { ComponentWeight = -0.001 }, "HiMoObjective.ComponentWeight must be at least 0" },
        { new HiMoObjective { ComponentWeight = double.PositiveInfinity }, "HiMoObjective.ComponentWeight must be at least 0" },
        { new LongClipObjective { ImageComponents = 0 }, "LongClipObjective.ImageComponents must be at least 1" },
        { new SmartClipObjective { AlignmentWeight = 0 }, "SmartClipObjective.AlignmentWeight must be a" },
        { new SmartClipObjective { AlignmentWeight = double.PositiveInfinity }, "SmartClipObjective.AlignmentWeight must be a" },
        { new SmartClipObjective { SparsityWeight = -0.001 }, "SmartClipObjective.SparsityWeight must be at least 0" },
        { new SmartClipObjective { SparsityWeight = double.PositiveInfinity }, "SmartClipObjective.SparsityWeight must be at least 0" },
        { new SmartClipObjective { MaskNetworkLearningRate = 0 }, "SmartClipObjective.MaskNetworkLearningRate must be a" },
        { new SmartClipObjective { MaskNetworkLearningRate = double.NaN }, "SmartClipObjective.MaskNetworkLearningRate must be a" },
        { new SmartClipObjective { MaskNetworkLearningRate = 1 / 0.0 }, "SmartClipObjective.MaskNetworkLearningRate must be a" },
    };

    [Theory]
    [MemberData(nameof(Within))]
    public void Settings_at_their_bounds_are_accepted(ContrastiveObjective objective) => objective.Validate();

    [Theory]
    [MemberData(nameof(Beyond))]
    public void Settings_beyond_their_bounds_are_named(ContrastiveObjective objective, string expected) =>
        Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(objective.Validate).Message, StringComparison.Ordinal);

    private static ContrastiveBatch Two(int captions) => new(
        zeros(2, 3, 1, 1, dtype: ScalarType.Byte),
        [.. Enumerable.Range(0, captions).Select(_ => tensor(new long[,] { { 1, 9 }, { 2, 9 } }))],
        Arithmetic.Range(2, CPU));

    [Fact]
    public void One_text_of_another_shape_among_others_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();

        ArgumentException error = Assert.Throws<ArgumentException>(() =>
            new LongClipObjective().Compute(randn(2, 4), [randn(2, 4), randn(2, 5)], tensor(0f), Two(captions: 2)));

        Assert.Contains("LongClipObjective takes image and text embeddings of one shape (N, d)", error.Message, StringComparison.Ordinal);
        Assert.Contains("(2, 5)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_embeddings_have_one_component_however_many_are_asked_for()
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.Equal(1, PrincipalComponents.Keep(ones(3, 2), _ => 32).Count);
    }

    [Fact]
    public void A_batch_frees_what_it_holds()
    {
        ContrastiveBatch batch = Two(captions: 2);
        Tensor[] held = [batch.Images, .. batch.Tokens, .. batch.Captions, batch.ImageIds];

        batch.Dispose();

        Assert.All(held, t => Assert.True(t.IsInvalid));
    }
}
