using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Metrics;
using HiMo.MLNet.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace HiMo.MLNet;

/// <summary>
/// Finds the images nearest to a query embedding among those it was fitted on: their names, best first, and their cosines
/// with the query. Of equally near images the one fitted first comes first.
/// </summary>
/// <remarks>
/// Compares the query with every image. Saved and loaded by <c>mlContext.Model.Save</c> and <c>mlContext.Model.Load</c>,
/// alone or in a chain. A query without a direction (NaN, as a missing image has, or all zeros) gets empty names and scores
/// of NaN. Safe for concurrent use.
/// </remarks>
public sealed class HiMoClipImageSearchTransformer : ITransformer
{
    internal const string LoaderSignature = "HiMoClipImageSearch";
    private const string ModelSignature = "HIMOSRCH";
    private const uint FormatVersion = 0x00010002;                           // 2: hashes, the model's name of its text embeddings
    private const uint OldestReadable = 0x00010001;
    private const string EmbeddingsEntry = "Embeddings.bin";

    internal HiMoClipImageSearchTransformer(int k, SearchColumns columns, ImageIndex images, IReadOnlyList<FileStamp>? files = null)
    {
        K = k;
        Columns = columns;
        Images = images;
        Files = files;
    }

    internal SearchColumns Columns { get; }

    internal ImageIndex Images { get; }

    /// <summary>How the images' files were, for those that are embedded by and by; null where nobody noted it.</summary>
    internal IReadOnlyList<FileStamp>? Files { get; }

    /// <summary>k, the images found for a query.</summary>
    public int K { get; }

    /// <summary>The images that are searched.</summary>
    public int Count => Images.Count;

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

    private sealed record Settings(int K, SearchColumns Columns, int Dimension, IReadOnlyList<string> Names,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<FileStamp>? Files = null)
    {
        /// <exception cref="CheckpointFormatException">A value is out of range; the message names it.</exception>
        public Settings Checked(string source)
        {
            int missing = Names.Count(n => n is null);
            Require(Names.Count > 0 && missing == 0, nameof(Names), $"{Names.Count} of them, {missing} null", "names of images");
            Require(Dimension is > 0 and <= MaxDimension, nameof(Dimension), Dimension, $"1 to {MaxDimension}");
            Require(K >= 1 && K <= Names.Count, nameof(K), K, $"1 to {Names.Count}, the number of images");
            Require(Files is null || (Files.Count == Names.Count && !Files.Contains(null)), nameof(Files), $"{Files?.Count} of them",
                $"{Names.Count}, as many as names");
            string?[] columns = [Columns.Embedding, Columns.Results, Columns.Scores, Columns.TextEmbedding];
            bool named = !columns.Any(string.IsNullOrWhiteSpace) && Columns.Results != Columns.Scores;
            Require(named, nameof(Columns), Columns, "different names of columns");
            return this;

            void Require(bool condition, string name, object found, string expected)
            {
                if (!condition)
                {
                    throw CheckpointFormatException.At(source, ModelArchive.SettingsEntry, $"{name}: expected {expected}, found {found}");
                }
            }
        }
    }

    private const int MaxDimension = 1 << 16;

    private static readonly string s_assembly = typeof(HiMoClipImageSearchTransformer).Assembly.GetName().Name!;

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        MLNetInternals.SetVersion(ctx, ModelSignature, FormatVersion, OldestReadable, OldestReadable, LoaderSignature, s_assembly);
        ModelEntriesWriter entries = MLNetInternals.Writer(ctx);
        var settings = new Settings(K, Columns, Images.Dimension, Images.Names, Files);
        entries.Write(ModelArchive.SettingsEntry, stream => JsonSerializer.Serialize(stream, settings));
        entries.Write(EmbeddingsEntry, stream =>                              // single precision, little endian, a row an image
        {
            foreach (EmbeddingMatrix block in Images.Blocks)
            {
                stream.Write(MemoryMarshal.AsBytes(block.Rows(0, block.Count)));
            }
        });
        entries.WriteHashes();
    }

    // ML.NET calls this through its LoadableClass attribute (Interop/Loadable.cs).
    private static HiMoClipImageSearchTransformer Create(IHostEnvironment env, object context)
    {
        MLNetInternals.CheckVersion(context, ModelSignature, FormatVersion, OldestReadable, OldestReadable, LoaderSignature, s_assembly);
        ModelEntries entries = MLNetInternals.Entries(context);
        Settings settings = entries.ReadSettings<Settings>().Checked(entries.Source);
        ImageIndex images = entries.Read(EmbeddingsEntry, (stream, length) => ReadImages(stream, length, settings, entries.Source));
        return new(settings.K, settings.Columns, images, settings.Files);
    }

    private static ImageIndex ReadImages(Stream stream, long length, Settings settings, string source)
    {
        if (length != (long)settings.Names.Count * settings.Dimension * sizeof(float))
        {
            throw CheckpointFormatException.At(
                source, EmbeddingsEntry, $"expected {settings.Names.Count} x {settings.Dimension} singles, found {length} bytes");
        }

        List<EmbeddingMatrix> blocks = [];
        for (int first = 0; first < settings.Names.Count; first += ImageIndexBuilder.BlockRows)
        {
            float[] values = new float[Math.Min(ImageIndexBuilder.BlockRows, settings.Names.Count - first) * settings.Dimension];
            stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            try
            {
                blocks.Add(new EmbeddingMatrix(values, settings.Dimension));
            }
            catch (ArgumentException e)
            {
                throw CheckpointFormatException.At(source, EmbeddingsEntry, $"from row {first} on: {e.Message}", e);
            }
        }

        return new ImageIndex(settings.Names, blocks);
    }
}
