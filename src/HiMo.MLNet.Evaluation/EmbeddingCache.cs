using System.Runtime.InteropServices;
using System.Security.Cryptography;
using HiMo.MLNet.Embedding;

namespace HiMo.MLNet.Evaluation;

/// <summary>
/// Embeddings of one model on disk. They are kept in files of up to <see cref="FileEntries"/>, each there whole or not at all;
/// a damaged one is reported, computed again and removed.
/// </summary>
/// <remarks>
/// A file holds <c>HIMOEMB1</c>, d and the number n of entries (Int32 each), n keys, n checks (the first 8 bytes of SHA-256 of key
/// and values), n × d singles. Not safe for concurrent calls; several processes may share a folder.
/// </remarks>
internal sealed class EmbeddingCache : IEmbeddingCache, IDisposable
{
    public const int FileEntries = 512;
    private const int HeaderBytes = 16, CheckBytes = 8;
    private const string Extension = ".emb";

    private readonly string _folder;
    private readonly int _dimension;
    private readonly Action<string> _warn;
    private readonly Dictionary<ContentKey, (string File, int Entry)> _places = [];
    private readonly Dictionary<ContentKey, float[]> _pending = [];
    private readonly HashSet<string> _damaged = [];
    private (string Path, FileStream Stream, int Count)? _open;
    private bool _writes = true;

    /// <param name="folder">The folder of all caches; each model has one of its own in it.</param>
    /// <param name="weightsHash">The model.</param>
    /// <param name="dimension">d</param>
    /// <param name="warn">Told of files that cannot be used. None of them ends the run.</param>
    public EmbeddingCache(string folder, string weightsHash, int dimension, Action<string> warn)
    {
        _folder = Path.Combine(folder, weightsHash[..32]);
        _dimension = dimension;
        _warn = warn;
        Try(Disable, () =>
        {
            Directory.CreateDirectory(_folder);
            WholeFile.DeleteAbandoned(_folder, "*" + Extension);
            foreach (string file in Directory.EnumerateFiles(_folder, "*" + Extension))
            {
                Index(file);
            }
        });
    }

    /// <summary>Entries on disk and not yet written.</summary>
    public int Count => _places.Count + _pending.Count;

    /// <summary>Copies an embedding out, if there is a sound one.</summary>
    public bool TryGet(ContentKey key, Span<float> embedding)
    {
        if (_pending.TryGetValue(key, out float[]? known))
        {
            known.CopyTo(embedding);
            return true;
        }
        if (!_places.TryGetValue(key, out (string File, int Entry) place))
        {
            return false;
        }

        try
        {
            (FileStream file, int count) = Open(place.File);
            Span<byte> check = stackalloc byte[CheckBytes];
            file.Position = HeaderBytes + ((long)count * ContentKey.Bytes) + ((long)place.Entry * CheckBytes);
            file.ReadExactly(check);
            file.Position = HeaderBytes + ((long)count * (ContentKey.Bytes + CheckBytes))
                + ((long)place.Entry * _dimension * sizeof(float));
            file.ReadExactly(MemoryMarshal.AsBytes(embedding));
            if (check.SequenceEqual(Check(key, embedding)))
            {
                return true;
            }

            Distrust(place.File, "an entry does not match its check");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Distrust(place.File, e.Message);
        }
        return false;
    }

    public void Add(ContentKey key, ReadOnlySpan<float> embedding)
    {
        if (!_writes)
        {
            return;
        }

        _pending[key] = embedding.ToArray();
        if (_pending.Count >= FileEntries)
        {
            Flush();
        }
    }

    /// <summary>Writes what is pending and removes damaged files.</summary>
    public void Dispose()
    {
        Flush();
        _open?.Stream.Dispose();
        _open = null;
        Try(Disable, () =>
        {
            foreach (string file in _damaged)
            {
                File.Delete(file);
            }
        });
    }

    private void Flush()
    {
        if (_pending.Count == 0 || !_writes)
        {
            return;
        }

        ContentKey[] keys = [.. _pending.Keys];
        string path = Path.Combine(_folder, Guid.NewGuid().ToString("n") + Extension);
        Try(Disable, () =>
        {
            WholeFile.Write(path, file =>
            {
                file.Write("HIMOEMB1"u8);
                file.Write(MemoryMarshal.AsBytes<int>([_dimension, keys.Length]));
                file.Write(MemoryMarshal.AsBytes<ContentKey>(keys));
                foreach (ContentKey key in keys)
                {
                    file.Write(Check(key, _pending[key]));
                }

                foreach (ContentKey key in keys)
                {
                    file.Write(MemoryMarshal.AsBytes(_pending[key].AsSpan()));
                }
            });
            Place(keys, path);
            _pending.Clear();
        });
    }

    private void Index(string path) => Try(e => Distrust(path, e.Message), () =>
    {
        (FileStream file, int count) = Open(path);
        var keys = new ContentKey[count];
        file.ReadExactly(MemoryMarshal.AsBytes(keys.AsSpan()));
        Place(keys, path);
    });

    private void Place(ContentKey[] keys, string path)
    {
        for (int i = 0; i < keys.Length; i++)
        {
            _places[keys[i]] = (path, i);
        }
    }

    /// <summary>A disk that fails costs what is kept, not the run.</summary>
    private static void Try(Action<Exception> failed, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            failed(e);
        }
    }

    /// <summary>Opens a file behind its header; the last one stays open, since neighbours are asked for in a row.</summary>
    private (FileStream Stream, int Count) Open(string path)
    {
        if (_open is { } open && open.Path == path)
        {
            return (open.Stream, open.Count);
        }

        _open?.Stream.Dispose();
        _open = null;
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            Span<byte> header = stackalloc byte[HeaderBytes];
            file.ReadExactly(header);
            (int dimension, int count) = (MemoryMarshal.Read<int>(header[8..]), MemoryMarshal.Read<int>(header[12..]));
            if (!header.StartsWith("HIMOEMB1"u8) || dimension != _dimension || count < 0
                || file.Length != HeaderBytes + (count * (ContentKey.Bytes + CheckBytes + ((long)_dimension * sizeof(float)))))
            {
                throw new IOException("it is not a whole file of embeddings");
            }

            _open = (path, file, count);
            return (file, count);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    private void Distrust(string path, string reason)
    {
        if (!_damaged.Add(path))
        {
            return;
        }

        foreach (ContentKey key in _places.Where(place => place.Value.File == path).Select(place => place.Key).ToArray())
        {
            _places.Remove(key);
        }

        _warn($"The embeddings in '{path}' are damaged ({reason.TrimEnd('.')}); they are computed again.");
    }

    private void Disable(Exception e)
    {
        _writes = false;
        _pending.Clear();
        _warn($"The embedding cache '{_folder}' cannot be used ({e.Message.TrimEnd('.')}); embeddings are not kept.");
    }

    private static byte[] Check(ContentKey key, ReadOnlySpan<float> values)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<ContentKey>(in key)));
        hash.AppendData(MemoryMarshal.AsBytes(values));
        return hash.GetHashAndReset()[..CheckBytes];
    }
}
