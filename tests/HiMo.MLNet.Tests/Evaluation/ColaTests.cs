using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class ColaTests
{
    [Fact]
    public void A_row_is_right_when_both_captions_prefer_their_own_image()
    {
        // Four rows: both right, caption A wrong, caption B wrong, both level.
        EmbeddingMatrix images = new EmbeddingMatrix([1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1], 2).Normalize();
        EmbeddingMatrix texts = new EmbeddingMatrix([2, 1, 1, 2, 1, 2, 1, 2, 2, 1, 2, 1, 1, 1, 1, 1], 2).Normalize();

        ColaMetrics metrics = Cola.Evaluate(images, texts);

        Assert.Equal((4, 1), (metrics.RowCount, metrics.CorrectCount));
        Assert.Equal(25, metrics.Accuracy);
    }

    [Fact]
    public void A_constant_embedding_is_never_right()
    {
        EmbeddingMatrix constant = new EmbeddingMatrix([.. Enumerable.Repeat(0.3f, 8 * 5)], 5).Normalize();

        Assert.Equal(0, Cola.Evaluate(constant, constant).Accuracy);
    }

    [Fact]
    public void Half_a_row_is_refused()
    {
        EmbeddingMatrix three = new EmbeddingMatrix([1, 0, 0, 1, 1, 1], 2).Normalize();

        Assert.Contains("3 images", Assert.Throws<ArgumentException>(() => Cola.Evaluate(three, three)).Message);
    }
}
