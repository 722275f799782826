using HiMo.MLNet.Interop;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Composition;

public sealed class SchemaTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly string[] s_labels = ["red", "green", "blue"];

    private IDataView Images => tiny.MLContext.Data.LoadFromEnumerable(tiny.Images.Rows.Select(r => new { r.ImagePath }).ToArray());

    private IDataView Captions => tiny.MLContext.Data.LoadFromEnumerable(tiny.Images.Rows.Select(r => new { r.Caption }).ToArray());

    private IDataView Bytes => tiny.MLContext.Data.LoadFromEnumerable(tiny.Images.Rows.Select(r => new { ImagePath = File.ReadAllBytes(r.ImagePath) }).ToArray());

    [Fact]
    public void Added_columns_have_fixed_sizes_and_named_labels()
    {
        using HiMoClipTransformer model = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels).Fit(tiny.Data);

        DataViewSchema schema = model.GetOutputSchema(tiny.Data.Schema);

        Assert.Equal(
            [
                ("ImagePath", TextDataViewType.Instance), ("Caption", TextDataViewType.Instance),
                ("ImageEmbedding", new VectorDataViewType(NumberDataViewType.Single, 32)), ("TextEmbedding", new VectorDataViewType(NumberDataViewType.Single, 32)),
                ("Similarity", NumberDataViewType.Single),
                ("PredictedLabel", new KeyDataViewType(typeof(uint), 3)), ("Score", new VectorDataViewType(NumberDataViewType.Single, 3)),
            ],
            schema.Select(c => (c.Name, c.Type)));
        Assert.True(schema["Score"].HasSlotNames());
        Assert.Equal(["KeyValues"], schema["PredictedLabel"].Annotations.Schema.Select(a => a.Name));
    }

    [Fact]
    public void An_estimator_promises_what_its_transformer_gives()
    {
        HiMoClipImageSearchEstimator search = tiny.MLContext.Transforms.HiMoClipImageSearch(k: 2);
        using HiMoClipTransformer model = tiny.Fit();
        (IDataView Data, IEstimator<ITransformer> Estimator)[] cases =
        [
            (tiny.Data, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint)),
            (tiny.Data, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels)),
            (tiny.Data, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, captionColumnName: null, labels: s_labels)),
            (tiny.Data, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, imageColumnName: null)),
            (Images, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels)),
            (tiny.Data, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels, imageErrorColumnName: "ImageError")),
            (Bytes, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, imageErrorColumnName: "ImageError")),
            (Captions, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: s_labels)),
            (tiny.Data, tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, textEmbeddingColumnName: "Caption")),
            (model.Transform(tiny.Data), search),
            (model.Transform(Images), search),
        ];
        foreach ((IDataView? data, IEstimator<ITransformer>? estimator) in cases)
        {
            SchemaShape promised = estimator.GetOutputSchema(MLNetInternals.Shape(data.Schema));
            SchemaShape given = MLNetInternals.Shape(estimator.Fit(data).GetOutputSchema(data.Schema));

            Assert.Equal(Described(given), Described(promised));
        }
    }

    private static IEnumerable<string> Described(SchemaShape shape) => shape.OrderBy(c => c.Name, StringComparer.Ordinal)
        .Select(c => $"{c.Name}: {c.Kind} of {c.ItemType}, key {c.IsKey}, {string.Join(" and ", c.Annotations.Select(a => $"{a.Name} {a.Kind} of {a.ItemType}"))}");

    [Fact]
    public void An_output_of_an_inputs_name_hides_it_as_with_ML_NETs_own_transforms()
    {
        using HiMoClipTransformer model = tiny.MLContext.Transforms.HiMoClip(
            tiny.Checkpoint, imageColumnName: null, textEmbeddingColumnName: "Caption").Fit(tiny.Data);
        DataViewSchema theirs = tiny.MLContext.Transforms.CopyColumns("Caption", "ImagePath").Fit(tiny.Data).GetOutputSchema(tiny.Data.Schema);

        IDataView scored = model.Transform(tiny.Data);

        Assert.Equal(theirs.Select(c => (c.Name, c.IsHidden)), scored.Schema.Select(c => (c.Name, c.IsHidden)));
        Assert.Equal(theirs.Select(c => (c.Name, c.IsHidden)), model.GetRowToRowMapper(tiny.Data.Schema).OutputSchema.Select(c => (c.Name, c.IsHidden)));
        Assert.IsType<VectorDataViewType>(scored.Schema["Caption"].Type);
        // The hidden column is still there for who holds on to it, and the new one is computed from it.
        Assert.Equal(tiny.Images.Rows.Select(r => r.Caption), scored.GetColumn<string>(scored.Schema[1]));
        using HiMoClipTransformer plain = tiny.Fit();
        Assert.Equal(plain.Transform(tiny.Data).GetColumn<float[]>("TextEmbedding"), scored.GetColumn<float[]>("Caption"));
    }

    [Fact]
    public void A_second_model_of_the_same_names_hides_the_first()
    {
        string other = tiny.Images.Checkpoint(seed: 12);
        using HiMoClipTransformer second = tiny.MLContext.Transforms.HiMoClip(other).Fit(tiny.Data);

        IDataView scored = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint).Append(tiny.MLContext.Transforms.HiMoClip(other)).Fit(tiny.Data).Transform(tiny.Data);

        Assert.Equal(second.Transform(tiny.Data).GetColumn<float[]>("TextEmbedding"), scored.GetColumn<float[]>("TextEmbedding"));
        Assert.Equal(["ImageEmbedding", "TextEmbedding", "Similarity"], scored.Schema.Where(c => c.IsHidden).Select(c => c.Name));
    }

    [Fact]
    public void Two_outputs_of_one_name_are_refused()
    {
        var options = new HiMoClipOptions { TextEmbeddingColumnName = "ImageEmbedding" };
        using HiMoClipTransformer model = tiny.Fit();

        Assert.Contains("'ImageEmbedding' is the name of two", Assert.Throws<ArgumentException>(() => tiny.MLContext.Transforms.HiMoClip(options)).Message, StringComparison.Ordinal);
        Assert.Contains("'Similarity' is the name of two", Assert.Throws<ArgumentException>(() => model.ForZeroShot(["red"], scoreColumnName: "Similarity")).Message, StringComparison.Ordinal);
    }
}
