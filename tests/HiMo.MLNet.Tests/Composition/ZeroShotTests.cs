using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Composition;

public sealed class ZeroShotTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const string Template = "The top is {0}.";
    private static readonly string[] s_labels = ["red", "green", "blue", "yellow"];

    private ITransformer Named(HiMoClipTransformer classifier) =>
        classifier.Append(tiny.MLContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(classifier.Transform(tiny.Data)));

    /// <summary>The cosine of every image with its best label, by the Similarity column.</summary>
    private float[] BestCosines(HiMoClipTransformer model)
    {
        float[][] byLabel = [.. s_labels.Select(label => model.Transform(tiny.MLContext.Data.LoadFromEnumerable(
            tiny.Images.Rows.Select(r => new ToyImages.Row { ImagePath = r.ImagePath, Caption = Template.Replace("{0}", label, StringComparison.Ordinal) }).ToArray()))
            .GetColumn<float>("Similarity").ToArray())];
        return [.. Enumerable.Range(0, tiny.Images.Rows.Count).Select(i => byLabel.Max(cosines => cosines[i]))];
    }

    [Fact]
    public void Below_the_threshold_there_is_no_label_and_the_scores_stay()
    {
        using HiMoClipTransformer model = tiny.Fit();
        float[] cosines = BestCosines(model), sorted = [.. cosines.Order()];
        int gap = Enumerable.Range(0, sorted.Length - 1).MaxBy(i => sorted[i + 1] - sorted[i]);
        float threshold = (sorted[gap] + sorted[gap + 1]) / 2;

        using HiMoClipTransformer open = model.ForZeroShot(s_labels, [Template], threshold: threshold), closed = model.ForZeroShot(s_labels, [Template]);
        IDataView scored = open.Transform(tiny.Data), always = closed.Transform(tiny.Data);

        string[] labels = [.. Named(closed).Transform(tiny.Data).GetColumn<string>("PredictedLabel")];
        Assert.All(labels, label => Assert.Contains(label, s_labels));
        Assert.Equal(labels.Select((label, i) => cosines[i] < threshold ? "" : label), Named(open).Transform(tiny.Data).GetColumn<string>("PredictedLabel"));
        Assert.Equal(cosines.Select(c => c < threshold), scored.GetColumn<uint>("PredictedLabel").Select(key => key == 0));
        Assert.Equal(always.GetColumn<float[]>("Score"), scored.GetColumn<float[]>("Score"));
    }

    [Fact]
    public void The_threshold_is_kept_in_the_zip()
    {
        string zip = tiny.FileName("nothing.zip");
        using (HiMoClipTransformer nothing = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels, threshold: 1).Fit(tiny.Data))
        {
            tiny.MLContext.Model.Save(nothing, tiny.Data.Schema, zip);
        }

        ITransformer loaded = tiny.MLContext.Model.Load(zip, out _);

        Assert.All(loaded.Transform(tiny.Data).GetColumn<uint>("PredictedLabel"), key => Assert.Equal(0u, key));
    }

    [Theory]
    [InlineData(1.5f)]
    [InlineData(float.NaN)]
    public void A_threshold_that_is_no_cosine_is_refused(float threshold)
    {
        using HiMoClipTransformer model = tiny.Fit();

        Assert.Contains("must be a cosine", Assert.Throws<ArgumentOutOfRangeException>(() => model.ForZeroShot(s_labels, threshold: threshold)).Message, StringComparison.Ordinal);
        Assert.Contains("Threshold must be a cosine", Assert.Throws<ArgumentOutOfRangeException>(
            () => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels, threshold: threshold)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_threshold_without_labels_and_labels_without_images_are_refused()
    {
        Assert.Contains("Threshold must be null where there are no Labels", Assert.Throws<ArgumentOutOfRangeException>(
            () => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, threshold: 0.2f)).Message, StringComparison.Ordinal);
        Assert.Contains("ImageColumnName must be a column name where there are Labels", Assert.Throws<ArgumentOutOfRangeException>(
            () => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, imageColumnName: null, labels: s_labels)).Message, StringComparison.Ordinal);
    }

    private sealed class LabelKey
    {
        public string Label { get; set; } = "";
    }

    [Fact]
    public void ML_NET_evaluates_the_classifier_when_the_labels_are_keys_in_its_order()
    {
        using HiMoClipTransformer classifier = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels).Fit(tiny.Data);
        string[] predicted = [.. Named(classifier).Transform(tiny.Data).GetColumn<string>("PredictedLabel")];
        // A quarter of the labels is what the classifier says. The first to occur is not its first label.
        var rows = tiny.Images.Rows.Select((r, i) => new { r.ImagePath, Label = i % 4 == 3 ? predicted[i] : s_labels[(Array.IndexOf(s_labels, predicted[i]) + 1) % 4] }).ToArray();
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(rows);
        IDataView order = tiny.MLContext.Data.LoadFromEnumerable(s_labels.Select(label => new LabelKey { Label = label }));

        MulticlassClassificationMetrics Evaluate(float? threshold) => tiny.MLContext.MulticlassClassification.Evaluate(
            tiny.MLContext.Transforms.Conversion.MapValueToKey("Label", keyData: order)
                .Append(tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels, threshold: threshold)).Fit(data).Transform(data));

        Assert.Equal(0.25, Evaluate(threshold: null).MicroAccuracy);
        Assert.Equal(4, Evaluate(threshold: null).ConfusionMatrix.NumberOfClasses);
        // Evaluate looks at the scores, which a threshold leaves.
        Assert.Equal(0.25, Evaluate(threshold: 1).MicroAccuracy);
    }
}
