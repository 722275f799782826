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
internal sealed class BatchBuilder(
    int size, ClipArchitecture architecture, IReadOnlyList<CaptionSampling> captions, ClipTokenizer tokenizer, ImageAugmenter? augmenter,
    Func<int, Random> random)
{
    private readonly ClipPreprocessor _preprocessor = new(architecture.ImageSize);
    private readonly byte[] _pixels = new byte[checked(size * 3 * architecture.ImageSize * architecture.ImageSize)];
    private readonly long[][] _tokens = [.. captions.Select(_ => new long[size * architecture.ContextLength])];
    private readonly int[][] _lengths = [.. captions.Select(_ => new int[size])];
    private readonly string?[] _identities = new string?[size];
    private readonly ImageReadException?[] _failures = new ImageReadException?[size];

    /// <summary>Pairs so far, with those that could not be read.</summary>
    public int Count { get; private set; }

    /// <summary>What could not be read.</summary>
    public IEnumerable<ImageReadException> Failures => _failures.OfType<ImageReadException>();

    /// <summary>Decodes images, in parallel, into the next places.</summary>
    public void Add(IReadOnlyList<TrainingPair> pairs, CancellationToken cancellation)
    {
        int first = Count;
        ParallelLoop.For(pairs.Count, i => Place(pairs[i], first + i), cancellation);
        Count += pairs.Count;
    }

    private void Place(TrainingPair pair, int place)
    {
        RgbImage image;
        try
        {
            image = pair.Load();
        }
        catch (ImageReadException e)
        {
            _failures[place] = e;
            return;
        }

        _identities[place] = pair.Identity;
        Random generator = random(place);
        Span<byte> planes = _pixels.AsSpan(place * _preprocessor.Length, _preprocessor.Length);
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
            _lengths[c][place] = tokenizer.Encode(caption, _tokens[c].AsSpan(place * context, context));
        }
    }

    /// <summary>The pairs that could be read.</summary>
    /// <exception cref="ImageReadException">Fewer than two of them.</exception>
    public PreparedBatch Build()
    {
        int[] readable = [.. Enumerable.Range(0, Count).Where(place => _failures[place] is null)];
        if (readable.Length < 2 && Failures.LastOrDefault() is { } last)
        {
            throw new ImageReadException(
                last.Path, $"{last.Reason}; of the {Count} images of its batch, {Count - readable.Length} are unreadable", last);
        }

        foreach ((int to, int from) in readable.Index().Where(move => move.Index != move.Item))
        {
            _pixels.AsSpan(from * _preprocessor.Length, _preprocessor.Length).CopyTo(_pixels.AsSpan(to * _preprocessor.Length));
        }

        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        long[] images = [.. readable
            .Select((place, i) => _identities[place] is not { } known || numbers.TryAdd(known, i) ? i : numbers[known])];
        return new(readable.Length, architecture.ImageSize, _pixels, [.. captions.Select((_, c) => Cut(c, readable))], images);
    }

    // No longer than the longest caption.
    private long[] Cut(int caption, int[] places)
    {
        int longest = places.Max(place => _lengths[caption][place]);
        long[] rows = new long[places.Length * longest];
        for (int row = 0; row < places.Length; row++)
        {
            _tokens[caption].AsSpan(places[row] * architecture.ContextLength, longest).CopyTo(rows.AsSpan(row * longest));
        }

        return rows;
    }
}
