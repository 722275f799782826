using System.Threading.Channels;
using HiMo.MLNet.Images;
using HiMo.MLNet.Text;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>A picture, decoded when it is needed, with its caption.</summary>
/// <param name="Load">Decodes the picture.</param>
/// <param name="Caption">The whole caption.</param>
internal sealed record TrainingPair(Func<RgbImage> Load, string Caption);

/// <summary>
/// Turns pairs into shuffled, augmented, tokenised batches on worker threads, one batch ahead of the training.
/// </summary>
/// <param name="pairs">Opens a pass over the training pairs.</param>
/// <param name="options">Batch size, sampling and augmentation.</param>
/// <param name="imageSize">n, the side of the network's pictures.</param>
/// <param name="contextLength">The longest row of tokens.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="seed">The same seed gives the same batches.</param>
internal sealed class TrainingData(
    Func<IEnumerable<TrainingPair>> pairs, HiMoClipOptions options, int imageSize, int contextLength, ClipTokenizer tokenizer, int seed)
{
    /// <summary>Pairs held for shuffling: a pair leaves in the place of a random one of these.</summary>
    private const int ShufflePool = 16_384;

    private readonly ClipPreprocessor _preprocessor = new(imageSize);
    private readonly ImageAugmenter? _augmenter = options.Augmentation is { } augmentation ? new(augmentation, imageSize) : null;

    /// <summary>One pass over the data. The caller disposes the batches. A last batch of one pair is left out: it contrasts with nothing.</summary>
    public async IAsyncEnumerable<TrainingBatch> Epoch(
        int epoch, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var channel = Channel.CreateBounded<TrainingBatch>(1);
        Task producer = Task.Run(async () =>
        {
            try
            {
                foreach (TrainingPair[] chunk in Shuffle(pairs(), new Random(Mix(epoch, -1))).Chunk(options.BatchSize).Where(c => c.Length > 1))
                    await channel.Writer.WriteAsync(Build(chunk, epoch, stop.Token), stop.Token);
                channel.Writer.Complete();
            }
            catch (Exception e)
            {
                channel.Writer.Complete(e);
            }
        }, CancellationToken.None);
        try
        {
            await foreach (TrainingBatch batch in channel.Reader.ReadAllAsync(cancellation))
                yield return batch;
        }
        finally
        {
            await stop.CancelAsync();
            await producer;
            while (channel.Reader.TryRead(out TrainingBatch? unread))
                unread.Dispose();
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
            yield return pair;
    }

    private int _built;

    private TrainingBatch Build(TrainingPair[] chunk, int epoch, CancellationToken cancellation)
    {
        int batch = _built++;
        var pixels = new byte[chunk.Length * _preprocessor.Length];
        var tokens = new long[chunk.Length * contextLength];
        var lengths = new int[chunk.Length];
        try
        {
            Parallel.For(0, chunk.Length, new ParallelOptions { CancellationToken = cancellation }, i =>
            {
                var random = new Random(Mix(batch, i));
                Span<byte> planes = pixels.AsSpan(i * _preprocessor.Length, _preprocessor.Length);
                RgbImage image = chunk[i].Load();
                if (_augmenter is null)
                    _preprocessor.Process(image, planes);
                else
                    _augmenter.Process(image, random, planes);
                string caption = CaptionSampler.Sample(chunk[i].Caption, options.CaptionSampling, random);
                lengths[i] = tokenizer.Encode(caption, tokens.AsSpan(i * contextLength, contextLength));
            });
        }
        catch (AggregateException e) when (e.InnerException is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException);
        }
        int longest = lengths.Max();
        using Tensor rows = tensor(tokens, chunk.Length, contextLength), cut = rows.narrow(1, 0, longest);
        return new(tensor(pixels, chunk.Length, 3, imageSize, imageSize, dtype: ScalarType.Byte), cut.contiguous());
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
