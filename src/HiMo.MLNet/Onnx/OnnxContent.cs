using System.Buffers;
using HiMo.MLNet.Checkpoints;
using Microsoft.Win32.SafeHandles;

namespace HiMo.MLNet.Onnx;

/// <summary>
/// The files of a model's two graphs, held open: what is hashed or saved later is what runs, and out of a model zip they lie in files
/// that vanish with the process.
/// </summary>
internal sealed class OnnxContent : IDisposable
{
    private readonly List<(string Name, SafeFileHandle File)> _files = [];

    /// <param name="files">The graphs; weights beyond 2 GiB lie beside them.</param>
    /// <exception cref="CheckpointFormatException">A graph names another file than the one beside it.</exception>
    public OnnxContent(OnnxFiles files)
    {
        try
        {
            foreach (string graph in (string[])[files.Vision, files.Text])
            {
                Add(graph);
                string data = graph + OnnxGraph.DataSuffix;
                foreach (string location in OnnxExternalData.Locations(graph))
                {
                    if (location != Path.GetFileName(data) || !File.Exists(data))
                    {
                        throw new CheckpointFormatException(
                            $"{files.Named(graph)}: expected its weights in the file or in {Path.GetFileName(data)} beside it, found "
                            + $"them in {location.Quoted()}"
                            + (File.Exists(data) ? "." : ", and no such file beside it."));
                    }

                    Add(data);
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    // Others may replace or delete the file in the meantime.
    private void Add(string path) => _files.Add(
        (OnnxFiles.EntryName(path), File.OpenHandle(path, share: FileShare.Read | FileShare.Delete)));

    /// <summary>The bytes of all files.</summary>
    public long Length => _files.Sum(file => RandomAccess.GetLength(file.File));

    /// <summary>Writes all files, one after the other.</summary>
    public void WriteTo(Stream stream) => _files.ForEach(file => Copy(file.File, stream));

    /// <summary>Writes the files into a model zip, to be extracted again.</summary>
    public void Save(ModelEntriesWriter entries) => _files.ForEach(file => entries.Write(file.Name, stream => Copy(file.File, stream)));

    private static void Copy(SafeFileHandle file, Stream stream)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        int read;
        for (long offset = 0; (read = RandomAccess.Read(file, buffer, offset)) > 0; offset += read)
        {
            stream.Write(buffer, 0, read);
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Reads the graphs of a model zip into files; their hashes are right.</summary>
    /// <param name="entries">What a transformer keeps.</param>
    /// <param name="folder">Where the files go; asked for if there are graphs.</param>
    /// <returns>Null if it keeps none.</returns>
    /// <exception cref="CheckpointFormatException">The zip is damaged, lacks the text tower, or has files that are too large.</exception>
    public static OnnxFiles? TryExtract(ModelEntries entries, Lazy<string> folder)
    {
        foreach (string vision in OnnxFiles.VisionNames)
        {
            if (TryExtract(entries, folder, vision))
            {
                string text = OnnxFiles.TextName(vision);
                TryExtract(entries, folder, vision + OnnxGraph.DataSuffix);
                TryExtract(entries, folder, text + OnnxGraph.DataSuffix);
                return TryExtract(entries, folder, text)
                    ? new(Path.Combine(folder.Value, vision), Path.Combine(folder.Value, text), entries.Source)
                    : throw CheckpointFormatException.At(entries.Source, text, $"expected the graph beside {vision}, found no such entry");
            }
        }

        return null;
    }

    private static bool TryExtract(ModelEntries entries, Lazy<string> folder, string name)
    {
        return entries.TryRead(name, Write) is not null;

        string Write(Stream stream, long length)
        {
            ClipLimits limits = ClipLimits.Current;
            if (length > limits.StreamedTensorBytes)
            {
                throw CheckpointFormatException.At(
                    entries.Source, name, $"{ClipLimits.AtMost(limits.StreamedTensorBytes, "bytes")}, found {length}");
            }

            string path = Path.Combine(folder.Value, name);
            using FileStream file = File.Create(path);
            stream.CopyTo(file);
            return file.Length == length ? path : throw CheckpointFormatException.At(
                entries.Source, name, $"the file is damaged: expected {length} bytes, found {file.Length}");
        }
    }

    public void Dispose() => _files.ForEach(file => file.File.Dispose());
}
