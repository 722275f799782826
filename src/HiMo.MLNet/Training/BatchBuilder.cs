using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using HiMo.MLNet.Images;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Training;

/// <summary>Fills a batch with augmented images and tokens.</summary>
/// <param name="size">The most pairs.</param>
/// <param name="architecture">The sizes of images and captions.</param>
/// <param name="captions">The parts of a caption that become tokens.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="augmenter">Varies the images, or null.</param>
/// <param name="random">The generator of the pair at a place of the batch.</param>
/// <param name="share">The places that are filled here; the others count, and stay empty.</param>
internal sealed class BatchBuilder(
    int size, ClipArchitecture architecture, IReadOnlyList<CaptionSampling> captions, ClipTokenizer tokenizer, ImageAugmenter? augmenter,
    Func<int, Random> random, Share share)
{
    private readonly ClipPreprocessor _preprocessor = new(architecture.ImageSize);
    private readonly byte[] _pixels = new byte[PixelBytes(share.Of(size), architecture.ImageSize)];
    private readonly long[][] _tokens = [.. captions.Select(_ => new long[share.Of(size) * architecture.ContextLength])];
    private readonly int[][] _lengths = [.. captions.Select(_ => new int[share.Of(size)])];
    private readonly string?[] _identities = new string?[share.Of(size)];
    private readonly ImageReadException?[] _failures = new ImageReadException?[share.Of(size)];
    private readonly List<string> _captions = [];

    /// <summary>Pairs so far, with those that could not be read.</summary>
    public int Count { get; private set; }

    /// <summary>What could not be read.</summary>
    public IEnumerable<ImageReadException> Failures => _failures.OfType<ImageReadException>();

    private static long PixelBytes(int images, int size)
    {
        long bytes = 3L * images * size * size;
        return bytes <= Array.MaxLength ? bytes : throw new InvalidOperationException(
            $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.BatchSize)}: {images} images of {size} x {size} pixels are {bytes} bytes; "
            + $"a process holds at most {Array.MaxLength}. Expected a smaller batch, or more processes "
            + $"({nameof(HiMoClipOptions.Communicator)}).");
    }

    /// <summary>Decodes images, in parallel, into the next places.</summary>
    public void Add(IReadOnlyList<TrainingPair> pairs, CancellationToken cancellation)
    {
        int first = Count;
        ParallelLoop.For(pairs.Count, i =>
        {
            if (share.Has(first + i))
            {
                Place(pairs[i], share.Row(first + i), random(first + i));
            }
        }, cancellation);
        Count += pairs.Count;
        if (!share.IsWhole)
        {
            _captions.AddRange(pairs.Select(pair => pair.Caption));
        }
    }

    private void Place(TrainingPair pair, int row, Random generator)
    {
        RgbImage image;
        try
        {
            image = pair.Load();
        }
        catch (ImageReadException e)
        {
            _failures[row] = e;
            return;
        }

        _identities[row] = pair.Identity;
        Span<byte> planes = _pixels.AsSpan(row * _preprocessor.Length, _preprocessor.Length);
        using (image)
        {
            if (augmenter is null)
            {
                _preprocessor.Process(image, planes);
            }
            else
            {
                augmenter.Process(image, generator, planes);
            }
        }

        int context = architecture.ContextLength;
        for (int c = 0; c < captions.Count; c++)
        {
            string caption = CaptionSampler.Sample(pair.Caption, captions[c], generator);
            _lengths[c][row] = tokenizer.Encode(caption, _tokens[c].AsSpan(row * context, context));
        }
    }

    /// <summary>The pairs that could be read.</summary>
    public PreparedBatch Build()
    {
        int[] readable = [.. Enumerable.Range(0, share.Of(Count)).Where(row => _failures[row] is null)];
        foreach ((int to, int from) in readable.Index().Where(move => move.Index != move.Item))
        {
            _pixels.AsSpan(from * _preprocessor.Length, _preprocessor.Length).CopyTo(_pixels.AsSpan(to * _preprocessor.Length));
        }

        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        long[] images = [.. readable
            .Select((row, i) => _identities[row] is not { } known || numbers.TryAdd(known, i) ? i : numbers[known])];
        return new(readable.Length, architecture.ImageSize, _pixels, [.. captions.Select((_, c) => Cut(c, readable))], images)
        {
            Shared = share.IsWhole ? null : Describe(readable),
        };
    }

    // What the other ranks have to know of these pairs.
    private SharedRows Describe(int[] readable)
    {
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string caption in _captions)
        {
            all.AppendData(Encoding.UTF8.GetBytes(caption));
            all.AppendData([0]);
        }

        int context = architecture.ContextLength;
        return new(Count, Convert.ToHexString(all.GetHashAndReset()), [.. readable.Select(share.Place)],
            [.. readable.Select(row => _identities[row] is { } known ? Digest(Encoding.UTF8.GetBytes(known)) : $"{share.Place(row)}")],
            [.. captions.Select((_, c) => readable.Select(row =>
                Digest(MemoryMarshal.AsBytes(_tokens[c].AsSpan(row * context, _lengths[c][row])))).ToArray())],
            [.. _failures.Index().Where(f => f.Item is not null)
                .Select(f => new UnreadableImage(share.Place(f.Index), f.Item!.Path, f.Item.Reason))]);
    }

    private static string Digest(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(SHA256.HashData(bytes).AsSpan(0, 16));

    // No longer than the longest caption.
    private long[] Cut(int caption, int[] rows)
    {
        int longest = rows.Select(row => _lengths[caption][row]).DefaultIfEmpty().Max();
        long[] cut = new long[rows.Length * longest];
        for (int i = 0; i < rows.Length; i++)
        {
            _tokens[caption].AsSpan(rows[i] * architecture.ContextLength, longest).CopyTo(cut.AsSpan(i * longest));
        }

        return cut;
    }
}
