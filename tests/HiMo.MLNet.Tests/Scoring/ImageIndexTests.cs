using HiMo.MLNet.Metrics;
using HiMo.MLNet.Scoring;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Scoring;

[Collection(MeasuresMemory.Name)]
public sealed class ImageIndexTests
{
    // Few directions, so that most cosines have equals far away.
    private static float[] Direction(int i) => [i % 5, 2 + (i % 3), i % 7];

    private static ImageIndex Index(int images)
    {
        var builder = new ImageIndexBuilder(3);
        for (int i = 0; i < images; i++)
        {
            builder.Add($"{i}", new VBuffer<float>(3, Direction(i)));
        }

        return builder.Build();
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(90, 3, 90)]
    [InlineData((2 * ImageIndexBuilder.BlockRows) + 70, 70, 25)]
    public void Every_query_of_a_batch_finds_the_nearest_of_all_blocks_and_of_equal_ones_the_first(int images, int queries, int k)
    {
        float[][] asked = [.. Enumerable.Range(0, queries).Select(i => i == 2 ? [float.NaN, 0, 0] : Direction(11 * i))];
        var names = new ReadOnlyMemory<char>[queries * k];
        float[] scores = new float[queries * k];

        Index(images).Search(asked, k, names, scores);

        EmbeddingMatrix rows = new EmbeddingMatrix([.. Enumerable.Range(0, images).SelectMany(Direction)], 3).Normalize();
        for (int query = 0; query < queries; query++)
        {
            IEnumerable<string> found = names.Skip(query * k).Take(k).Select(name => name.ToString());
            if (query == 2)
            {
                Assert.All(found, Assert.Empty);
                continue;
            }

            float[] direction = new EmbeddingMatrix([.. asked[query]], 3).Normalize().Row(0).ToArray();
            (int Row, float Cosine)[] expected = [.. Enumerable.Range(0, images)
                .Select(i => (Row: i, Cosine: SimilarityBlock.Dot(direction, rows.Row(i)))).OrderByDescending(image => image.Cosine).Take(k)];
            Assert.Equal(expected.Select(image => $"{image.Row}"), found);
            Assert.Equal(expected.Select(image => image.Cosine), scores.Skip(query * k).Take(k));
        }
    }

    [Fact]
    public void Building_allocates_little_more_than_the_embeddings()
    {
        const int images = 5 * ImageIndexBuilder.BlockRows, dimension = 64;
        VBuffer<float> embedding = new(dimension, [.. Enumerable.Repeat(1f, dimension)]);
        long before = GC.GetAllocatedBytesForCurrentThread();

        var builder = new ImageIndexBuilder(dimension);
        for (int i = 0; i < images; i++)
        {
            builder.Add("image", embedding);
        }

        Assert.Equal(images, builder.Build().Count);
        // The list of names grows by doubling, and so does the first block.
        double names = 4.0 * images * IntPtr.Size, embeddings = images * (double)dimension * sizeof(float);
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before - names) / embeddings, 0.5, 1.3);
    }

    [Fact]
    public void A_search_computes_no_matrix_of_all_cosines()
    {
        ImageIndex index = Index(4 * ImageIndexBuilder.BlockRows);
        float[][] queries = [.. Enumerable.Range(0, 64).Select(Direction)];
        var names = new ReadOnlyMemory<char>[64];
        float[] scores = new float[64];
        long before = GC.GetTotalAllocatedBytes(precise: true);

        index.Search(queries, 1, names, scores);

        // All cosines would take 4 MB.
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 1_000_000);
    }
}
