using System.Numerics.Tensors;
using HiMo.MLNet.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace HiMo.MLNet;

/// <summary>Keeps the names and embeddings of a set of images, to be searched by text or by image.</summary>
/// <remarks>Made by <c>mlContext.Transforms.HiMoClipImageSearch(...)</c>.</remarks>
public sealed class HiMoClipImageSearchEstimator : IEstimator<HiMoClipImageSearchTransformer>
{
    private readonly IHost _host;
    private readonly HiMoClipImageSearchOptions _options;

    internal HiMoClipImageSearchEstimator(IHostEnvironment environment, HiMoClipImageSearchOptions options)
    {
        options.Validate();
        _host = environment.Register(nameof(HiMoClipImageSearchEstimator));
        _options = options;
    }

    /// <summary>Reads names and embeddings once and keeps them in memory. An image without an embedding (NaN) is left out, with a
    /// warning.</summary>
    /// <param name="input">The images to search: <see cref="HiMoClipImageSearchOptions.NameColumnName"/> and
    /// <see cref="HiMoClipImageSearchOptions.EmbeddingColumnName"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    /// <exception cref="InvalidOperationException">No image has an embedding.</exception>
    public HiMoClipImageSearchTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        DataViewSchema.Column name = InputColumns.Find(input.Schema, _options.NameColumnName, InputColumns.Kind.Name);
        DataViewSchema.Column embedding = InputColumns.Find(input.Schema, _options.EmbeddingColumnName, InputColumns.Kind.Embedding);
        using IChannel channel = _host.Start("Fitting an image search");
        var builder = new ImageIndexBuilder(((VectorDataViewType)embedding.Type).Size);
        long missing = 0;
        using (DataViewRowCursor cursor = input.GetRowCursor([name, embedding]))
        {
            Func<string> readName = InputColumns.TextReader(cursor, name);
            ValueGetter<VBuffer<float>> readEmbedding = cursor.GetGetter<VBuffer<float>>(embedding);
            VBuffer<float> vector = default;
            while (cursor.MoveNext())
            {
                readEmbedding(ref vector);
                if (vector.GetValues() is { IsEmpty: false } values && !float.IsFinite(TensorPrimitives.MaxMagnitude(values)))
                {
                    missing++;
                    continue;
                }
                builder.Add(readName(), vector);
            }
        }
        if (builder.Count == 0)
        {
            throw new InvalidOperationException(
                $"An image search needs images: of {missing} rows, none has an embedding in column '{embedding.Name}'.");
        }

        if (missing > 0)
        {
            channel.Warning(MessageSensitivity.None,
                $"{missing} of {builder.Count + missing} images have no embedding and cannot be found.");
        }

        if (_options.K > builder.Count)
        {
            channel.Warning(MessageSensitivity.None,
                $"{nameof(HiMoClipImageSearchOptions.K)} is {_options.K}, and there are {builder.Count} images: a search "
                + $"finds {builder.Count}.");
        }

        SearchColumns columns = Columns;
        columns = columns with { TextEmbedding = ClipBinding.TextEmbeddingOf(embedding) ?? columns.TextEmbedding };
        return new(Math.Min(_options.K, builder.Count), columns, builder.Build());
    }

    private SearchColumns Columns =>
        new(_options.QueryColumnName, _options.EmbeddingColumnName, _options.ResultsColumnName, _options.ScoresColumnName);

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column that <see cref="Fit"/> reads is missing or of the wrong type.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        InputColumns.Check(inputSchema, _options.NameColumnName, InputColumns.Kind.Name);
        InputColumns.Check(inputSchema, _options.EmbeddingColumnName, InputColumns.Kind.Embedding);
        return RowBinding.OutputShape(inputSchema, SearchBinding.Outputs(Columns, _options.K));
    }
}
