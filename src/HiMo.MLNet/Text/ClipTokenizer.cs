using System.Collections.Concurrent;
using System.IO.Compression;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace HiMo.MLNet.Text;

/// <summary>
/// CLIP's byte-level byte-pair encoding: a caption becomes the ids of its word pieces, between a start and an end token.
/// Safe for concurrent calls.
/// </summary>
/// <remarks>
/// Ids are those of the original: 256 bytes, the same 256 at a word's end, one per merge, start, end.
/// The caption is repaired first as the original does it with ftfy (<see cref="TextRepair"/>): <c>it’s</c> is <c>it's</c>. Time is
/// linear in what is read: the lines, and of a word without an end its beginning, that the wanted ids need.
/// </remarks>
internal sealed class ClipTokenizer
{
    private const string EndOfWord = "</w>";
    private const int MaxCachedWords = 100_000;
    private const int MaxCachedWordLength = 32;
    private const int MaxLibraryWordLength = 256;

    // The printable Latin-1 characters stand for their own byte and come first; the rest are numbered from 256 on.
    private static readonly char[] s_byteSymbols =
    [
        .. Range('!', '~'), .. Range('¡', '¬'), .. Range('®', 'ÿ'), .. Range('\u0100', '\u0143'),
    ];

    private static readonly Lazy<ClipTokenizer> s_default = new(() =>
    {
        using Stream merges = typeof(ClipTokenizer).Assembly.GetManifestResourceStream("clip-merges.txt.gz")!;
        return new ClipTokenizer(merges);
    });

    private readonly List<(string Line, int Left, int Right)> _merges;
    private readonly BpeTokenizer _bpe;
    private readonly Lazy<LongWord> _longWords;
    private readonly ConcurrentDictionary<string, int[]> _words = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _wordsBySpan;
    private int _cachedWords;

    /// <summary>Reads a vocabulary: one merge a line (two symbols and a space between), as text or gzip.</summary>
    /// <param name="merges">The lines, best merge first; a first line with <c>#version</c> is passed over.</param>
    /// <exception cref="FormatException">
    /// The file is too long, or a line is too long or not a merge of two known symbols; the message names the line.
    /// </exception>
    public ClipTokenizer(Stream merges)
    {
        ArgumentNullException.ThrowIfNull(merges);
        var vocabulary = new Dictionary<string, int>(512 + MergesFile.MaxMerges + 2, StringComparer.Ordinal);
        foreach (string end in (string[])["", EndOfWord])
        {
            foreach (char symbol in s_byteSymbols)
            {
                vocabulary.Add(symbol + end, vocabulary.Count);
            }
        }

        _merges = MergesFile.Read(merges, vocabulary);
        StartToken = vocabulary.Count;
        vocabulary.Add(ClipText.StartOfText, StartToken);
        EndToken = vocabulary.Count;
        vocabulary.Add(ClipText.EndOfText, EndToken);
        VocabularySize = vocabulary.Count;

        // Words reach it one by one, already cleaned and cut, hence no normalizer and no pre-tokenizer.
        _bpe = BpeTokenizer.Create(new BpeOptions(vocabulary)
        {
            Merges = _merges.Select(merge => merge.Line),
            ByteLevel = true,
            EndOfWordSuffix = EndOfWord,
        });
        _longWords = new Lazy<LongWord>(() => new LongWord(s_byteSymbols, [.. _merges.Select(merge => (merge.Left, merge.Right))]));
        _words[ClipText.StartOfText] = [StartToken];
        _words[ClipText.EndOfText] = [EndToken];
        _wordsBySpan = _words.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The tokenizer with CLIP's own vocabulary of 49,408 tokens.</summary>
    public static ClipTokenizer Default => s_default.Value;

    /// <summary>Number of token ids: 512 + merges + 2.</summary>
    public int VocabularySize { get; }

    /// <summary>Id of the token before a caption: 49406 in CLIP's vocabulary.</summary>
    public int StartToken { get; }

    /// <summary>Id of the token after a caption, the highest of all: 49407 in CLIP's vocabulary.</summary>
    public int EndToken { get; }

    /// <summary>The merges, best first: two symbols and a space between.</summary>
    public IEnumerable<string> Merges => _merges.Select(merge => merge.Line);

    /// <summary>What the ids stand for, in their order.</summary>
    public IEnumerable<string> Symbols =>
    [
        .. s_byteSymbols.Select(symbol => $"{symbol}"), .. s_byteSymbols.Select(symbol => symbol + EndOfWord),
        .. _merges.Select(merge => merge.Line.Replace(" ", "", StringComparison.Ordinal)), ClipText.StartOfText, ClipText.EndOfText,
    ];

    /// <summary>What encodes the words that are too long for the library.</summary>
    internal LongWord LongWords => _longWords.Value;

    /// <summary>The ids of a caption, without start and end.</summary>
    public IReadOnlyList<int> Encode(string text)
    {
        var ids = new List<int>();
        Encode(text, int.MaxValue, ids);
        return ids;
    }

    /// <summary>Fills a row of a token batch: start, ids, end, zeros. A longer caption loses its tail, never its end token.</summary>
    /// <param name="text">The caption.</param>
    /// <param name="row">The row, as long as the model's context; at least 2.</param>
    /// <returns>The number of positions used, start and end included.</returns>
    public int Encode(string text, Span<long> row)
    {
        if (row.Length < 2)
        {
            throw new ArgumentException($"A token row needs room for the start and the end token, found {row.Length} position(s).",
                nameof(row));
        }

        var ids = new List<int>(row.Length);
        Encode(text, row.Length - 2, ids);
        int used = Math.Min(ids.Count, row.Length - 2);
        row[0] = StartToken;
        for (int i = 0; i < used; i++)
        {
            row[i + 1] = ids[i];
        }

        row[used + 1] = EndToken;
        row[(used + 2)..].Clear();
        return used + 2;
    }

    /// <summary>Writes the vocabulary as gzip, in the form that the constructor reads.</summary>
    public void WriteMerges(Stream stream)
    {
        using var gzip = new GZipStream(stream, CompressionLevel.SmallestSize, leaveOpen: true);
        using var writer = new StreamWriter(gzip, new UTF8Encoding(false)) { NewLine = "\n" };
        writer.WriteLine("#version: 0.2");
        foreach ((string line, _, _) in _merges)
        {
            writer.WriteLine(line);
        }
    }

    // Stops at the word that reaches the wanted count, so that a very long caption costs no more than its head.
    private void Encode(string text, int wanted, List<int> ids)
    {
        ArgumentNullException.ThrowIfNull(text);
        foreach (string piece in ClipText.Clean(text))
        {
            ReadOnlySpan<char> rest = piece;
            while (!rest.IsEmpty && ids.Count < wanted)
            {
                int length = ClipText.WordLength(rest);
                if (length > 0)
                {
                    ids.AddRange(EncodeWord(rest[..length], wanted - ids.Count));
                }

                rest = rest[int.Max(length, 1)..];
            }

            if (ids.Count >= wanted)
            {
                return;
            }
        }
    }

    private IReadOnlyList<int> EncodeWord(ReadOnlySpan<char> word, int wanted)
    {
        if (_wordsBySpan.TryGetValue(word, out int[]? known))
        {
            return known;
        }

        if (word.Length > MaxLibraryWordLength)
        {
            return LongWords.Encode(word, wanted);
        }

        IReadOnlyList<int> ids = _bpe.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false);
        if (word.Length <= MaxCachedWordLength && Volatile.Read(ref _cachedWords) < MaxCachedWords
            && _words.TryAdd(word.ToString(), [.. ids]))
        {
            Interlocked.Increment(ref _cachedWords);
        }

        return ids;
    }

    private static IEnumerable<char> Range(char first, char last) =>
        Enumerable.Range(first, last - first + 1).Select(code => (char)code);
}
