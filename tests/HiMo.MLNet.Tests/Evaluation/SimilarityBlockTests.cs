using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class SimilarityBlockTests
{
    [Theory]
    [InlineData(1, 1, 3)]
    [InlineData(5, 7, 16)]
    [InlineData(4, 9, 37)]
    [InlineData(3, 4, 512)]
    [InlineData(9, 8, 21)]
    public void Equals_inner_products_in_double_precision(int rows, int columns, int dimension)
    {
        EmbeddingMatrix left = RandomEmbeddings(rows, dimension, 1), right = RandomEmbeddings(columns, dimension, 2);
        float[] block = new float[rows * columns];

        SimilarityBlock.Compute(left, 0, rows, right, 0, columns, block);

        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                double expected = 0;
                for (int i = 0; i < dimension; i++)
                {
                    expected += (double)left.Row(r)[i] * right.Row(c)[i];
                }

                Assert.Equal(expected, block[(r * columns) + c], 1e-6);
            }
        }
    }

    [Fact]
    public void Names_dimensions_that_differ()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => SimilarityBlock.Compute(RandomEmbeddings(1, 3, 1), 0, 1, RandomEmbeddings(1, 4, 2), 0, 1, new float[1]));

        Assert.Contains("found 3 and 4", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(64)]
    [InlineData(101)]
    public void Equal_vectors_give_equal_bits_wherever_they_stand(int dimension)
    {
        const int Rows = 7, Columns = 11;
        float[] row = RandomEmbeddings(1, dimension, 3).Row(0).ToArray(), column = RandomEmbeddings(1, dimension, 4).Row(0).ToArray();
        EmbeddingMatrix left = new([.. Enumerable.Repeat(row, Rows).SelectMany(v => v)], dimension);
        EmbeddingMatrix right = new([.. Enumerable.Repeat(column, Columns).SelectMany(v => v)], dimension);
        float[] block = new float[Rows * Columns];

        SimilarityBlock.Compute(left, 0, Rows, right, 0, Columns, block);

        float alone = SimilarityBlock.Dot(row, column);
        Assert.Equal(SimilarityBlock.Dot(column, row), alone);
        Assert.All(block, similarity => Assert.Equal(alone, similarity));
    }

    internal static EmbeddingMatrix RandomEmbeddings(int count, int dimension, int seed)
    {
        Random random = new(seed);
        float[] values = new float[count * dimension];
        foreach (ref float value in values.AsSpan())
        {
            value = (float)(random.NextDouble() - 0.5);
        }

        return new EmbeddingMatrix(values, dimension).Normalize();
    }
}
