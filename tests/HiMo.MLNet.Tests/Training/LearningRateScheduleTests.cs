using HiMo.MLNet.Training;

namespace HiMo.MLNet.Tests.Training;

public sealed class LearningRateScheduleTests
{
    [Theory]
    [InlineData(0, 0.25)]
    [InlineData(3, 1.0)]
    [InlineData(4, 1.0)]
    [InlineData(8, 0.5)]                                                      // halfway down the cosine
    [InlineData(12, 0.0)]
    public void Warms_up_linearly_and_falls_along_a_cosine(int step, double expected) =>
        Assert.Equal(expected, new LearningRateSchedule(1, 4, 12).At(step), 12);
}
