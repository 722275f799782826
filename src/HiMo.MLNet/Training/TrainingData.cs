using System.Collections.Concurrent;
using HiMo.MLNet.Images;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Training;

/// <summary>An image, decoded when it is needed, with its caption.</summary>
/// <param name="Identity">What tells images apart: the file's path, or a hash of its bytes; null for one that is decoded already.</param>
/// <param name="Load">Decodes the image.</param>
/// <param name="Caption">The whole caption.</param>
/// <param name="HeldBytes">The memory that the image takes already, decoded or encoded; 0 for a file.</param>
internal sealed record TrainingPair(string? Identity, Func<RgbImage> Load, string Caption, long HeldBytes = 0);

/// <summary>
/// Turns pairs into augmented, tokenised batches on worker threads, one batch ahead of the training.
/// </summary>
/// <param name="pairs">Opens a pass over the pairs.</param>
/// <param name="pairCount">How many pairs a pass has.</param>
/// <param name="captions">The parts of a caption that become tokens.</param>
/// <param name="batchSize">The pairs of a batch.</param>
/// <param name="dropLast">Whether a shorter last batch is left out; one of a single pair always is, since it contrasts with
/// nothing.</param>
/// <param name="augmentation">How images are varied, or null.</param>
/// <param name="architecture">The sizes of images and captions.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="seed">The same seed gives the same batches.</param>
/// <param name="maxUnreadableShare">The share of these images that may be unreadable and are then left out of their batches.</param>
/// <param name="share">The places of every batch that are filled here; null for all.</param>
internal sealed class TrainingData(
    Func<IEnumerable<TrainingPair>> pairs, long pairCount, IReadOnlyList<CaptionSampling> captions, int batchSize, bool dropLast,
    ImageAugmentation? augmentation, ClipArchitecture architecture, ClipTokenizer tokenizer, int seed, double maxUnreadableShare = 0,
    Share? share = null)
{
    /// <summary>Pairs held for shuffling: a pair leaves in the place of a random one of these.</summary>
    internal const int ShufflePool = 16_384;

    /// <summary>The most memory that images without a file take in that pool, and again on their way into a batch.</summary>
    internal const long HeldBytes = 256 << 20;

    private readonly int _size = (int)Math.Min(batchSize, Math.Max(2, pairCount));
    private readonly ImageAugmenter? _augmenter = augmentation is null ? null : new(augmentation, architecture.ImageSize);
    private readonly List<ImageReadException> _unreadable = [];
    private readonly Share _share = share ?? Share.Whole;

    /// <summary>How many pairs a pass has.</summary>
    public long PairCount => pairCount;

    /// <summary>What could not be read in the current pass.</summary>
    public IReadOnlyList<ImageReadException> Unreadable => _unreadable;

    /// <summary>One shuffled pass over the data.</summary>
    /// <param name="epoch">Which order.</param>
    /// <param name="skip">Batches of the pass to leave out: they were trained on before.</param>
    /// <param name="number">The number, from 0, of the first batch after those; it decides augmentation and sampling.</param>
    /// <param name="cancellation">Stops the pass.</param>
    public IEnumerable<PreparedBatch> Epoch(int epoch, int skip, int number, CancellationToken cancellation = default) =>
        Ahead(Batches(Shuffle(pairs(), new Random(Mix(epoch, -1))), skip, number, cancellation), cancellation);

    /// <summary>One pass in the data's order.</summary>
    public IEnumerable<PreparedBatch> InOrder(CancellationToken cancellation = default) =>
        Ahead(Batches(pairs(), 0, 0, cancellation), cancellation);

    // Prepares one batch while another is trained on.
    private IEnumerable<PreparedBatch> Ahead(IEnumerable<PreparedBatch> batches, CancellationToken cancellation)
    {
        _unreadable.Clear();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var ready = new BlockingCollection<PreparedBatch>(1);
        var producer = new OwnThread("HiMo-CLIP data", () =>
        {
            try
            {
                foreach (PreparedBatch batch in batches)
                {
                    ready.Add(batch, stop.Token);
                }
            }
            finally
            {
                ready.CompleteAdding();
            }
        });
        try
        {
            foreach (PreparedBatch batch in ready.GetConsumingEnumerable(cancellation))
            {
                yield return batch;
            }

            producer.Wait();
            producer.ThrowError();
        }
        finally
        {
            stop.Cancel();
            producer.Wait();
        }
    }

    private IEnumerable<PreparedBatch> Batches(IEnumerable<TrainingPair> pass, int skip, int number, CancellationToken cancellation)
    {
        BatchBuilder batch = NewBatch(number);
        List<TrainingPair> waiting = [];
        long held = 0;
        foreach (TrainingPair pair in pass.Skip(skip * batchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            if (batch.Count + waiting.Count == _size)
            {
                throw new InvalidOperationException($"The data had {pairCount} rows when the training began, and now it has more.");
            }

            waiting.Add(pair);
            held += pair.HeldBytes;
            bool full = batch.Count + waiting.Count == batchSize;
            if (full || held > HeldBytes)
            {
                batch.Add(waiting, cancellation);
                waiting.Clear();
                held = 0;
            }

            if (full)
            {
                yield return Finish(batch);
                batch = NewBatch(++number);
            }
        }

        batch.Add(waiting, cancellation);
        if (batch.Count > 1 && !dropLast)
        {
            yield return Finish(batch);
        }
    }

    private BatchBuilder NewBatch(int number) =>
        new(_size, architecture, captions, tokenizer, _augmenter, place => new Random(Mix(number, place)), _share);

    private PreparedBatch Finish(BatchBuilder batch)
    {
        if (_share.IsWhole)
        {
            LeaveOut([.. batch.Failures]);
        }

        return batch.Build();
    }

    /// <summary>Counts what could not be read of a batch; where the batch is shared, that of all ranks.</summary>
    /// <exception cref="ImageReadException">It is more than may be left out.</exception>
    public void LeaveOut(IReadOnlyList<ImageReadException> failures)
    {
        _unreadable.AddRange(failures);
        long allowed = (long)(maxUnreadableShare * pairCount);
        if (failures.Count > 0 && _unreadable.Count > allowed)
        {
            string limit = $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.MaxUnreadableShare)} allows {allowed}";
            throw allowed == 0 ? failures[0] : new ImageReadException(
                failures[^1].Path, $"{failures[^1].Reason}; it is number {_unreadable.Count}, and {limit}", failures[^1]);
        }
    }

    /// <summary>Every pair in a random order, of which no more is held than the two limits say.</summary>
    internal static IEnumerable<TrainingPair> Shuffle(IEnumerable<TrainingPair> source, Random random)
    {
        var pool = new List<TrainingPair>();
        long held = 0;
        foreach (TrainingPair pair in source)
        {
            while (pool.Count == ShufflePool || (pool.Count > 0 && held + pair.HeldBytes > HeldBytes))
            {
                int i = random.Next(pool.Count);
                TrainingPair leaving = pool[i];
                (pool[i], held) = (pool[^1], held - leaving.HeldBytes);
                pool.RemoveAt(pool.Count - 1);
                yield return leaving;
            }

            pool.Add(pair);
            held += pair.HeldBytes;
        }

        TrainingPair[] rest = [.. pool];
        pool.Clear();
        random.Shuffle(rest);
        foreach (TrainingPair pair in rest)
        {
            yield return pair;
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
