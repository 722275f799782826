using FsCheck;
using FsCheck.Fluent;
using HiMo.MLNet.Tests.Composition;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Rows are scored in batches, whatever their number; none is lost, doubled or takes another's place.</summary>
public sealed class BatchPropertyTests : IDisposable
{
    private static readonly string[] s_captions = ["a cat", "", "two dogs", "A cat. It sits.", "🙂"];

    private readonly TinyModel _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Rows_keep_their_number_order_and_values()
    {
        var mlContext = new MLContext(1);
        IDataView none = mlContext.Data.LoadFromEnumerable(Array.Empty<Row>());
        using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(_tiny.Checkpoint, imageColumnName: null).Fit(none);
        float[][] alone = [.. s_captions.Select(caption => Embed([new() { Caption = caption }]).Single().Embedding)];

        Prop.ForAll(Gen.Choose(0, s_captions.Length - 1).ArrayOf().Resize(100).ToArbitrary(), choices =>
        {
            (int Id, float[] Embedding)[] rows = Embed([.. choices.Select((choice, i) => new Row { Id = i, Caption = s_captions[choice] })]);
            return rows.Select(row => row.Id).SequenceEqual(Enumerable.Range(0, choices.Length))
                && rows.Zip(choices).All(pair => pair.First.Embedding.Zip(alone[pair.Second]).All(v => Math.Abs(v.First - v.Second) < 1e-5));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(10));

        (int Id, float[] Embedding)[] Embed(Row[] rows)
        {
            IDataView scored = model.Transform(mlContext.Data.LoadFromEnumerable(rows));
            return [.. scored.GetColumn<int>("Id").Zip(scored.GetColumn<float[]>("TextEmbedding"))];
        }
    }

    private sealed class Row
    {
        public int Id { get; set; }

        public string Caption { get; set; } = "";
    }
}
