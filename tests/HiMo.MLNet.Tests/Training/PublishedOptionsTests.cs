using Microsoft.ML;

namespace HiMo.MLNet.Tests.Training;

/// <summary>The presets against the papers and the training scripts of their code.</summary>
public sealed class PublishedOptionsTests
{
    [Fact]
    public void HiMo_CLIPs_are_those_of_its_run_train_sh()
    {
        HiMoClipOptions options = HiMoClipPublishedOptions.HiMoClip("ViT-L-14.pt");

        Assert.Equal(("ViT-L-14.pt", 10, 8 * 128, 1e-6, 1e-2, 200), (options.Checkpoint, options.Epochs, options.BatchSize, options.LearningRate, options.WeightDecay, options.WarmupSteps));
        Assert.Equal(4.6052, Math.Log(options.InitialLogitScale!.Value), 12);
        Assert.Equal(double.PositiveInfinity, options.MaxLogitScale);
        HiMoObjective objective = Assert.IsType<HiMoObjective>(options.Objective);
        Assert.Equal((0.9, 1, 0.1, GradientPaths.LocalOnly), (objective.VarianceRatio, objective.ComponentWeight, objective.LabelSmoothing, objective.GradientPaths));
    }

    [Fact]
    public void Long_CLIPs_are_those_of_its_table()
    {
        HiMoClipOptions options = HiMoClipPublishedOptions.LongClip("ViT-B-16.pt");

        Assert.Equal((6, 2048, 1e-6, 1e-2, 200), (options.Epochs, options.BatchSize, options.LearningRate, options.WeightDecay, options.WarmupSteps));
        LongClipObjective objective = Assert.IsType<LongClipObjective>(options.Objective);
        Assert.Equal((32, GradientPaths.Full), (objective.ImageComponents, objective.GradientPaths));
        Assert.Equal([CaptionSampling.Whole, CaptionSampling.UpToFirstPeriod], objective.Needs.Captions(options.CaptionSampling!.Value));
    }

    [Fact]
    public void SmartCLIPs_are_those_that_its_paper_states()
    {
        HiMoClipOptions options = HiMoClipPublishedOptions.SmartClip("ViT-L-14.pt");

        Assert.Equal((1024, 1e-6, CaptionSampling.Mixed), (options.BatchSize, options.LearningRate, options.CaptionSampling));
        Assert.Equal(1e-3, Assert.IsType<SmartClipObjective>(options.Objective).MaskNetworkLearningRate);
    }

    [Fact]
    public void They_train_as_they_are_once_the_precision_suits_the_machine()
    {
        using var images = new ToyImages();
        foreach (Func<string, HiMoClipOptions> published in (Func<string, HiMoClipOptions>[])
            [HiMoClipPublishedOptions.HiMoClip, HiMoClipPublishedOptions.LongClip, HiMoClipPublishedOptions.SmartClip])
        {
            HiMoClipOptions options = published(images.Checkpoint());
            (options.Precision, options.Epochs) = (TrainingPrecision.Float32, 1);
            images.Train(new MLContext(seed: 1), options).Dispose();
        }
    }

    [Fact]
    public void A_checkpoint_is_needed() => Assert.Throws<ArgumentException>(() => HiMoClipPublishedOptions.HiMoClip(" "));
}
