namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// PyTorch's zip format: a pickle <c>data.pkl</c> that names its storages, which lie beside it as <c>data/0</c>,
/// <c>data/1</c>… uncompressed. TorchScript archives, such as OpenAI's own CLIP files, are built alike; their pickle
/// holds module objects whose attribute names, joined by dots, are the state dict's names.
/// </summary>
internal static class PyTorchZip
{
    private const string PickleName = "data.pkl";

    internal static (List<StoredTensor> Tensors, bool IsTorchScript) Read(CheckpointFile file)
    {
        var zip = ZipDirectory.Read(file);
        string[] pickles = zip.Names.Where(IsPickle).ToArray();
        if (pickles is not [var pickle])
        {
            throw file.Error("zip directory",
                $"expected one entry {PickleName} at the top or in one folder, found {pickles.Length}; is this a PyTorch checkpoint?");
        }

        string folder = pickle[..^PickleName.Length];
        CheckByteOrder(file, zip, folder + "byteorder");

        bool isTorchScript = zip.Contains(folder + "constants.pkl");
        (Stream? stream, long length) = zip.Open(pickle);
        List<(string Name, PickleTensor Tensor)> tensors;
        using (stream)
        {
            var reader = new PickleReader(stream, length, file.Path, pickle, isTorchScript);
            try
            {
                tensors = StateDict.Collect(reader.Read(), file.Path, pickle);
            }
            catch (InvalidDataException e)
            {
                throw file.Error(pickle, "its compressed data is damaged", e);
            }
        }

        return (tensors.ConvertAll(entry =>
        {
            PickleStorage storage = entry.Tensor.Storage;
            (long offset, long bytes) = zip.Locate($"{folder}data/{storage.Key}");
            if (storage.Count > bytes / TensorTypes.Size(storage.Type))
            {
                throw file.Error($"tensor {entry.Name.Quoted()}",
                    $"its storage of {storage.Count} {storage.Type} elements does not fit the {bytes} bytes of data/{storage.Key}");
            }

            return StoredTensor.Create(file, entry.Name, entry.Tensor, offset);
        }), isTorchScript);
    }

    private static bool IsPickle(string name) =>
        name == PickleName || (name.EndsWith('/' + PickleName, StringComparison.Ordinal)
            && name.IndexOf('/') == name.Length - PickleName.Length - 1);

    private static void CheckByteOrder(CheckpointFile file, ZipDirectory zip, string name)
    {
        if (!zip.Contains(name))
        {
            return;
        }

        (long offset, long length) = zip.Locate(name);
        byte[] text = new byte[Math.Min(length, 16)];
        file.ReadExactly(offset, text, name);
        if (!text.AsSpan().SequenceEqual("little"u8))
        {
            throw file.Error(name,
                $"expected 'little', found {System.Text.Encoding.ASCII.GetString(text).Quoted()}");
        }
    }
}
