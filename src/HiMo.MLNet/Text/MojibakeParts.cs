using System.Collections.Frozen;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>Mojibake inside other text, where no one encoding has all the characters: found by its form, repaired part by part.</summary>
internal static class MojibakeParts
{
    private const string Punctuation = "–—―‘’‚“”„•…"; // Stands for itself often enough.

    // What bytes of UTF-8 look like in Latin-1 and in the Windows encodings.
    private static readonly FrozenSet<char> s_firstOfTwo = Decoded(0xC2, 0xDF);
    private static readonly FrozenSet<char> s_firstOfThree = Decoded(0xE0, 0xEF);
    private static readonly FrozenSet<char> s_firstOfFour = [.. Decoded(0xF0, 0xF0), .. Decoded(0xF3, 0xF3)];
    private static readonly FrozenSet<char> s_continuation = [.. Decoded(0x80, 0xBF), ' '];
    private static readonly FrozenSet<char> s_strictContinuation = [.. Decoded(0x80, 0xBF).Except(Punctuation)];

    /// <summary>Repairs the parts that look like sequences of UTF-8 and like nothing that is meant.</summary>
    public static string Repair(string text)
    {
        StringBuilder? repaired = null;
        int done = 0;
        for (int start = 0; start < text.Length; start++)
        {
            int end = start > 0 && s_strictContinuation.Contains(text[start - 1]) ? start : End(text, start);
            if (end == start)
            {
                continue;
            }

            // A part is shorter than the whole, so this comes to an end.
            if (end - start < text.Length && MojibakeSigns.In(text.AsSpan(start, end - start)))
            {
                repaired ??= new StringBuilder(text.Length);
                repaired.Append(text, done, start - done).Append(Mojibake.Repair(text[start..end]));
                done = end;
            }

            start = end - 1;
        }

        return repaired is null ? text : repaired.Append(text, done, text.Length - done).ToString();
    }

    // Where the run of sequences that starts here ends.
    private static int End(string text, int start)
    {
        int end = start;
        while (end < text.Length && SequenceLength(text.AsSpan(end)) is > 0 and int length)
        {
            end += length;
        }

        return end;
    }

    private static int SequenceLength(ReadOnlySpan<char> text)
    {
        int continued = 0;
        while (continued < 3 && continued + 1 < text.Length && s_continuation.Contains(text[continued + 1]))
        {
            continued++;
        }

        return continued >= 1 && s_firstOfTwo.Contains(text[0]) ? 2
            : continued >= 2 && s_firstOfThree.Contains(text[0]) ? 3
            : continued >= 3 && s_firstOfFour.Contains(text[0]) ? 4
            : 0;
    }

    private static FrozenSet<char> Decoded(int first, int last) => SingleByteEncoding.All
        .Where(encoding => encoding.IsSloppy || encoding == SingleByteEncoding.Latin1)
        .SelectMany(encoding => Enumerable.Range(first, last - first + 1).Select(code => encoding.Decode((byte)code)))
        .ToFrozenSet();
}
