namespace HiMo.MLNet;

/// <summary>COLA, multi-object setting: two images whose attributes are swapped, and a caption for each.</summary>
/// <remarks>A row is right only if each caption is strictly nearer to its own image than to the other; a tie is wrong. Guessing gives 25
/// %.</remarks>
public sealed record ColaMetrics
{
    /// <summary>Share of right rows, in %. NaN without rows.</summary>
    public double Accuracy => 100.0 * CorrectCount / RowCount;

    /// <summary>Rows of two images and two captions.</summary>
    public required int RowCount { get; init; }

    /// <summary>Rows where both captions prefer their own image.</summary>
    public required int CorrectCount { get; init; }
}
