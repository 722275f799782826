using System.Runtime.InteropServices;
using System.Text.Json;
using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace HiMo.MLNet;

/// <summary>
/// Finds the pictures nearest to a query embedding among those it was fitted on: their names, best first, and their cosines
/// with the query. Of equally near pictures the one fitted first comes first.
/// </summary>
/// <remarks>
/// Compares the query with every picture. Saved and loaded by <c>mlContext.Model.Save</c> and <c>mlContext.Model.Load</c>,
/// alone or in a chain. A query without a direction (NaN, as a missing picture has, or all zeros) gets empty names and scores
/// of NaN. Safe for concurrent use.
/// </remarks>
public sealed class HiMoClipImageSearchTransformer : ITransformer
{
    internal const string LoaderSignature = "HiMoClipImageSearch";
    private const string ModelSignature = "HIMOSRCH";
    private const uint FormatVersion = 0x00010001;

    internal HiMoClipImageSearchTransformer(int k, SearchColumns columns, PictureIndex pictures)
    {
        K = k;
        Columns = columns;
        Pictures = pictures;
    }

    internal SearchColumns Columns { get; }

    internal PictureIndex Pictures { get; }

    /// <summary>k, the pictures found for a query.</summary>
    public int K { get; }

    /// <summary>The pictures that are searched.</summary>
    public int Count => Pictures.Count;

    /// <summary>True: every row is transformed by itself.</summary>
    public bool IsRowToRowMapper => true;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The query column is missing or of the wrong type; the message names it.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => SearchBinding.Create(this, inputSchema).OutputSchema;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The query column is missing or of the wrong type; the message names it.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ScoringDataView(SearchBinding.Create(this, input.Schema), input);
    }

    /// <inheritdoc/>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => SearchBinding.Create(this, inputSchema);

    private sealed record Settings(int K, SearchColumns Columns, int Dimension, IReadOnlyList<string> Names);

    private static readonly string s_assembly = typeof(HiMoClipImageSearchTransformer).Assembly.GetName().Name!;

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        MLNetInternals.SetVersion(ctx, ModelSignature, FormatVersion, FormatVersion, FormatVersion, LoaderSignature, s_assembly);
        var settings = new Settings(K, Columns, Pictures.Embeddings.Dimension, Pictures.Names);
        MLNetInternals.Save(ctx, "Settings.json", writer => JsonSerializer.Serialize(writer.BaseStream, settings));
        MLNetInternals.Save(ctx, "Embeddings.bin", writer =>                  // single precision, little endian, a row a picture
        {
            for (int i = 0; i < Pictures.Count; i++)
            {
                writer.Write(MemoryMarshal.AsBytes(Pictures.Embeddings.Row(i)));
            }
        });
    }

    // ML.NET calls this through its LoadableClass attribute (Interop/Loadable.cs).
    private static HiMoClipImageSearchTransformer Create(IHostEnvironment env, object context)
    {
        MLNetInternals.CheckVersion(context, ModelSignature, FormatVersion, FormatVersion, FormatVersion, LoaderSignature, s_assembly);
        Settings? settings = null;
        MLNetInternals.Load(context, "Settings.json", reader => settings = JsonSerializer.Deserialize<Settings>(reader.BaseStream));
        if (settings is null)
        {
            throw new FormatException("The model zip holds no settings of an image search.");
        }

        float[] values = new float[checked(settings.Names.Count * settings.Dimension)];
        MLNetInternals.Load(context, "Embeddings.bin", reader =>
        {
            for (int i = 0; i < settings.Names.Count; i++)
            {
                reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan(i * settings.Dimension, settings.Dimension)));
            }
        });
        return new(settings.K, settings.Columns, new PictureIndex(settings.Names, new EmbeddingMatrix(values, settings.Dimension)));
    }
}
