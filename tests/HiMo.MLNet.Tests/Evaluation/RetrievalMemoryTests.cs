using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

[Collection(MeasuresMemory.Name)]
public sealed class RetrievalMemoryTests
{
    [Fact]
    public void Never_holds_the_similarity_matrix()
    {
        // The whole matrix would take 120 MB.
        EmbeddingMatrix images = SimilarityBlockTests.RandomEmbeddings(3_000, 8, 1), texts = SimilarityBlockTests.RandomEmbeddings(10_000, 8, 2);
        int[] imageOfText = [.. Enumerable.Range(0, 10_000).Select(t => t % 3_000)];
        long before = GC.GetTotalAllocatedBytes(precise: true);

        Retrieval.Evaluate(images, texts, imageOfText);

        long perWorker = 2 * sizeof(int) * 10_000 + 64 * 128 * sizeof(float);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 4_000_000 + (Environment.ProcessorCount * perWorker));
    }
}
