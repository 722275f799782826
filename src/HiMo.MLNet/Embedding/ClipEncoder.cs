using System.IO.Compression;
using System.Security.Cryptography;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.HuggingFace;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Onnx;
using HiMo.MLNet.Text;
using HiMo.MLNet.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Embedding;

/// <summary>
/// A trained model ready to embed: pictures and texts in, normalised embeddings out. Safe for concurrent calls; shared by
/// transformers, and freed with the last of them, or at the end of the last call.
/// </summary>
/// <param name="model">The networks.</param>
/// <param name="tokenizer">Cuts texts into tokens.</param>
/// <param name="device">Where the networks are.</param>
/// <param name="source">The model's file, for errors.</param>
internal sealed class ClipEncoder(ClipModel model, ClipTokenizer tokenizer, Device device, string source) : IDisposable
{
    /// <summary>Pictures that go through the network at a time on a CPU: faster than more of them, and far less memory.</summary>
    private const int CpuBatchSize = 8;

    private readonly NativeMemory _memory = new(ClipWeights.Tensors(model).Values.Sum(weights => weights.numel() * weights.ElementSize));
    private readonly Lazy<string> _fingerprint = new(() => Fingerprint(model, tokenizer));
    private int _owners = 1;

    /// <summary>A trained model; the encoder owns its networks.</summary>
    public ClipEncoder(TrainedModel trained)
        : this(trained.Clip, trained.Tokenizer, trained.Device, trained.Source)
    {
    }

    /// <summary>Loads a model to apply.</summary>
    /// <param name="path">A checkpoint or a model zip.</param>
    /// <param name="device">Where the networks go.</param>
    /// <param name="activation">The networks' activation where the file leaves it open; null for the default.</param>
    /// <param name="warn">Told where it is left open, or null.</param>
    public static ClipEncoder Load(string path, Device device, ClipActivation? activation, Action<string>? warn)
    {
        if (!Path.Exists(path))
        {
            throw new FileNotFoundException($"There is no model '{path}'.", path);
        }

        return Of(ClipWeights.Load(path, activation, warn), () => TokenizerFile.Of(path), device, path);
    }

    /// <inheritdoc cref="Load(string, Device, ClipActivation?, Action{string}?)"/>
    public static ClipEncoder Load(string path, DeviceChoice device, ClipActivation? activation, Action<string>? warn) =>
        Load(path, TorchRuntime.ChooseDevice(device), activation, warn);

    /// <summary>Reads a model out of a model zip.</summary>
    /// <param name="entries">The transformer's entries.</param>
    /// <param name="architecture">What the settings say of the model.</param>
    /// <param name="choice">Where the networks go.</param>
    public static ClipEncoder Read(ModelEntries entries, ClipArchitecture architecture, DeviceChoice choice)
    {
        ClipTokenizer tokenizer = ModelArchive.ReadVocabulary(entries);
        Device device = TorchRuntime.ChooseDevice(choice);
        string source = $"{entries.Source}: {ModelArchive.WeightsEntry}";
        return Of(entries.Read(ModelArchive.WeightsEntry, (stream, length) => ClipWeights.Read(stream, length, source, architecture)),
            () => tokenizer, device, entries.Source);
    }

    private static ClipEncoder Of(ClipModel model, Func<ClipTokenizer> tokenizer, Device device, string source)
    {
        try
        {
            model.to(device);
            model.eval();
            return new(model, tokenizer(), device, source);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public ClipModel Model => model;

    public ClipTokenizer Tokenizer => tokenizer;

    public Device Device => device;

    /// <summary>Makes pictures ready for this network.</summary>
    public PlaneReader Planes { get; } = new(model.Architecture.ImageSize);

    /// <summary>d</summary>
    public int Dimension => model.Architecture.EmbeddingDimension;

    /// <summary>s, the scale of the logits.</summary>
    public float LogitScale
    {
        get
        {
            using ClipEncoder held = Share();
            using DisposeScope scope = NewDisposeScope();
            using IDisposable _ = no_grad();
            return model.LogitScale.exp().item<float>();
        }
    }

    /// <summary>SHA-256 of the weights and the vocabulary, 64 hexadecimal digits: models with the same one embed alike.</summary>
    public string WeightsHash
    {
        get
        {
            using ClipEncoder held = Share();
            return _fingerprint.Value;
        }
    }

    private static string Fingerprint(ClipModel model, ClipTokenizer tokenizer)
    {
        using var hash = SHA256.Create();
        using (var stream = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
        {
            // The text itself: how well gzip packs it differs from version to version.
            using var merges = new MemoryStream();
            tokenizer.WriteMerges(merges);
            merges.Position = 0;
            using var text = new GZipStream(merges, CompressionMode.Decompress);
            text.CopyTo(stream);
            ClipWeights.Save(model, stream);
        }

        return Convert.ToHexStringLower(hash.Hash!);
    }

    /// <summary>One share more; every share is given back by disposing of it.</summary>
    /// <exception cref="ObjectDisposedException">The model is freed.</exception>
    public ClipEncoder Share()
    {
        for (int owners = Volatile.Read(ref _owners); ; owners = Volatile.Read(ref _owners))
        {
            ObjectDisposedException.ThrowIf(owners <= 0, typeof(ClipEmbedder));
            if (Interlocked.CompareExchange(ref _owners, owners + 1, owners) == owners)
            {
                return this;
            }
        }
    }

    /// <summary>Gives a share back.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _owners) == 0)
        {
            model.Dispose();
            _memory.Dispose();
        }
    }

    /// <returns>Row-major (count, d), normalised.</returns>
    /// <exception cref="ImageReadException">A file cannot be read as a picture.</exception>
    public float[] EncodeImages(IReadOnlyList<PictureSource> pictures)
    {
        byte[] planes = new byte[pictures.Count * Planes.Length];
        ParallelLoop.For(pictures.Count, i => Planes.Read(pictures[i], planes.AsSpan(i * Planes.Length, Planes.Length)));
        return EncodePlanes(planes);
    }

    /// <param name="planes">What <see cref="Planes"/> made, one picture after the other.</param>
    /// <returns>Row-major (count, d), normalised.</returns>
    public float[] EncodePlanes(ReadOnlySpan<byte> planes)
    {
        using ClipEncoder held = Share();
        int size = model.Architecture.ImageSize, count = planes.Length / Planes.Length;
        int batch = device.type == DeviceType.CPU ? CpuBatchSize : Math.Max(count, 1);
        float[] embeddings = new float[count * Dimension];
        for (int first = 0; first < count; first += batch)
        {
            int n = Math.Min(batch, count - first);
            using DisposeScope scope = NewDisposeScope();
            using IDisposable _ = no_grad();
            byte[] part = planes.Slice(first * Planes.Length, n * Planes.Length).ToArray();
            Tensor bytes = tensor(part, n, 3, size, size, dtype: ScalarType.Byte).to(device);
            Normalized(model.EncodeImage(ImageTensor.Normalize(bytes))).CopyTo(embeddings.AsSpan(first * Dimension));
        }

        return embeddings;
    }

    /// <returns>Row-major (count, d), normalised.</returns>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not the tokenizer's.</exception>
    public float[] EncodeTexts(IReadOnlyList<string> texts)
    {
        model.Architecture.RequireVocabulary(tokenizer, source);
        using ClipEncoder held = Share();
        int context = model.Architecture.ContextLength, longest = 0;
        long[] tokens = new long[texts.Count * context];
        for (int i = 0; i < texts.Count; i++)
        {
            longest = Math.Max(longest, tokenizer.Encode(texts[i], tokens.AsSpan(i * context, context)));
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        return Normalized(model.EncodeText(tensor(tokens, texts.Count, context).narrow(1, 0, longest).to(device)));
    }

    public void SaveCheckpoint(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using ClipEncoder held = Share();
        WholeFile.Write(path, file => ClipWeights.Save(model, file));
    }

    public void SaveOnnx(string folder, OnnxPrecision precision = OnnxPrecision.Float32)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        CheckPrecision(precision, nameof(precision));
        using ClipEncoder held = Share();
        WholeFolder.Write(folder, part => OnnxExport.Save(model, part, precision));
    }

    public void SaveHuggingFace(string folder, params OnnxPrecision[] precisions)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(precisions);
        Array.ForEach(precisions, precision => CheckPrecision(precision, nameof(precisions)));
        using ClipEncoder held = Share();
        HuggingFaceFolder.Save(model, tokenizer, folder, precisions);
    }

    private static void CheckPrecision(OnnxPrecision precision, string name)
    {
        if (!Enum.IsDefined(precision))
        {
            throw new ArgumentOutOfRangeException(name, precision, $"Expected one of {string.Join(", ", Enum.GetNames<OnnxPrecision>())}.");
        }
    }

    private static float[] Normalized(Tensor embeddings) =>
        nn.functional.normalize(embeddings, dim: 1).cpu().data<float>().ToArray();
}
