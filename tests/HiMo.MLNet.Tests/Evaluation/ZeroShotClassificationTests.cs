using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class ZeroShotClassificationTests
{
    private static readonly string[] Names = ["cat", "dog", "bird"];

    [Fact]
    public void A_class_is_the_normalised_mean_of_its_normalised_templates()
    {
        // Class 0: (1,0) and (0,1). Class 1: (0.6,0.8) and (0,1), the second given at another length.
        EmbeddingMatrix templates = new EmbeddingMatrix([1, 0, 0, 1, 0.6f, 0.8f, 0, 7], 2).Normalize();

        EmbeddingMatrix classes = ZeroShotClassification.ClassEmbeddings(templates, 2);

        Assert.Equal(2, classes.Count);
        Assert.Equal(Math.Sqrt(0.5), classes.Row(0)[0], 1e-6);
        Assert.Equal(0.3 / Math.Sqrt(0.9), classes.Row(1)[0], 1e-6);
        Assert.Equal(0.9 / Math.Sqrt(0.9), classes.Row(1)[1], 1e-6);
    }

    [Fact]
    public void Counts_recall_and_precision_of_each_class()
    {
        // Given: cat, cat, dog, cat. True: cat, cat, cat, dog. No bird.
        EmbeddingMatrix classes = new EmbeddingMatrix([1, 0, 0, 0, 1, 0, 0, 0, 1], 3).Normalize();
        EmbeddingMatrix images = new EmbeddingMatrix([3, 1, 0, 2, 0, 1, 1, 2, 0, 5, 4, 0], 3).Normalize();

        ZeroShotMetrics metrics = ZeroShotClassification.Evaluate(images, classes, [0, 0, 0, 1], Names);

        Assert.Equal(50, metrics.Top1Accuracy);
        Assert.Equal(100, metrics.Top5Accuracy);
        Assert.Equal(4, metrics.ImageCount);
        Assert.Equal(new ZeroShotClassMetrics("cat", 3, 200.0 / 3, 200.0 / 3), metrics.PerClass[0]);
        Assert.Equal(new ZeroShotClassMetrics("dog", 1, 0, 0), metrics.PerClass[1]);
        Assert.Equal(new ZeroShotClassMetrics("bird", 0, double.NaN, double.NaN), metrics.PerClass[2]);
    }

    [Fact]
    public void Constant_embeddings_score_chance()
    {
        const int Classes = 20, Images = 130;
        EmbeddingMatrix classes = new EmbeddingMatrix([.. Enumerable.Repeat(0.7f, Classes * 9)], 9).Normalize();
        EmbeddingMatrix images = new EmbeddingMatrix([.. Enumerable.Repeat(0.7f, Images * 9)], 9).Normalize();
        string[] names = [.. Enumerable.Range(0, Classes).Select(c => $"class {c}")];

        ZeroShotMetrics metrics = ZeroShotClassification.Evaluate(images, classes, [.. Enumerable.Range(0, Images).Select(i => i % 2)], names);

        Assert.Equal(5, metrics.Top1Accuracy, 1e-9);
        Assert.Equal(25, metrics.Top5Accuracy, 1e-9);
        Assert.Equal(5, metrics.PerClass[0].Recall, 1e-9);
        Assert.Equal(50, metrics.PerClass[0].Precision, 1e-9); // half of all images are of class 0, whichever are given it
        Assert.Equal(0, metrics.PerClass[5].Precision);
    }

    [Fact]
    public void A_tie_for_the_first_place_is_shared()
    {
        EmbeddingMatrix classes = new EmbeddingMatrix([1, 0, 0, 1, -1, 0], 2).Normalize();
        EmbeddingMatrix images = new EmbeddingMatrix([1, 1], 2).Normalize();

        ZeroShotMetrics metrics = ZeroShotClassification.Evaluate(images, classes, [0], Names);

        Assert.Equal(50, metrics.Top1Accuracy, 1e-9);
        Assert.Equal(100, metrics.PerClass[0].Precision, 1e-9);
        Assert.Equal(0, metrics.PerClass[1].Precision);
    }

    [Fact]
    public void Names_what_does_not_fit()
    {
        EmbeddingMatrix three = new EmbeddingMatrix([1, 0, 0, 1, 1, 1], 2).Normalize();

        Assert.Contains("3 classes", Assert.Throws<ArgumentException>(() => ZeroShotClassification.Evaluate(three, three, [0, 1, 2], ["cat"])).Message);
        Assert.Contains("Image 2", Assert.Throws<ArgumentException>(() => ZeroShotClassification.Evaluate(three, three, [0, 1, 3], Names)).Message);
        Assert.Contains("2 texts a class", Assert.Throws<ArgumentException>(() => ZeroShotClassification.ClassEmbeddings(three, 2)).Message);
    }

    [Fact]
    public void The_templates_of_ImageNet_are_eighty()
    {
        Assert.Equal(80, ClipTemplates.ImageNet.Count);
        Assert.Equal(80, ClipTemplates.ImageNet.Distinct().Count());
        Assert.All(ClipTemplates.ImageNet, template => Assert.Equal(2, template.Split("{0}").Length));
        Assert.Equal("a bad photo of a cat.", string.Format(ClipTemplates.ImageNet[0], "cat"));
        Assert.Contains("a {0} in a video game.", ClipTemplates.ImageNet);
        Assert.Equal("a tattoo of the {0}.", ClipTemplates.ImageNet[79]);
    }

    [Fact]
    public void The_published_rows_hold_the_headline()
    {
        PublishedResult row = PublishedResults.All.Single(r => r.Model == "HiMo-CLIP L/14");

        Assert.Equal(new PublishedRecall(93.0, 93.1), row.Urban1k);
        Assert.Equal(0.88, row.HiMoAtK);
        Assert.Equal(7, PublishedResults.All.Count);
    }
}
