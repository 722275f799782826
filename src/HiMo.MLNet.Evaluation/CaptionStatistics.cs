using HiMo.MLNet.Text;

namespace HiMo.MLNet;

/// <summary>How long captions are.</summary>
public sealed record CaptionStatistics
{
    /// <summary>Captions.</summary>
    public required int Count { get; init; }

    /// <summary>Captions that are empty or white space.</summary>
    public required int EmptyCount { get; init; }

    /// <summary>Mean number of sentences, or of a caption's own growing texts (HiMo-Docci). NaN without captions.</summary>
    public required double MeanParts { get; init; }

    /// <summary>The largest number of them.</summary>
    public required int MostParts { get; init; }

    /// <summary>Mean number of tokens, without start and end. NaN without captions.</summary>
    public required double MeanTokens { get; init; }

    /// <summary>The largest number of tokens.</summary>
    public required int MostTokens { get; init; }

    /// <summary>Captions with more tokens than the model reads: the rest of them is not seen.</summary>
    public required int TruncatedCount { get; init; }

    internal static CaptionStatistics Of(IReadOnlyList<string> captions, Func<int, int> parts, ClipTokenizer tokenizer, int contextLength)
    {
        int[] tokens = new int[captions.Count];
        ParallelLoop.For(captions.Count, i => tokens[i] = tokenizer.Encode(captions[i]).Count);
        int[] counts = [.. Enumerable.Range(0, captions.Count).Select(parts)];
        return new()
        {
            Count = captions.Count,
            EmptyCount = captions.Count(string.IsNullOrWhiteSpace),
            MeanParts = captions.Count == 0 ? double.NaN : counts.Average(),
            MostParts = counts.DefaultIfEmpty().Max(),
            MeanTokens = captions.Count == 0 ? double.NaN : tokens.Average(),
            MostTokens = tokens.DefaultIfEmpty().Max(),
            TruncatedCount = tokens.Count(n => n > contextLength - 2),
        };
    }
}
