using System.Text;
using System.Text.Json;

namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// Reads what a transformer keeps in a model zip. One entry holds the SHA-256 of all the others, as <c>sha256sum</c> writes it: a
/// damaged file is refused. Zips of formats before 1.3 have none, and are read as they are.
/// </summary>
/// <param name="source">What to call the zip in errors.</param>
/// <param name="open">Hands an entry's content and length to a reader; false if there is no such entry.</param>
internal sealed class ModelEntries(string source, Func<string, Action<Stream, long>, bool> open)
{
    /// <summary>The entry with the hashes.</summary>
    public const string HashesEntry = "Sha256.txt";

    private const int HashLength = 64;

    private static readonly JsonSerializerOptions s_json = new()
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    // Of entries that are read whole: settings, hashes, vocabularies.
    private const int SmallEntryBytes = 256 << 20;

    private readonly Lazy<Dictionary<string, string>?> _hashes = new(() => ReadHashes(source, open));

    public string Source => source;

    /// <summary>Reads an entry to its end.</summary>
    /// <param name="name">The entry.</param>
    /// <param name="read">Gets the content, forward only, and its length. What it returns is disposed of if the content is damaged.</param>
    /// <returns>What <paramref name="read"/> returned; null if there is no such entry.</returns>
    /// <exception cref="CheckpointFormatException">The content is not what was written.</exception>
    public T? TryRead<T>(string name, Func<Stream, long, T> read)
        where T : class
    {
        T? result = null;
        bool found = open(name, (stream, length) =>
        {
            try
            {
                using var hashed = new HashedStream(stream);
                result = read(hashed, length);
                hashed.CopyTo(Stream.Null);
                Check(name, hashed.TakeHash());
            }
            catch (Exception e)
            {
                (result as IDisposable)?.Dispose();
                if (e is InvalidDataException)                                // the zip's own check
                {
                    throw CheckpointFormatException.At(source, name, e.Message, e);
                }

                throw;
            }
        });
        return found ? result : null;
    }

    /// <exception cref="CheckpointFormatException">There is no such entry, or its content is not what was written.</exception>
    /// <inheritdoc cref="TryRead"/>
    public T Read<T>(string name, Func<Stream, long, T> read)
        where T : class =>
        TryRead(name, read) ?? throw CheckpointFormatException.At(source, name, "expected such an entry of a model, found none");

    /// <summary>Reads the settings of any transformer of the library; what they say is the caller's to check.</summary>
    /// <exception cref="CheckpointFormatException">They are no JSON of this kind, or a value is missing or null.</exception>
    public T ReadSettings<T>()
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(ReadBytes(ModelArchive.SettingsEntry), s_json)
                ?? throw new JsonException("expected settings, found null");
        }
        catch (JsonException e)
        {
            throw CheckpointFormatException.At(source, ModelArchive.SettingsEntry, e.Message, e);
        }
    }

    /// <summary>Reads a small entry whole.</summary>
    /// <inheritdoc cref="Read"/>
    public byte[] ReadBytes(string name) => Read(name, (stream, length) => ReadBytes(source, name, stream, length));

    /// <summary>Whether what an entry was computed from is still what the zip holds.</summary>
    /// <param name="name">What <see cref="ModelEntriesWriter.WriteSources"/> wrote. A zip without such an entry, or without hashes, does
    /// not tell: true.</param>
    public bool HasSources(string name)
    {
        if (_hashes.Value is not { } hashes || !hashes.ContainsKey(name))
        {
            return true;
        }

        HashSet<string> lines = [.. hashes.Select(hash => $"{hash.Value}  {hash.Key}")];
        return Lines(ReadBytes(name)).All(lines.Contains);
    }

    private static string[] Lines(byte[] text) => Encoding.UTF8.GetString(text).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static byte[] ReadBytes(string source, string name, Stream stream, long length)
    {
        if (length > SmallEntryBytes)
        {
            throw CheckpointFormatException.At(source, name, $"expected at most {SmallEntryBytes} bytes, found {length}");
        }

        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private void Check(string name, string found)
    {
        if (_hashes.Value is not { } hashes)
        {
            return;
        }

        if (!hashes.TryGetValue(name, out string? expected) || expected != found)
        {
            throw CheckpointFormatException.At(
                source, name,
                $"the file is damaged: expected the SHA-256 {expected ?? "of this entry"} that {HashesEntry} tells, found {found}");
        }
    }

    private static Dictionary<string, string>? ReadHashes(string source, Func<string, Action<Stream, long>, bool> open)
    {
        Dictionary<string, string>? hashes = null;
        open(HashesEntry, (stream, length) =>
        {
            hashes = new(StringComparer.Ordinal);
            foreach (string line in Lines(ReadBytes(source, HashesEntry, stream, length)))
            {
                if (line.Length <= HashLength + 2 || !hashes.TryAdd(line[(HashLength + 2)..], line[..HashLength]))
                {
                    throw CheckpointFormatException.At(
                        source, HashesEntry, $"expected a SHA-256 and the name of an entry, found {line.Quoted()}");
                }
            }
        });
        return hashes;
    }
}

/// <summary>Writes what a transformer keeps in a model zip, and last its hashes.</summary>
/// <param name="create">Adds an entry with the content that is written.</param>
internal sealed class ModelEntriesWriter(Action<string, Action<Stream>> create)
{
    private readonly StringBuilder _hashes = new();

    public void Write(string name, Action<Stream> write) => create(name, stream =>
    {
        using var hashed = new HashedStream(stream);
        write(hashed);
        _hashes.Append(hashed.TakeHash()).Append("  ").Append(name).Append('\n');
    });

    /// <summary>Writes the hashes of all entries so far: what the next ones are computed from.</summary>
    public void WriteSources(string name) => Write(name, stream => stream.Write(Encoding.UTF8.GetBytes(_hashes.ToString())));

    public void WriteHashes() => create(ModelEntries.HashesEntry, stream => stream.Write(Encoding.UTF8.GetBytes(_hashes.ToString())));
}
