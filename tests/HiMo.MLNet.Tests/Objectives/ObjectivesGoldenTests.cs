using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Tests.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

/// <summary>
/// Every objective on random embeddings, against the equations in PyTorch: <c>tests/regenerate/objectives.py</c> makes the file.
/// </summary>
[Trait("Category", "Fidelity")]
public sealed class ObjectivesGoldenTests
{
    private const double Loss = 1e-5, Gradient = 1e-4;

    private static readonly Dictionary<string, (long[] Shape, float[] Values)> s_golden =
        GoldenFile.Read("objectives.expected.safetensors");

    private static Tensor Golden(string name) => tensor(s_golden[name].Values).reshape(s_golden[name].Shape);

    private static ContrastiveObjective Objective(string name, GradientPaths paths) => name switch
    {
        "clip" => new ClipObjective { GradientPaths = paths },
        "himo" => new HiMoObjective { GradientPaths = paths, VarianceRatio = 0.8 },
        "long_clip" => new LongClipObjective { GradientPaths = paths, ImageComponents = 4 },
        _ => new SmartClipObjective { GradientPaths = paths, AlignmentWeight = 2, SparsityWeight = 0.3 },
    };

    [Theory]
    [InlineData("clip", "CLIP", "images", "texts")]
    [InlineData("himo", "HiMo-CLIP", "images", "texts")]
    [InlineData("long_clip", "Long-CLIP", "images", "texts", "short_texts")]
    [InlineData("smart_clip", "SmartCLIP", "images", "texts", "masks")]
    public void Losses_and_gradients_are_those_of_PyTorch(string name, string title, params string[] embeddings)
    {
        foreach (GradientPaths paths in (GradientPaths[])[GradientPaths.Full, GradientPaths.LocalOnly])
        {
            using DisposeScope scope = NewDisposeScope();
            string run = $"{name}.{(paths == GradientPaths.Full ? "full" : "local")}";
            Tensor[] leaves = [.. embeddings.Select(Golden), Golden("logit_scale").squeeze()];
            Assert.All(leaves, leaf => leaf.requires_grad_());
            Tensor captions = Arithmetic.Range(leaves[0].shape[0], CPU).unsqueeze(1);
            var batch = new ContrastiveBatch(
                zeros(captions.shape[0], 3, 1, 1, dtype: ScalarType.Byte),
                [.. embeddings.Where(e => e.EndsWith("texts", StringComparison.Ordinal)).Select(_ => captions)],
                Arithmetic.Range(captions.shape[0], CPU));

            Tensor total = Objective(name, paths).Compute(leaves[0], leaves[1..^1], leaves[^1], batch).Total;
            total.backward();

            string stage = $"{title}'s loss, random embeddings, full and local";
            Closeness.Within(Loss, Golden($"{run}.loss"), total, $"{run}, loss", $"objectives: {stage}");
            string[] recorded = [.. s_golden.Keys.Where(key => key.StartsWith($"{run}.grad.", StringComparison.Ordinal))];
            Assert.Equal([.. embeddings.Select(e => $"{run}.grad.{e}"), $"{run}.grad.logit_scale"], recorded);
            foreach ((string gradient, Tensor leaf) in recorded.Zip(leaves))
            {
                Closeness.Within(Gradient, Golden(gradient), leaf.grad!, gradient, $"gradients: {stage}");
            }
        }
    }
}
