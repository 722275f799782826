using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class EmbeddingMatrixTests
{
    [Fact]
    public void Scales_rows_to_length_one()
    {
        EmbeddingMatrix matrix = new EmbeddingMatrix([3, 4, 0, -2], 2).Normalize();

        Assert.Equal([0.6f, 0.8f], matrix.Row(0).ToArray());
        Assert.Equal([0f, -1f], matrix.Row(1).ToArray());
    }

    [Theory]
    [InlineData(1e-22f)]
    [InlineData(1e-30f)]
    [InlineData(1e-45f)]
    [InlineData(3e38f)]
    public void Normalizes_rows_whose_squares_leave_the_range_of_a_float(float scale)
    {
        EmbeddingMatrix matrix = new EmbeddingMatrix([scale, -scale, scale, scale], 4).Normalize();

        Assert.Equal([0.5f, -0.5f, 0.5f, 0.5f], matrix.Row(0).ToArray());
    }

    [Fact]
    public void Leaves_a_row_of_zeros_alone() => Assert.Equal([0f, 0f], new EmbeddingMatrix([0, 0], 2).Normalize().Row(0).ToArray());

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Refuses_a_row_that_is_not_finite_and_names_it(float bad)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new EmbeddingMatrix([1, 2, 3, 4, 5, bad], 2));

        Assert.Contains("row 2", error.Message);
        Assert.Contains("column 1", error.Message);
    }

    [Fact]
    public void Refuses_half_a_row() => Assert.Throws<ArgumentException>(() => new EmbeddingMatrix([1, 2, 3], 2));
}
