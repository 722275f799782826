using System.Numerics.Tensors;
using System.Text.Json;
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
    private readonly Action<Stream> _writeContent;
    private readonly string _engine;

    private OnnxNetwork(
        InferenceSession vision, InferenceSession text, string source, string engine, long bytes, Action<Stream> writeContent)
    {
        (_vision, _text, _engine, _writeContent, WeightBytes) = (vision, text, engine, writeContent, bytes);
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
    public static OnnxNetwork Load(OnnxFiles files, DeviceChoice device) => Create(
        files.Vision, device, options => Session(files.Vision, () => new(files.Vision, options)),
            options => Session(files.Text, () => new(files.Text, options)),
        new FileInfo(files.Vision).Length + new FileInfo(files.Text).Length, stream =>
        {
            foreach (string path in (string[])[files.Vision, files.Text])
            {
                using FileStream file = File.OpenRead(path);
                file.CopyTo(stream);
            }
        });

    private static OnnxNetwork Create(string source, DeviceChoice device, Func<SessionOptions, InferenceSession> openVision,
        Func<SessionOptions, InferenceSession> openText, long bytes, Action<Stream> writeContent)
    {
        (SessionOptions options, string engine) = Options(device);
        using (options)
        {
            InferenceSession vision = openVision(options);
            InferenceSession? text = null;
            try
            {
                text = openText(options);
                return new(vision, text, source, engine, bytes, writeContent);
            }
            catch
            {
                vision.Dispose();
                text?.Dispose();
                throw;
            }
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

    private static InferenceSession Session(string source, Func<InferenceSession> open)
    {
        try
        {
            return open();
        }
        catch (OnnxRuntimeException e)
        {
            throw new CheckpointFormatException($"{source}: ONNX Runtime cannot load the graph: {e.Message}", e);
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

    public override void WriteContent(Stream stream) => _writeContent(stream);

    public override void Dispose()
    {
        _vision.Dispose();
        _text.Dispose();
    }
}
