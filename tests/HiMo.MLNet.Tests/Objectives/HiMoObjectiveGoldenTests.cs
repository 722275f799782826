using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Tests.Modeling;
using HiMo.MLNet.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

[Trait("Category", "Fidelity")]
public class HiMoObjectiveGoldenTests
{
    private const double Losses = 1e-5, Gradients = 1e-4, AfterThreeSteps = 1e-3;

    // The untrained ResNet embeds all images almost alike. Without a gradient on the gathered side, a text's gradient is
    // then a sum over images that cancels to a 10,000th of its terms: PyTorch's own float32 figures are up to 4 % away
    // from the same computation in float64, and AdamW, which looks at signs at first, carries that into the next losses.
    private const double CancelledGradients = 5e-2, LossesAfterCancelledGradients = 5e-4;

    [Theory]
    [InlineData("tiny-vit", 0.6)]
    [InlineData("tiny-vit", 0.85)]
    [InlineData("tiny-vit", 0.9)]
    [InlineData("tiny-vit", 0.95)]
    [InlineData("tiny-rn", 0.6)]
    [InlineData("tiny-rn", 0.85)]
    [InlineData("tiny-rn", 0.9)]
    [InlineData("tiny-rn", 0.95)]
    public void HiDe_gives_the_components_of_PyTorchs_singular_value_decomposition(string name, double varianceRatio)
    {
        using DisposeScope scope = NewDisposeScope();
        using var clip = new TinyClip(name);
        Tensor texts = nn.functional.normalize(clip.Expected("text_features"), dim: 1);
        Closeness.Within(1e-5, clip.Expected(FormattableString.Invariant($"hide_{varianceRatio}")), HiDe.Decompose(texts, varianceRatio).Components, "components", $"objectives: HiDe, {name}, four τ");
    }

    [Theory]
    [InlineData("tiny-vit", GradientPaths.Full)]
    [InlineData("tiny-vit", GradientPaths.LocalOnly)]
    [InlineData("tiny-rn", GradientPaths.Full)]
    [InlineData("tiny-rn", GradientPaths.LocalOnly)]
    public void Losses_gradients_and_three_steps_are_those_of_PyTorch(string name, GradientPaths paths)
    {
        using DisposeScope scope = NewDisposeScope();
        using var clip = new TinyClip(name);
        string run = paths == GradientPaths.Full ? "full" : "local";
        bool cancels = name == "tiny-rn" && paths == GradientPaths.LocalOnly;
        var objective = new HiMoObjective { VarianceRatio = 0.9, ComponentWeight = 1, LabelSmoothing = 0.1, GradientPaths = paths };
        var batch = new ContrastiveBatch(clip.Images, [clip.Tokens], Arithmetic.Range(6, CPU));

        // Every parameter, positional_embedding too, which the recorded run did not freeze.
        using var optimizer = new AdamW(clip.Model.named_parameters().Select(p => (p.name, p.parameter, 2e-5)), weightDecay: 1e-2);
        for (int step = 0; step < 3; step++)
        {
            optimizer.ZeroGradients();
            ObjectiveValue value = objective.Compute(clip.Model.EncodeImage(clip.Images), [clip.Model.EncodeText(clip.Tokens)], clip.Model.LogitScale, batch);
            var parts = value.Parts.ToDictionary(p => p.Name, p => p.Value);
            double share = cancels && step > 0 ? LossesAfterCancelledGradients : Losses;
            Closeness.Within(share, clip.Expected($"{run}.step{step}.loss_global"), parts["global"], $"global loss of step {step}", $"objectives: HiMo-CLIP's losses, {name}, {run}");
            Closeness.Within(share, clip.Expected($"{run}.step{step}.loss_component"), parts["component"], $"component loss of step {step}", $"objectives: HiMo-CLIP's losses, {name}, {run}");
            value.Total.backward();
            if (step == 0)
            {
                CompareGradients(clip, $"{run}.grad.", $"{name}, {run}", cancels ? CancelledGradients : Gradients);
            }

            optimizer.Step(factor: 1);
        }

        using IDisposable _ = no_grad();
        Closeness.Within(AfterThreeSteps, clip.Expected($"{run}.after3.image_features"), clip.Model.EncodeImage(clip.Images), "image features", $"optimizer: features after three AdamW steps, {name}, {run}");
        Closeness.Within(AfterThreeSteps, clip.Expected($"{run}.after3.text_features"), clip.Model.EncodeText(clip.Tokens), "text features", $"optimizer: features after three AdamW steps, {name}, {run}");
    }

    private static void CompareGradients(TinyClip clip, string prefix, string run, double textTower)
    {
        Dictionary<string, Tensor> parameters = ClipWeights.Tensors(clip.Model);
        string[] names = [.. clip.ExpectedNames.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))];
        Assert.NotEmpty(names);
        foreach (string name in names)
        {
            string parameter = name[prefix.Length..];
            double share = IsTextTower(parameter) ? textTower : Gradients;
            Closeness.Within(share, clip.Expected(name), parameters[parameter].grad!, name, $"gradients: {(IsTextTower(parameter) ? "text" : "image")} tower, {run}");
        }
    }

    private static bool IsTextTower(string parameter) => parameter != "logit_scale" && !parameter.StartsWith("visual.", StringComparison.Ordinal);

    [Fact]
    public void Embeddings_that_do_not_pair_up_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        var objective = new HiMoObjective();
        Tensor tokens = zeros(4, 8, dtype: ScalarType.Int64);
        foreach ((Tensor? images, Tensor? texts, Tensor? captions) in new[] { (ones(4, 6), ones(4, 5), tokens), (ones(3, 6), ones(4, 6), tokens), (ones(3, 6), ones(3, 6), tokens), (ones(4), ones(4), tokens) })
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => objective.Compute(images, [texts], zeros([]), new ContrastiveBatch(images, [captions], arange(captions.shape[0]))));
            Assert.Contains($"({string.Join(", ", images.shape)})", error.Message);
            Assert.Contains($"({string.Join(", ", texts.shape)})", error.Message);
        }
    }
}
