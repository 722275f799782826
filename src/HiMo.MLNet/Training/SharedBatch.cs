using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>A batch of a training: this process's pairs, and where they stand among those of all ranks.</summary>
/// <param name="Mine">This rank's pairs.</param>
/// <param name="Rows">Those of every rank, by rank; empty where one process has the whole batch.</param>
internal sealed record SharedBatch(PreparedBatch Mine, IReadOnlyList<SharedRows> Rows)
{
    // Of the pairs rank by rank, the places in the batch.
    private readonly int[] _places = [.. Rows.SelectMany(rows => rows.Places)];

    /// <summary>N.</summary>
    public int Count => Rows.Count == 0 ? Mine.Count : _places.Length;

    /// <summary>What the ranks could not read, in the order of the batch.</summary>
    public IReadOnlyList<ImageReadException> Failures =>
    [
        .. from rank in Rows.Index()
           from image in rank.Item.Unreadable
           orderby image.Place
           select new ImageReadException(image.Path, $"{image.Reason} (rank {rank.Index} of {Rows.Count})", null),
    ];

    /// <summary>For the batch in its order, where each pair stands in a list of the pairs rank by rank.</summary>
    public long[] Order => [.. _places.Index().OrderBy(p => p.Item).Select(p => (long)p.Index)];

    /// <summary>Where the pairs of a rank stand in the batch.</summary>
    public long[] PositionsOf(int rank)
    {
        int[] sorted = [.. _places.Order()];
        return [.. Rows[rank].Places.Select(place => (long)Array.BinarySearch(sorted, place))];
    }

    /// <summary>The batch as objectives read it: which images and which captions are equal, and neither pixels nor tokens.</summary>
    public ContrastiveBatch ToTensors()
    {
        long[] order = Order;
        string[] images = [.. Rows.SelectMany(rows => rows.Images)];
        return new(empty([order.Length, 0], ScalarType.Byte),
            [.. Rows[0].Tokens.Select((_, c) => tensor(Numbers([.. Rows.SelectMany(rows => rows.Tokens[c])], order), order.Length, 1))],
            tensor(Numbers(images, order)));
    }

    private static long[] Numbers(string[] texts, long[] order)
    {
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        return [.. order.Select((from, i) => numbers.TryAdd(texts[from], i) ? i : numbers[texts[from]])];
    }
}
