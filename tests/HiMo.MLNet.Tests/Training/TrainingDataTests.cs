using HiMo.MLNet.Tests.Images;
using HiMo.MLNet.Text;
using HiMo.MLNet.Training;

namespace HiMo.MLNet.Tests.Training;

public sealed class TrainingDataTests
{
    private static TrainingPair Pair(int number, long held = 0, Action? loaded = null) => new(null, () =>
    {
        loaded?.Invoke();
        return TestImage.Plain(1, 1, (byte)number, 0, 0);
    }, $"Image {number}.", held);

    private static TrainingData Data(IEnumerable<TrainingPair> pairs, int count, int batchSize, CaptionSampling sampling = CaptionSampling.Whole) =>
        new(() => pairs, count, [sampling], batchSize, dropLast: false, augmentation: null, ToyImages.Tiny, ClipTokenizer.Default, seed: 3);

    [Fact]
    public void Images_in_memory_are_shuffled_within_256_megabytes()
    {
        int read = 0, left = 0, most = 0;
        IEnumerable<TrainingPair> Source()
        {
            for (; read < 1000; most = Math.Max(most, read - left))
            {
                yield return Pair(read++, held: 1 << 20);
            }
        }

        List<string> order = [];
        foreach (TrainingPair pair in TrainingData.Shuffle(Source(), new Random(4)))
        {
            left++;
            order.Add(pair.Caption);
        }

        Assert.InRange(most, 200, 257);
        string[] captions = [.. Enumerable.Range(0, 1000).Select(i => $"Image {i}.")];
        Assert.NotEqual(captions, order);
        Assert.Equal(captions.Order(StringComparer.Ordinal), order.Order(StringComparer.Ordinal));
        read = left = 0;
        Assert.Equal(order, TrainingData.Shuffle(Source(), new Random(4)).Select(pair => pair.Caption));
    }

    [Fact]
    public void Files_are_shuffled_among_16384()
    {
        int read = 0, most = 0, left = 0;
        IEnumerable<TrainingPair> Source()
        {
            for (; read < 20_000; most = Math.Max(most, read - left))
            {
                yield return Pair(read++);
            }
        }

        foreach (TrainingPair _ in TrainingData.Shuffle(Source(), new Random(4)))
        {
            left++;
        }

        Assert.InRange(most, 16_384, 16_385);
        Assert.Equal(20_000, left);
    }

    [Fact]
    public void Large_images_in_memory_enter_their_batch_a_few_at_a_time()
    {
        int read = 0, loaded = 0, most = 0;
        IEnumerable<TrainingPair> Source()
        {
            for (; read < 16; most = Math.Max(most, read - loaded))
            {
                yield return Pair(read++, held: 100 << 20, () => Interlocked.Increment(ref loaded));
            }
        }

        PreparedBatch[] batches = [.. Data(Source(), 16, batchSize: 8).InOrder()];

        Assert.Equal([8, 8], batches.Select(batch => batch.Count));
        Assert.Equal(Enumerable.Range(0, 16).Select(i => (byte)i), batches.SelectMany(b => Enumerable.Range(0, 8).Select(i => b.Pixels[i * 3 * 32 * 32])));
        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public void Unreadable_images_leave_the_others_in_their_places()
    {
        TrainingPair[] pairs = [.. Enumerable.Range(0, 5).Select(i => i is 1 or 2
            ? new TrainingPair($"{i}.png", () => throw new ImageReadException($"{i}.png", "is no image", null), $"Image {i}.") : Pair(i))];
        var data = new TrainingData(() => pairs, 5, [CaptionSampling.Whole], 5, dropLast: false, augmentation: null, ToyImages.Tiny, ClipTokenizer.Default, seed: 3, maxUnreadableShare: 0.4);

        PreparedBatch batch = Assert.Single(data.InOrder());

        Assert.Equal(3, batch.Count);
        Assert.Equal([0, 3, 4], Enumerable.Range(0, 3).Select(i => (int)batch.Pixels[i * 3 * 32 * 32]));
        // The second row, after its start token; each ends with an end token.
        long[] expected = [.. ClipTokenizer.Default.Encode("Image 3.").Select(id => (long)id)];
        Assert.Equal(expected, batch.Tokens[0].AsSpan(expected.Length + 3, expected.Length).ToArray());
        Assert.Equal(2, data.Unreadable.Count);
    }

    [Fact]
    public void Data_that_grows_between_passes_is_an_error()
    {
        TrainingData data = Data(Enumerable.Range(0, 9).Select(i => Pair(i)), 4, batchSize: 6);
        Assert.Contains("had 4 rows when", Assert.Throws<InvalidOperationException>(() => data.InOrder().Count()).Message, StringComparison.Ordinal);
    }
}
