using System.Numerics.Tensors;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Modeling;

namespace HiMo.MLNet;

/// <summary>
/// A CLIP model out of any file that embeds images and texts, without a pipeline. Embeddings are normalised: the inner product of
/// two is their cosine.
/// </summary>
/// <remarks>
/// Safe for concurrent use. Owns native memory: dispose it when it is not needed any more. Calls in progress end as they would have;
/// later ones are an <see cref="ObjectDisposedException"/>.
/// </remarks>
/// <example>
/// <code>
/// using var model = ClipEmbedder.Load("longclip-B.pt");
/// float[] image = model.EmbedImage("cat.jpg");
/// foreach (string text in (string[])["a cat", "a dog"])
///     Console.WriteLine($"{text}: {ClipEmbedder.Similarity(image, model.EmbedText(text)):f3}");
/// </code>
/// </example>
public sealed class ClipEmbedder : IDisposable
{
    /// <summary>Texts that are held at a time.</summary>
    private const int TextBatchSize = 64;

    private readonly ClipEncoder _encoder;
    private int _disposed;

    internal ClipEmbedder(ClipEncoder encoder, ZeroShotHead? head = null)
    {
        _encoder = encoder;
        SavedClassifier = head is null ? null : new(this, head);
    }

    /// <summary>Loads a model.</summary>
    /// <param name="path">A PyTorch, TorchScript or safetensors checkpoint, a folder of shards, an ML.NET model zip with a
    /// <see cref="HiMoClipTransformer"/> in it; or what <see cref="SaveOnnx"/> wrote: the folder, or one of its two graphs. Graphs run on
    /// ONNX Runtime, and the application needs the package Microsoft.ML.OnnxRuntime for them instead of TorchSharp's native one. A folder
    /// with weights beside the graphs runs on torch where that is there.</param>
    /// <param name="device"><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="activation">The networks' activation, whatever the files say; null for theirs and, where none tells,
    /// <see cref="ClipActivation.QuickGelu"/> with a warning.</param>
    /// <param name="warning">Receives what the files leave open; null: nobody is told.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="CheckpointFormatException">The file is damaged, or not a CLIP model's.</exception>
    /// <exception cref="ArgumentException">The device's name is none.</exception>
    /// <exception cref="InvalidOperationException">There is no such device, or no native torch library; the message tells which package to
    /// add.</exception>
    public static ClipEmbedder Load(string path, string device = "cpu", ClipActivation? activation = null, Action<string>? warning = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var encoder = ClipEncoder.Load(path, TorchRuntime.Named(device), activation, warning);
        try
        {
            return new(encoder, ZeroShotHead.TryLoad(path, encoder));
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>What computes: <c>TorchSharp 0.107.0 on cpu</c>, or <c>ONNX Runtime 1.31.1 on cpu</c> for exported graphs.</summary>
    public string Engine => _encoder.Engine;

    /// <summary>The sizes of the model.</summary>
    public ClipArchitecture Architecture => _encoder.Architecture;

    /// <summary>d, the length of an embedding.</summary>
    public int Dimension => _encoder.Dimension;

    /// <summary>s, the scale of the logits: the softmax of s · cosine gives the probabilities of a classifier.</summary>
    public float LogitScale => _encoder.LogitScale;

    /// <summary>SHA-256 of the weights and the vocabulary, 64 hexadecimal digits: models with the same one embed alike.</summary>
    public string WeightsHash => _encoder.WeightsHash;

    /// <summary>Images whose planes are held at a time, twice: those in the network and those that are read meanwhile. On a CPU, where the
    /// network takes eight at a time, more of them gain nothing. At least 1; default 32.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to less than 1.</exception>
    public int BatchSize
    {
        get;
        set
        {
            OptionCheck.Require(value >= 1, nameof(ClipEmbedder), nameof(BatchSize), value, "at least 1");
            field = value;
        }
    } = ClipEncoder.BatchSize;

    /// <summary>
    /// Whether JPEG files are decoded at the smallest eighths of their size whose shorter side has at least twice the network's pixels,
    /// and resized from there. That is several times as fast with large photographs, and the embeddings differ a little from those of
    /// CLIP's own preprocessing (docs/performance.md has both). Not saved with the model. Default: false.
    /// </summary>
    public bool ReduceJpegs { get; set; }

    /// <summary>The classifier over the labels that an ML.NET model was saved with; null for a checkpoint, or a model without
    /// labels.</summary>
    public ClipClassifier? SavedClassifier { get; }

    private PlaneReader Planes => ReduceJpegs ? _encoder.ReducedPlanes : _encoder.Planes;

    internal ClipEncoder Encoder
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            return _encoder;
        }
    }

    /// <summary>The token ids of a text, without start and end. All of them: the model reads the first <c>ContextLength</c> − 2.</summary>
    public IReadOnlyList<int> Tokenize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _encoder.Tokenizer.Encode(text);
    }

    /// <summary>Embeds an image.</summary>
    /// <param name="image">The image; a path or an <c>MLImage</c> converts to one.</param>
    /// <returns>d numbers, of length 1.</returns>
    /// <exception cref="ImageReadException">The image cannot be read; the message names it.</exception>
    public float[] EmbedImage(ClipImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        byte[] planes = new byte[Planes.Length];
        image.Read(Planes, planes);
        return _encoder.EncodePlanes(planes);
    }

    /// <summary>Embeds images, some at a time on all cores.</summary>
    /// <param name="images">The images, read as they are needed.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>For each image d numbers, of length 1.</returns>
    /// <exception cref="ImageReadException">An image cannot be read; the message names it.</exception>
    public float[][] EmbedImages(IEnumerable<ClipImage> images, CancellationToken cancellation = default) =>
        [.. EmbedEach(images, cancellation).Select(image => image.Error is { } error ? throw error : image.Embedding!)];

    /// <summary>
    /// Embeds images as they are asked for, and tells of those that cannot be read without stopping at them. While a batch of
    /// <see cref="BatchSize"/> goes through the network the next one is decoded, so memory holds the planes of two batches, and of the
    /// decoded images as many as take 512 MiB together, however many images there are.
    /// </summary>
    /// <param name="images">The images, read as they are needed, at most two batches ahead.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>All images, in their order.</returns>
    /// <example>
    /// <code>
    /// foreach (ClipEmbeddedImage image in model.EmbedEach(Directory.EnumerateFiles("photos").Select(ClipImage.FromFile)))
    ///     Console.WriteLine(image.Error?.Message ?? $"{image.Image.Name}: {image.Embedding![0]}");
    /// </code>
    /// </example>
    public IEnumerable<ClipEmbeddedImage> EmbedEach(IEnumerable<ClipImage> images, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        return Each();

        IEnumerable<ClipEmbeddedImage> Each()
        {
            PlaneBatch? next = null;
            try
            {
                ClipImage[] current = [];
                // An empty batch at the end, behind which the last one is computed.
                foreach (ClipImage[] batch in images.Chunk(BatchSize).Append([]))
                {
                    cancellation.ThrowIfCancellationRequested();
                    using PlaneBatch? ready = next;
                    (byte[] Planes, ImageReadException?[] Errors)? read = ready?.Wait();
                    next = batch.Length == 0 ? null
                        : new PlaneBatch(Planes, batch.Length, (i, planes) => batch[i].Read(Planes, planes));
                    foreach (ClipEmbeddedImage image in read is { } done ? Embed(current, done.Planes, done.Errors) : [])
                    {
                        yield return image;
                    }

                    current = batch;
                }
            }
            finally
            {
                next?.Dispose();
            }
        }
    }

    private ClipEmbeddedImage[] Embed(ClipImage[] images, byte[] planes, ImageReadException?[] errors)
    {
        int length = Planes.Length;
        int readable = Planes.Compact(planes, errors).Length;
        var embeddings = new Queue<float[]>(Rows(_encoder.EncodePlanes(planes.AsSpan(0, readable * length))));
        return [.. images.Select((image, i) => new ClipEmbeddedImage(image, errors[i] is null ? embeddings.Dequeue() : null, errors[i]))];
    }

    /// <summary>Embeds a text.</summary>
    /// <returns>d numbers, of length 1.</returns>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not CLIP's.</exception>
    public float[] EmbedText(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _encoder.EncodeTexts([text]);
    }

    /// <summary>Embeds texts, those of similar length together: the text tower computes as many tokens as the longest of a batch
    /// has.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="cancellation">Looked at between batches.</param>
    /// <returns>For each text d numbers, of length 1.</returns>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not CLIP's.</exception>
    public float[][] EmbedTexts(IEnumerable<string> texts, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        string[] all = [.. texts];
        float[][] embeddings = new float[all.Length][];
        foreach (int[] batch in Enumerable.Range(0, all.Length).OrderBy(i => all[i].Length).Chunk(TextBatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            foreach ((int row, float[] embedding) in Rows(_encoder.EncodeTexts([.. batch.Select(i => all[i])])).Index())
            {
                embeddings[batch[row]] = embedding;
            }
        }

        return embeddings;
    }

    /// <inheritdoc cref="EmbedImages"/>
    public Task<float[][]> EmbedImagesAsync(IEnumerable<ClipImage> images, CancellationToken cancellation = default) =>
        Task.Run(() => EmbedImages(images, cancellation), cancellation);

    /// <inheritdoc cref="EmbedTexts"/>
    public Task<float[][]> EmbedTextsAsync(IEnumerable<string> texts, CancellationToken cancellation = default) =>
        Task.Run(() => EmbedTexts(texts, cancellation), cancellation);

    /// <summary>A zero-shot classifier over any labels.</summary>
    /// <param name="labels">At least one label; all different.</param>
    /// <param name="templates">Texts with <c>{0}</c> in the place of the label; null for the bare label. See
    /// <see cref="ClipTemplates"/>.</param>
    /// <param name="threshold">The cosine, in [-1, 1], that an image needs with its best label to get one. Null: always a label.</param>
    /// <exception cref="ArgumentException">There are no labels, an empty or repeated one, or a template without <c>{0}</c>; or the
    /// threshold is not in [-1, 1].</exception>
    public ClipClassifier CreateClassifier(IEnumerable<string> labels, IEnumerable<string>? templates = null, float? threshold = null)
    {
        ArgumentNullException.ThrowIfNull(labels);
        string[] names = [.. labels], texts = [.. templates ?? ["{0}"]];
        ZeroShotHead.Check(names, texts, threshold);
        return new(this, new ZeroShotHead(Encoder, names, texts, threshold));
    }

    /// <summary>
    /// Writes the weights as safetensors under the names of the original CLIP state dict, in the types they were loaded in:
    /// the way back to Python.
    /// </summary>
    /// <param name="path">The file; written beside under another name and moved, so that an older one survives a failure.</param>
    public void SaveCheckpoint(string path) => Encoder.SaveCheckpoint(path);

    /// <summary>
    /// Writes the two towers as ONNX graphs (opset 17) in the layout and with the names of Hugging Face's exports:
    /// <c>onnx/vision_model.onnx</c>, <c>pixel_values</c> (B, 3, n, n) to <c>image_embeds</c> (B, d), and <c>onnx/text_model.onnx</c>,
    /// <c>input_ids</c> (B, T) to <c>text_embeds</c> (B, d), not normalised; <c>_fp16</c> or <c>_int8</c> behind the names of the others.
    /// </summary>
    /// <param name="folder">Made if need be. Weights beyond 2 GiB go into a file beside the graph.</param>
    /// <param name="precision">Of the weights.</param>
    /// <exception cref="IOException">The folder cannot be written, or is a file; an older export is as it was.</exception>
    public void SaveOnnx(string folder, OnnxPrecision precision = OnnxPrecision.Float32) => Encoder.SaveOnnx(folder, precision);

    /// <summary>
    /// Writes the model as Hugging Face keeps a <c>CLIPModel</c>, for transformers in Python and transformers.js: <c>config.json</c>,
    /// <c>preprocessor_config.json</c>, the tokenizer's files, <c>model.safetensors</c> with the types that the weights were loaded in,
    /// and <c>onnx/</c> as <see cref="SaveOnnx"/> has it. <c>HiMoClip("folder")</c> and <see cref="Load"/> read it.
    /// </summary>
    /// <param name="folder">Made if need be. All files are there in the end or none; others in the folder stay.</param>
    /// <param name="precisions">Of the ONNX graphs, which transformers.js needs: it takes the first unless it is told. None: no
    /// graphs.</param>
    /// <remarks>
    /// The tokenizer's files give the same ids for texts that need no repair; curly quotes, entities, mojibake and the like, which are
    /// repaired here, are not there. The mask network of a SmartCLIP training is no part of the form.
    /// </remarks>
    /// <exception cref="NotSupportedException">The image tower is a ResNet, which <c>CLIPModel</c> does not have.</exception>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not its tokenizer's.</exception>
    /// <exception cref="IOException">The folder cannot be written, is a file, or holds another model; an older export is as it
    /// was.</exception>
    /// <example>
    /// <code>
    /// model.SaveHuggingFace("folder", OnnxPrecision.Float32, OnnxPrecision.Int8);
    /// </code>
    /// </example>
    public void SaveHuggingFace(string folder, params OnnxPrecision[] precisions) => Encoder.SaveHuggingFace(folder, precisions);

    /// <summary>The cosine of two embeddings, in [-1, 1].</summary>
    public static float Similarity(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => TensorPrimitives.Dot(a, b);

    private IEnumerable<float[]> Rows(float[] matrix) => matrix.Chunk(Dimension);

    /// <summary>Frees the weights, unless a transformer shares them.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _encoder.Dispose();
        }
    }
}
