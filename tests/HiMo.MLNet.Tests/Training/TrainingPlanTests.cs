using HiMo.MLNet.Training;

namespace HiMo.MLNet.Tests.Training;

public sealed class TrainingPlanTests
{
    private static TrainingPlan Plan(long pairs, Action<HiMoClipOptions>? change = null)
    {
        var options = new HiMoClipOptions { BatchSize = 8, Epochs = 3 };
        change?.Invoke(options);
        return TrainingPlan.Of(options, pairs);
    }

    [Theory]
    [InlineData(16, false, 2)]
    [InlineData(17, false, 2)]                                                // a pair alone has nothing to contrast with
    [InlineData(18, false, 3)]
    [InlineData(18, true, 2)]
    [InlineData(2, false, 1)]
    [InlineData(8, true, 1)]
    public void An_epoch_has_the_batches_that_its_pairs_fill_and_one_of_the_rest(long pairs, bool dropLast, int steps)
    {
        TrainingPlan plan = Plan(pairs, o => o.DropLastBatch = dropLast);

        Assert.Equal((steps, 3 * steps), (plan.StepsAnEpoch, plan.Steps));
    }

    [Theory]
    [InlineData(1, false, "at least 2 rows with an image and a caption; the data has 1")]
    [InlineData(7, true, "DropLastBatch leaves nothing to train on: the data has 7 rows, a batch is 8")]
    public void Too_few_pairs_are_refused(long pairs, bool dropLast, string expected)
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Plan(pairs, o => o.DropLastBatch = dropLast));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void So_many_steps_that_they_cannot_be_counted_end_at_the_largest_number() =>
        Assert.Equal(int.MaxValue, Plan(80_000_000, o => o.Epochs = 1_000).Steps);

    [Theory]
    [InlineData(null, 60, 6)]                                                 // a tenth of the steps
    [InlineData(null, 3_000, 200)]                                            // as published
    [InlineData(17, 60, 17)]
    public void The_warm_up_is_a_tenth_of_the_steps_and_at_most_the_published_one(int? set, int steps, int expected) =>
        Assert.Equal(expected, Plan(80, o => (o.Epochs, o.MaxSteps, o.WarmupSteps) = (1_000, steps, set)).WarmupSteps);

    [Fact]
    public void The_rate_is_the_published_one_for_fine_tuning_and_a_larger_one_from_scratch()
    {
        Assert.Equal(1e-3, Plan(16).LearningRate);
        Assert.Equal(1e-6, Plan(16, o => o.Checkpoint = "model.pt").LearningRate);
        Assert.Equal(0.5, Plan(16, o => (o.Checkpoint, o.LearningRate) = ("model.pt", 0.5)).LearningRate);
    }
}
