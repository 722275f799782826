using Microsoft.ML;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Objectives;

/// <summary>An objective that a user of the library writes.</summary>
public sealed class OwnObjectiveTests
{
    /// <summary>Cross-entropy of the rows of s · V Uᵀ alone, and of first sentences beside whole captions.</summary>
    private sealed class ImageToTextObjective : ContrastiveObjective
    {
        public bool ReadsFirstSentence { get; init; }

        protected internal override ObjectiveNeeds Needs =>
            new() { FurtherCaptions = ReadsFirstSentence ? [CaptionSampling.FirstSentence] : [], MaxLogitScale = 50 };

        protected override ObjectiveValue Loss(EmbeddedBatch batch)
        {
            (string Name, Tensor Value)[] parts = [.. batch.Texts.Select((texts, i) => ($"captions {i}", RowLoss(batch, texts, batch.Targets[i])))];
            return new(parts.Select(part => part.Value).Aggregate((a, b) => a.add(b)), parts);
        }

        private static Tensor RowLoss(EmbeddedBatch batch, Tensor texts, Tensor targets)
        {
            Tensor logits = batch.Scale * batch.Images.matmul(texts.t());
            return -(targets * nn.functional.log_softmax(logits, 1)).sum(1).mean();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_trains_a_model(bool readsFirstSentence)
    {
        using var images = new ToyImages();
        List<TrainingProgress> steps = [];
        HiMoClipOptions options = ToyImages.Options(epochs: 40);
        options.Objective = new ImageToTextObjective { ReadsFirstSentence = readsFirstSentence };
        options.Progress = new Steps(steps);

        using HiMoClipTransformer model = images.Train(new MLContext(3), options);

        Assert.True(steps[^1].Loss < steps[0].Loss - 0.1, $"from {steps[0].Loss} to {steps[^1].Loss}");
        Assert.Equal(readsFirstSentence ? ["captions 0", "captions 1"] : ["captions 0"], steps[0].LossParts.Keys);
    }

    [Fact]
    public void A_loss_of_many_numbers_is_refused()
    {
        using var images = new ToyImages();
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.Objective = new Unreduced();

        string message = Assert.Throws<ArgumentException>(() => images.Train(new MLContext(3), options)).Message;

        Assert.Contains("Unreduced: expected a loss of one number", message, StringComparison.Ordinal);
    }

    private sealed class Unreduced : ContrastiveObjective
    {
        protected override ObjectiveValue Loss(EmbeddedBatch batch) => new(batch.Images.sum(1), []);
    }

    private sealed class Steps(List<TrainingProgress> steps) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => steps.Add(value);
    }
}
