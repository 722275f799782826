using System.IO.Compression;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Checkpoints;

/// <summary>An ML.NET model zip with a <see cref="HiMoClipTransformer"/> in it, read without ML.NET.</summary>
internal sealed class ModelArchive : IDisposable
{
    /// <summary>The entries of a <see cref="HiMoClipTransformer"/>, in its folder of the zip.</summary>
    public const string SettingsEntry = "Settings.json",
        VocabularyEntry = "Vocabulary.txt", WeightsEntry = "Weights.safetensors", LabelsEntry = "Labels.bin",
        LabelsSourceEntry = "Labels.sha256";

    // Every transformer of a model has such an entry.
    private const string TransformerEntry = "Model.key";

    private const string GraphExtension = ".onnx";

    private readonly ZipArchive _zip;

    private ModelArchive(string path, ZipArchive zip)
    {
        _zip = zip;
        ZipArchiveEntry[] vocabularies = [.. zip.Entries.Where(entry => entry.Name == VocabularyEntry)];
        if (vocabularies.Length != 1)
        {
            string found = vocabularies.Length == 0 ? "without one" : $"with {vocabularies.Length}";
            throw new CheckpointFormatException(
                $"{path}: expected an ML.NET model with a {nameof(HiMoClipTransformer)}, found an ML.NET model {found}.");
        }

        string folder = vocabularies[0].FullName[..^VocabularyEntry.Length];
        Entries = new(path, (name, read) => Open(folder + name, read));
        HoldsGraphs = zip.Entries.Any(entry =>
            entry.FullName == folder + entry.Name && entry.Name.EndsWith(GraphExtension, StringComparison.Ordinal));
    }

    /// <summary>Whether it was saved as ONNX graphs, in the place of weights.</summary>
    public bool HoldsGraphs { get; }

    /// <summary>The transformer's entries.</summary>
    public ModelEntries Entries { get; }

    /// <summary>Opens a model zip.</summary>
    /// <returns>Null for a file that is no ML.NET model, PyTorch's zips among them; or if there is no file.</returns>
    /// <exception cref="CheckpointFormatException">The model has no <see cref="HiMoClipTransformer"/>, or several.</exception>
    public static ModelArchive? TryOpen(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        ZipArchive? zip = null;
        try
        {
            zip = ZipFile.OpenRead(path);
            if (zip.Entries.Any(entry => entry.Name == TransformerEntry))
            {
                return new(path, zip);
            }
        }
        catch (InvalidDataException)
        {
            // No zip, or a damaged one: the reader of checkpoints says how.
        }
        catch
        {
            zip?.Dispose();
            throw;
        }

        zip?.Dispose();
        return null;
    }

    /// <exception cref="CheckpointFormatException">There are none, or they are damaged.</exception>
    public T ReadWeights<T>(Func<Stream, long, T> read)
        where T : class => HoldsGraphs
            ? throw new CheckpointFormatException($"{Entries.Source}: expected weights, found a model that was saved as ONNX graphs, which "
                + "are applied and nothing else. Take the checkpoint that they were exported from.")
            : Entries.Read(WeightsEntry, read);

    /// <exception cref="CheckpointFormatException">The vocabulary is damaged.</exception>
    public static ClipTokenizer ReadVocabulary(ModelEntries entries) => entries.Read(VocabularyEntry, (stream, _) =>
    {
        try
        {
            return new ClipTokenizer(stream);
        }
        catch (FormatException e)
        {
            throw CheckpointFormatException.At(entries.Source, VocabularyEntry, e.Message, e);
        }
    });

    private bool Open(string name, Action<Stream, long> read)
    {
        if (_zip.GetEntry(name) is not { } entry)
        {
            return false;
        }

        using Stream stream = entry.Open();
        read(stream, entry.Length);
        return true;
    }

    public void Dispose() => _zip.Dispose();
}
