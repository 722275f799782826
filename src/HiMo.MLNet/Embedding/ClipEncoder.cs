using System.IO.Compression;
using System.Security.Cryptography;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.HuggingFace;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Onnx;
using HiMo.MLNet.Text;
using HiMo.MLNet.Training;
using TorchSharp;

namespace HiMo.MLNet.Embedding;

/// <summary>
/// A trained model ready to embed: images and texts in, normalised embeddings out. Safe for concurrent calls; shared by
/// transformers, and freed with the last of them, or at the end of the last call.
/// </summary>
/// <param name="network">The towers.</param>
/// <param name="tokenizer">Cuts texts into tokens.</param>
/// <param name="source">The model's file, for errors.</param>
internal sealed class ClipEncoder(ClipNetwork network, ClipTokenizer tokenizer, string source) : IDisposable
{
    /// <summary>Images or rows taken at a time where nobody says otherwise.</summary>
    public const int BatchSize = 32;

    private readonly NativeMemory _memory = new(network.WeightBytes);
    private readonly Lazy<string> _fingerprint = new(() => Fingerprint(network, tokenizer));
    private int _owners = 1;

    /// <summary>A trained model; the encoder owns its networks.</summary>
    public ClipEncoder(TrainedModel trained)
        : this(new TorchNetwork(trained.Clip, trained.Device), trained.Tokenizer, trained.Source)
    {
    }

    /// <summary>Loads a model to apply: exported graphs on ONNX Runtime where there is nothing else or no native torch, all others on
    /// torch.</summary>
    /// <param name="path">A checkpoint, a model zip, or exported graphs.</param>
    /// <param name="device">Where the networks go.</param>
    /// <param name="activation">The networks' activation where the file leaves it open; null for the default.</param>
    /// <param name="warn">Told where it is left open, or null.</param>
    public static ClipEncoder Load(string path, DeviceChoice device, ClipActivation? activation, Action<string>? warn)
    {
        if (OnnxFiles.Find(path) is { } files && (OnnxFiles.AreAll(path) || !TorchRuntime.IsAvailable))
        {
            return Of(OnnxNetwork.Load(files, device), path);
        }

        using (var zip = ModelArchive.TryOpen(path))
        {
            if (zip is { HoldsGraphs: true })
            {
                return Of(OnnxNetwork.TryRead(zip.Entries, device)!, path);
            }
        }

        torch.Device chosen = TorchRuntime.ChooseDevice(device);
        if (!Path.Exists(path))
        {
            throw new FileNotFoundException($"There is no model '{path}'.", path);
        }

        return Of(Place(ClipWeights.Load(path, activation, warn), chosen), path);
    }

    private static ClipEncoder Of(ClipNetwork network, string path)
    {
        try
        {
            return new(network, TokenizerFile.Of(path), path);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    private static TorchNetwork Place(ClipModel model, torch.Device device)
    {
        try
        {
            model.to(device);
            model.eval();
            return new(model, device);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Reads a model out of a model zip.</summary>
    /// <param name="entries">The transformer's entries.</param>
    /// <param name="architecture">What the settings say of the model.</param>
    /// <param name="choice">Where the networks go.</param>
    public static ClipEncoder Read(ModelEntries entries, ClipArchitecture architecture, DeviceChoice choice)
    {
        ClipTokenizer tokenizer = ModelArchive.ReadVocabulary(entries);
        if (OnnxNetwork.TryRead(entries, choice) is { } graphs)
        {
            var encoder = new ClipEncoder(graphs, tokenizer, entries.Source);
            if (graphs.Architecture == architecture)
            {
                return encoder;
            }

            encoder.Dispose();
            throw new CheckpointFormatException($"{entries.Source}: expected the graphs of the architecture in the settings "
                + $"({architecture}), found those of another ({graphs.Architecture}).");
        }

        torch.Device device = TorchRuntime.ChooseDevice(choice);
        string source = $"{entries.Source}: {ModelArchive.WeightsEntry}";
        ClipModel model = entries.Read(
            ModelArchive.WeightsEntry, (stream, length) => ClipWeights.Read(stream, length, source, architecture));
        return new(Place(model, device), tokenizer, entries.Source);
    }

    /// <summary>What computes: <c>TorchSharp 0.107.0 on cpu</c>.</summary>
    public string Engine => network.Engine;

    public ClipArchitecture Architecture => network.Architecture;

    public ClipTokenizer Tokenizer => tokenizer;

    /// <summary>Makes images ready for this network.</summary>
    public PlaneReader Planes { get; } = new(network.Architecture.ImageSize);

    /// <summary>The same, with JPEG files decoded at a part of their size.</summary>
    public PlaneReader ReducedPlanes { get; } = new(network.Architecture.ImageSize, reduceJpegs: true);

    /// <summary>d</summary>
    public int Dimension => network.Architecture.EmbeddingDimension;

    /// <summary>s, the scale of the logits.</summary>
    public float LogitScale
    {
        get
        {
            using ClipEncoder held = Share();
            return network.LogitScale;
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

    private static string Fingerprint(ClipNetwork network, ClipTokenizer tokenizer)
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
            network.WriteContent(stream);
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
            network.Dispose();
            _memory.Dispose();
        }
    }

    /// <param name="planes">What <see cref="Planes"/> made, one image after the other.</param>
    /// <returns>Row-major (count, d), normalised.</returns>
    public float[] EncodePlanes(ReadOnlySpan<byte> planes)
    {
        using ClipEncoder held = Share();
        return network.EmbedPlanes(planes, planes.Length / Planes.Length);
    }

    /// <returns>Row-major (count, d), normalised.</returns>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not the tokenizer's.</exception>
    public float[] EncodeTexts(IReadOnlyList<string> texts)
    {
        Architecture.RequireVocabulary(tokenizer, source);
        using ClipEncoder held = Share();
        int context = Architecture.ContextLength;
        long[] tokens = new long[texts.Count * context];
        int[] lengths = [.. texts.Select((text, i) => tokenizer.Encode(text, tokens.AsSpan(i * context, context)))];

        // No longer than the longest text.
        int columns = lengths.Length == 0 ? 0 : lengths.Max();
        for (int row = 1; row < lengths.Length; row++)
        {
            tokens.AsSpan(row * context, columns).CopyTo(tokens.AsSpan(row * columns));
        }

        return network.EmbedTokens(tokens[..(texts.Count * columns)], texts.Count, columns);
    }

    /// <exception cref="InvalidOperationException">The model runs on ONNX Runtime, whose graphs do not give the weights back.</exception>
    public ClipModel Weights => (network as TorchNetwork)?.Model ?? throw new InvalidOperationException(
        $"{source} runs on ONNX Runtime, and its graphs do not give the weights back: write from the model that it was exported from.");

    /// <summary>Whether the model gives its weights; one on ONNX Runtime does not.</summary>
    public bool HasWeights => network is TorchNetwork;

    /// <summary>Writes the towers into a model zip: weights, or graphs.</summary>
    public void SaveNetwork(ModelEntriesWriter entries) => network.Save(entries);

    public void SaveCheckpoint(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using ClipEncoder held = Share();
        WholeFile.Write(path, file => ClipWeights.Save(Weights, file));
    }

    public void SaveOnnx(string folder, OnnxPrecision precision = OnnxPrecision.Float32)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        CheckPrecision(precision, nameof(precision));
        using ClipEncoder held = Share();
        ClipModel weights = Weights;
        WholeFolder.Write(folder, part => OnnxExport.Save(weights, part, precision));
    }

    public void SaveHuggingFace(string folder, params OnnxPrecision[] precisions)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(precisions);
        Array.ForEach(precisions, precision => CheckPrecision(precision, nameof(precisions)));
        using ClipEncoder held = Share();
        HuggingFaceFolder.Save(Weights, tokenizer, folder, precisions);
    }

    private static void CheckPrecision(OnnxPrecision precision, string name)
    {
        if (!Enum.IsDefined(precision))
        {
            throw new ArgumentOutOfRangeException(name, precision, $"Expected one of {string.Join(", ", Enum.GetNames<OnnxPrecision>())}.");
        }
    }
}
