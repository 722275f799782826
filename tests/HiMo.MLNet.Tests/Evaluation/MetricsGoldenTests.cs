using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

/// <summary>Every metric on random embeddings, against full sorts in Python: <c>tests/regenerate/metrics.py</c> makes the file.</summary>
[Trait("Category", "Fidelity")]
public sealed class MetricsGoldenTests
{
    private static readonly Dictionary<string, (long[] Shape, float[] Values)> s_golden = GoldenFile.Read("metrics.expected.safetensors");

    [Fact]
    public void Recall_is_that_of_a_full_sort()
    {
        RetrievalMetrics metrics = Retrieval.Evaluate(Embeddings("images"), Embeddings("texts"), Numbers("image_of_text"));
        Same("image_to_text_1", metrics.ImageToTextRecallAt1);
        Same("image_to_text_5", metrics.ImageToTextRecallAt5);
        Same("image_to_text_10", metrics.ImageToTextRecallAt10);
        Same("text_to_image_1", metrics.TextToImageRecallAt1);
        Same("text_to_image_5", metrics.TextToImageRecallAt5);
        Same("text_to_image_10", metrics.TextToImageRecallAt10);
    }

    [Fact]
    public void HiMo_is_the_share_that_rises_and_the_mean_correlation()
    {
        Same("himo_2", SemanticMonotonicity.HiMoAt2(Similarities(2)).Score);
        Same("himo_3", SemanticMonotonicity.HiMoAt3(Similarities(3)).Score);
        Same("himo_k", SemanticMonotonicity.HiMoAtK(Similarities(5), 5).Score);
    }

    [Fact]
    public void Cola_is_the_share_of_pairs_that_are_both_right() =>
        Same("cola", Cola.Evaluate(Embeddings("images"), Embeddings("cola_texts")).Accuracy);

    [Fact]
    public void Zero_shot_accuracy_is_that_of_a_full_sort()
    {
        EmbeddingMatrix classes = Embeddings("classes");
        ZeroShotMetrics metrics = ZeroShotClassification.Evaluate(
            Embeddings("class_images"), classes, Numbers("labels"), [.. Enumerable.Range(0, classes.Count).Select(i => $"class {i}")]);
        Same("zero_shot_1", metrics.Top1Accuracy);
        Same("zero_shot_5", metrics.Top5Accuracy);
    }

    private static EmbeddingMatrix Embeddings(string name) =>
        new EmbeddingMatrix([.. s_golden[name].Values], (int)s_golden[name].Shape[1]).Normalize();

    private static int[] Numbers(string name) => [.. s_golden[name].Values.Select(value => (int)value)];

    private static IEnumerable<float[]> Similarities(int k) => s_golden[$"similarities_{k}"].Values.Chunk(k);

    private static void Same(string metric, double value)
    {
        double expected = Assert.Single(s_golden[metric].Values);
        double difference = Math.Abs(value - expected) / Math.Abs(expected);
        Fidelity.Record("metrics: recall, HiMo@2, 3 and K, COLA, zero-shot accuracy", 1, difference, "of the value");
        Assert.InRange(difference, 0, 1e-6);
    }
}
