using System.Threading.Channels;
using HiMo.MLNet.Images;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Text;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>A picture, decoded when it is needed, with its caption.</summary>
/// <param name="Path">The picture's file; null where it is no file.</param>
/// <param name="Load">Decodes the picture.</param>
/// <param name="Caption">The whole caption.</param>
internal sealed record TrainingPair(string? Path, Func<RgbImage> Load, string Caption);

/// <summary>
/// Turns pairs into augmented, tokenised batches on worker threads, one batch ahead of the training.
/// </summary>
/// <param name="pairs">Opens a pass over the pairs.</param>
/// <param name="captions">The parts of a caption that become tokens.</param>
/// <param name="batchSize">The pairs of a batch.</param>
/// <param name="dropLast">Whether a shorter last batch is left out; one of a single pair always is, since it contrasts with nothing.</param>
/// <param name="augmentation">How pictures are varied, or null.</param>
/// <param name="architecture">The sizes of pictures and captions.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="seed">The same seed gives the same batches.</param>
/// <param name="maxUnreadable">The pictures of a pass that may be unreadable and are then left out of their batches.</param>
internal sealed class TrainingData(
    Func<IEnumerable<TrainingPair>> pairs, IReadOnlyList<CaptionSampling> captions, int batchSize, bool dropLast, ImageAugmentation? augmentation,
    ClipArchitecture architecture, ClipTokenizer tokenizer, int seed, long maxUnreadable = 0)
{
    /// <summary>Pairs held for shuffling: a pair leaves in the place of a random one of these.</summary>
    private const int ShufflePool = 16_384;

    private readonly ClipPreprocessor _preprocessor = new(architecture.ImageSize);
    private readonly ImageAugmenter? _augmenter = augmentation is null ? null : new(augmentation, architecture.ImageSize);

    private readonly List<ImageReadException> _unreadable = [];

    /// <summary>What could not be read in the current pass.</summary>
    public IReadOnlyList<ImageReadException> Unreadable => _unreadable;

    /// <summary>One shuffled pass over the data. The caller disposes the batches.</summary>
    /// <param name="epoch">Which order.</param>
    /// <param name="skip">Batches of the pass to leave out: they were trained on before.</param>
    /// <param name="number">The number, from 0, of the first batch after those; it decides augmentation and sampling.</param>
    /// <param name="cancellation">Stops the pass.</param>
    public IAsyncEnumerable<ContrastiveBatch> Epoch(int epoch, int skip, int number, CancellationToken cancellation = default) =>
        Batches(() => Shuffle(pairs(), new Random(Mix(epoch, -1))), skip, number, cancellation);

    /// <summary>One pass in the data's order.</summary>
    public IAsyncEnumerable<ContrastiveBatch> InOrder(CancellationToken cancellation = default) => Batches(pairs, 0, 0, cancellation);

    private async IAsyncEnumerable<ContrastiveBatch> Batches(
        Func<IEnumerable<TrainingPair>> pass, int skip, int number, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        _unreadable.Clear();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var channel = Channel.CreateBounded<ContrastiveBatch>(1);
        var producer = Task.Run(async () =>
        {
            try
            {
                foreach (TrainingPair[] chunk in pass().Chunk(batchSize).Where(c => c.Length > 1 && (!dropLast || c.Length == batchSize)).Skip(skip))
                {
                    await channel.Writer.WriteAsync(Build(chunk, number++, stop.Token), stop.Token);
                }

                channel.Writer.Complete();
            }
            catch (Exception e)
            {
                channel.Writer.Complete(e);
            }
        }, CancellationToken.None);
        try
        {
            await foreach (ContrastiveBatch batch in channel.Reader.ReadAllAsync(cancellation))
            {
                yield return batch;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await producer;
            while (channel.Reader.TryRead(out ContrastiveBatch? unread))
            {
                unread.Dispose();
            }
        }
    }

    private static IEnumerable<TrainingPair> Shuffle(IEnumerable<TrainingPair> source, Random random)
    {
        var pool = new List<TrainingPair>();
        foreach (TrainingPair pair in source)
        {
            if (pool.Count < ShufflePool)
            {
                pool.Add(pair);
                continue;
            }
            int i = random.Next(pool.Count);
            yield return pool[i];
            pool[i] = pair;
        }
        TrainingPair[] rest = [.. pool];
        random.Shuffle(rest);
        foreach (TrainingPair pair in rest)
        {
            yield return pair;
        }
    }

    private ContrastiveBatch Build(TrainingPair[] chunk, int number, CancellationToken cancellation)
    {
        int size = architecture.ImageSize, context = architecture.ContextLength;
        byte[] pixels = new byte[chunk.Length * _preprocessor.Length];
        long[][] tokens = [.. captions.Select(_ => new long[chunk.Length * context])];
        int[][] lengths = [.. captions.Select(_ => new int[chunk.Length])];
        var failed = new ImageReadException?[chunk.Length];
        ParallelLoop.For(chunk.Length, i =>
        {
            var random = new Random(Mix(number, i));
            Span<byte> planes = pixels.AsSpan(i * _preprocessor.Length, _preprocessor.Length);
            RgbImage image;
            try
            {
                image = chunk[i].Load();
            }
            catch (ImageReadException e)
            {
                failed[i] = e;
                return;
            }
            if (_augmenter is null)
            {
                _preprocessor.Process(image, planes);
            }
            else
            {
                _augmenter.Process(image, random, planes);
            }

            for (int c = 0; c < captions.Count; c++)
            {
                lengths[c][i] = tokenizer.Encode(CaptionSampler.Sample(chunk[i].Caption, captions[c], random), tokens[c].AsSpan(i * context, context));
            }
        }, cancellation);
        if (failed.OfType<ImageReadException>().ToArray() is { Length: > 0 } errors)
        {
            _unreadable.AddRange(errors);
            if (_unreadable.Count > maxUnreadable)
            {
                throw maxUnreadable == 0 ? errors[0] : new ImageReadException(errors[^1].Path,
                    $"{errors[^1].Reason}; it is number {_unreadable.Count}, and {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.MaxUnreadableShare)} allows {maxUnreadable}", errors[^1]);
            }

            TrainingPair[] readable = [.. chunk.Where((_, i) => failed[i] is null)];
            if (readable.Length < 2)
            {
                throw new ImageReadException(errors[^1].Path, $"{errors[^1].Reason}; of the {chunk.Length} pictures of its batch, {errors.Length} are unreadable", errors[^1]);
            }

            return Build(readable, number, cancellation);
        }
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        long[] pictures = [.. chunk.Select((pair, i) => pair.Path is null || numbers.TryAdd(pair.Path, i) ? i : numbers[pair.Path])];
        return new(tensor(pixels, chunk.Length, 3, size, size, dtype: ScalarType.Byte), [.. tokens.Select((rows, c) => Cut(rows, lengths[c].Max()))], tensor(pictures));

        Tensor Cut(long[] rows, int longest)
        {
            using Tensor whole = tensor(rows, chunk.Length, context), cut = whole.narrow(1, 0, longest);
            return cut.contiguous();
        }
    }

    // SplitMix64's finisher: neighbouring inputs give unrelated generators.
    private int Mix(int a, int b)
    {
        ulong x = ((ulong)(uint)seed << 32) + (ulong)(uint)a * 0x9E3779B97F4A7C15 + (ulong)(uint)b * 0xD1B54A32D192ED03;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return (int)(x >> 33);
    }
}
