namespace HiMo.MLNet.Training;

/// <summary>The places of a batch that one rank fills: every <paramref name="Size"/>th, so that a short batch is shared evenly, too.
/// </summary>
/// <param name="Rank">Its rank.</param>
/// <param name="Size">How many ranks there are.</param>
internal readonly record struct Share(int Rank, int Size)
{
    /// <summary>That of a training in one process.</summary>
    public static Share Whole { get; } = new(0, 1);

    public bool IsWhole => Size == 1;

    public bool Has(int place) => place % Size == Rank;

    /// <summary>How many of the first places are its own.</summary>
    public int Of(int places) => (places - Rank + Size - 1) / Size;

    /// <summary>Which of its own a place is.</summary>
    public int Row(int place) => place / Size;

    public int Place(int row) => (row * Size) + Rank;
}
