using System.Numerics.Tensors;
using System.Text.Json;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Images;
using HiMo.MLNet.Modeling;
using Microsoft.ML.OnnxRuntime;

namespace HiMo.MLNet.Onnx;

/// <summary>The towers as the graphs that <see cref="OnnxExport"/> writes, in ONNX Runtime: no native torch is needed.</summary>
internal sealed class OnnxNetwork : ClipNetwork
{
    /// <summary>In the metadata of both graphs: the sizes as JSON, and ln s.</summary>
    public const string ArchitectureKey = "himo.architecture", LogitScaleKey = "himo.logit_scale";

    // As many at a time as torch takes: more of them are no faster, and take more memory.
    private const int BatchSize = 8;

    private readonly InferenceSession _vision, _text;
    private readonly OnnxContent _content;
    private readonly string _engine;
    private string? _folder;

    private OnnxNetwork(InferenceSession vision, InferenceSession text, string source, string engine, OnnxContent content)
    {
        (_vision, _text, _engine, _content, WeightBytes) = (vision, text, engine, content, content.Length);
        Architecture = Metadata(vision, source, ArchitectureKey, json => JsonSerializer.Deserialize<ClipArchitecture>(json)!);
        Architecture.Validate();
        LogitScale = MathF.Exp(Metadata(vision, source, LogitScaleKey, number => JsonSerializer.Deserialize<float>(number)));
        if (Metadata(text, source, ArchitectureKey, json => JsonSerializer.Deserialize<ClipArchitecture>(json)!) != Architecture)
        {
            throw new CheckpointFormatException($"{source}: expected the two graphs of one model, found a text tower of another.");
        }

        Check(vision, source, "pixel_values", "image_embeds", [-1, 3, Architecture.ImageSize, Architecture.ImageSize]);
        Check(text, source, "input_ids", "text_embeds", [-1, -1]);
    }

    /// <param name="files">The graphs.</param>
    /// <param name="device">Where they run.</param>
    /// <exception cref="CheckpointFormatException">They are not the graphs of one model that this library exported.</exception>
    /// <exception cref="InvalidOperationException">There is no native ONNX Runtime, or no such GPU and no leave to fall back.</exception>
    public static OnnxNetwork Load(OnnxFiles files, DeviceChoice device)
    {
        (SessionOptions options, string engine) = Options(device);
        InferenceSession? vision = null, text = null;
        OnnxContent? content = null;
        try
        {
            content = new(files);
            vision = Session(files, files.Vision, options);
            text = Session(files, files.Text, options);
            return new(vision, text, files.Named(files.Vision), engine, content);
        }
        catch
        {
            vision?.Dispose();
            text?.Dispose();
            content?.Dispose();
            throw;
        }
        finally
        {
            options.Dispose();
        }
    }

    /// <summary>Reads the graphs of a model zip.</summary>
    /// <param name="entries">What a transformer keeps.</param>
    /// <param name="device">Where they run.</param>
    /// <returns>Null if it keeps none.</returns>
    /// <inheritdoc cref="Load"/>
    public static OnnxNetwork? TryRead(ModelEntries entries, DeviceChoice device)
    {
        // ONNX Runtime takes weights beyond 2 GiB from files alone; and what is there once need not be in memory twice.
        var folder = new Lazy<string>(() => Directory.CreateTempSubdirectory("himo-graphs-").FullName);
        try
        {
            if (OnnxContent.TryExtract(entries, folder) is not { } files)
            {
                return null;
            }

            OnnxNetwork network = Load(files, device);
            network._folder = folder.Value;
            return network;
        }
        finally
        {
            if (folder.IsValueCreated)
            {
                Delete(folder.Value);
            }
        }
    }

    // The network holds the files open, so they go with the process however it ends. A system that keeps names of open files, or a
    // mapped file, gets its second call when the network is disposed of.
    private static void Delete(string? folder)
    {
        try
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static (SessionOptions Options, string Engine) Options(DeviceChoice device)
    {
        SessionOptions options;
        string engine;
        try
        {
            options = new();
            engine = $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}";
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or EntryPointNotFoundException)
        {
            throw new InvalidOperationException(
                "The native ONNX Runtime could not be loaded. The application needs one of the packages Microsoft.ML.OnnxRuntime, "
                + "Microsoft.ML.OnnxRuntime.Gpu or Microsoft.ML.OnnxRuntime.DirectML.", e);
        }

        if (device.Gpu is not { } gpu)
        {
            return (options, engine + " on cpu");
        }

        try
        {
            options.AppendExecutionProvider_CUDA(gpu);
            return (options, $"{engine} on cuda:{gpu}");
        }
        catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or NotSupportedException)
        {
            if (device.FallbackToCpu)
            {
                return (options, engine + " on cpu");
            }

            options.Dispose();
            throw new InvalidOperationException(
                $"GPU {gpu} was asked for, but this ONNX Runtime has none: {e.Message} The application needs the package "
                + $"Microsoft.ML.OnnxRuntime.Gpu.", e);
        }
    }

    private static InferenceSession Session(OnnxFiles files, string path, SessionOptions options)
    {
        try
        {
            return new(path, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new CheckpointFormatException($"{files.Named(path)}: ONNX Runtime cannot load the graph: {e.Message}", e);
        }
    }

    private static T Metadata<T>(InferenceSession session, string source, string key, Func<string, T> parse)
    {
        if (!session.ModelMetadata.CustomMetadataMap.TryGetValue(key, out string? value))
        {
            throw new CheckpointFormatException($"{source}: expected metadata '{key}', as 'himo export' writes it, found none.");
        }

        try
        {
            return parse(value);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            throw new CheckpointFormatException($"{source}: metadata '{key}': {e.Message}", e);
        }
    }

    // A graph of another kind would fail in the first call, with a message that names neither file nor reason.
    private static void Check(InferenceSession session, string source, string input, string output, int[] shape)
    {
        bool fits = session.InputMetadata.TryGetValue(input, out NodeMetadata? found) && session.InputMetadata.Count == 1
            && found.Dimensions.SequenceEqual(shape) && session.OutputMetadata.ContainsKey(output);
        if (!fits)
        {
            throw new CheckpointFormatException(
                $"{source}: expected '{input}' of ({string.Join(", ", shape)}) to '{output}', found "
                + string.Join(", ", session.InputMetadata.Select(i => $"'{i.Key}' of ({string.Join(", ", i.Value.Dimensions)})"))
                + $" to {string.Join(", ", session.OutputMetadata.Keys.Select(name => $"'{name}'"))}.");
        }
    }

    public override string Engine => _engine;

    public override ClipArchitecture Architecture { get; }

    public override float LogitScale { get; }

    public override long WeightBytes { get; }

    public override float[] EmbedPlanes(ReadOnlySpan<byte> planes, int count)
    {
        int size = Architecture.ImageSize, plane = size * size, dimension = Architecture.EmbeddingDimension;
        float[] embeddings = new float[count * dimension];
        float[] pixels = new float[Math.Min(count, BatchSize) * 3 * plane];
        for (int first = 0; first < count; first += BatchSize)
        {
            int n = Math.Min(BatchSize, count - first);
            for (int i = 0; i < n * 3; i++)
            {
                Normalize(planes.Slice(((first * 3) + i) * plane, plane), pixels.AsSpan(i * plane, plane), i % 3);
            }

            Run(_vision, "pixel_values", OrtValue.CreateTensorValueFromMemory(
                OrtMemoryInfo.DefaultInstance, pixels.AsMemory(0, n * 3 * plane), [n, 3, size, size]),
                embeddings.AsSpan(first * dimension, n * dimension));
        }

        return embeddings;
    }

    private static void Normalize(ReadOnlySpan<byte> bytes, Span<float> pixels, int channel)
    {
        TensorPrimitives.ConvertTruncating(bytes, pixels);
        TensorPrimitives.Multiply(pixels, 1 / 255f, pixels);
        TensorPrimitives.Subtract(pixels, ClipPreprocessor.Mean[channel], pixels);
        TensorPrimitives.Divide(pixels, ClipPreprocessor.Std[channel], pixels);
    }

    public override float[] EmbedTokens(long[] tokens, int count, int columns)
    {
        float[] embeddings = new float[count * Architecture.EmbeddingDimension];
        if (count > 0)
        {
            Run(_text, "input_ids", OrtValue.CreateTensorValueFromMemory(tokens, [count, columns]), embeddings);
        }

        return embeddings;
    }

    private void Run(InferenceSession session, string name, OrtValue input, Span<float> embeddings)
    {
        using (input)
        {
            using var options = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, [name], [input], session.OutputNames);
            outputs[0].GetTensorDataAsSpan<float>().CopyTo(embeddings);
        }

        for (int first = 0; first < embeddings.Length; first += Architecture.EmbeddingDimension)
        {
            Span<float> row = embeddings.Slice(first, Architecture.EmbeddingDimension);
            TensorPrimitives.Divide(row, MathF.Max(TensorPrimitives.Norm<float>(row), 1e-12f), row);
        }
    }

    public override void WriteContent(Stream stream) => _content.WriteTo(stream);

    public override void Save(ModelEntriesWriter entries) => _content.Save(entries);

    public override void Dispose()
    {
        _vision.Dispose();
        _text.Dispose();
        _content.Dispose();
        Delete(_folder);
    }
}
