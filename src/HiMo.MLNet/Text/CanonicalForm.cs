using System.Globalization;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>Unicode's normalization form C (UAX 15): a letter and its marks become one character where there is one.</summary>
/// <remarks>
/// <see cref="string.Normalize()"/> leaves text as it is where globalization is invariant (most containers), throws on
/// non-characters, and takes quadratic time over a long run of marks. This one has its own table, so that ids
/// do not depend on the machine.
/// </remarks>
internal static class CanonicalForm
{
    private const int HangulBase = 0xAC00;
    private const int HangulCount = 11_172;
    private const int LeadBase = 0x1100;
    private const int LeadCount = 19;
    private const int VowelBase = 0x1161;
    private const int VowelCount = 21;
    private const int TailBase = 0x11A7;
    private const int TailCount = 28;

    private static readonly Dictionary<int, byte> s_classes = [];
    private static readonly Dictionary<int, int[]> s_parts = [];
    private static readonly Dictionary<(int First, int Second), int> s_pairs = [];

    // Characters whose presence alone can mean that there is something to do.
    private static readonly HashSet<int> s_unsettled =
        [.. Enumerable.Range(VowelBase, VowelCount), .. Enumerable.Range(TailBase + 1, TailCount - 1)];

    static CanonicalForm()
    {
        foreach (string line in EmbeddedTable.Lines("unicode-normalization.txt.gz"))
        {
            int[] numbers = [.. line.Split(' ').Skip(1).Select(number => int.Parse(number, NumberStyles.HexNumber))];
            if (line[0] == 'C')
            {
                for (int code = numbers[1]; code <= numbers[2]; code++)
                {
                    s_classes.Add(code, (byte)numbers[0]);
                    s_unsettled.Add(code);
                }

                continue;
            }

            s_parts.Add(numbers[0], numbers[1..]);
            if (line[0] == 'X')
            {
                s_unsettled.Add(numbers[0]);
            }
            else
            {
                s_pairs.Add((numbers[1], numbers[2]), numbers[0]);
                s_unsettled.Add(numbers[2]);
            }
        }
    }

    /// <summary>The composed form; the same instance where the text has it already. No lone surrogates may be in it.</summary>
    public static string Compose(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', '\u02FF') || !HasUnsettled(text))
        {
            return text;
        }

        var codes = new List<int>(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, codes);
        }

        Order(codes);
        var composed = new StringBuilder(text.Length);
        foreach (int code in Composed(codes))
        {
            composed.Append(new Rune(code));
        }

        return composed.ToString();
    }

    private static bool HasUnsettled(string text)
    {
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value >= 0x300 && s_unsettled.Contains(rune.Value))
            {
                return true;
            }
        }

        return false;
    }

    private static void Decompose(int code, List<int> codes)
    {
        if (code is >= HangulBase and < HangulBase + HangulCount)
        {
            int index = code - HangulBase;
            codes.Add(LeadBase + index / (VowelCount * TailCount));
            codes.Add(VowelBase + index / TailCount % VowelCount);
            if (index % TailCount > 0)
            {
                codes.Add(TailBase + index % TailCount);
            }
        }
        else if (s_parts.TryGetValue(code, out int[]? parts))
        {
            foreach (int part in parts)
            {
                Decompose(part, codes);
            }
        }
        else
        {
            codes.Add(code);
        }
    }

    // Marks behind a letter by their class, those of one class as they came.
    private static void Order(List<int> codes)
    {
        for (int start = 0; start < codes.Count; start++)
        {
            int end = start;
            while (end < codes.Count && ClassOf(codes[end]) > 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                int[] ordered = [.. codes[start..end].OrderBy(ClassOf)];
                for (int i = 0; i < ordered.Length; i++)
                {
                    codes[start + i] = ordered[i];
                }
            }

            start = end;
        }
    }

    private static List<int> Composed(List<int> codes)
    {
        var composed = new List<int>(codes.Count);
        int letter = -1;
        int last = 0; // the class of what stands last; 0 for the letter itself
        foreach (int code in codes)
        {
            int own = ClassOf(code);
            if (letter >= 0 && (last == 0 || last < own) && Pair(composed[letter], code) is { } pair)
            {
                composed[letter] = pair;
                continue;
            }

            if (own == 0)
            {
                letter = composed.Count;
            }

            last = own;
            composed.Add(code);
        }

        return composed;
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
        {
            return HangulBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TailCount;
        }

        if (first is >= HangulBase and < HangulBase + HangulCount && (first - HangulBase) % TailCount == 0
            && second is > TailBase and < TailBase + TailCount)
        {
            return first + second - TailBase;
        }

        return s_pairs.TryGetValue((first, second), out int pair) ? pair : null;
    }

    private static int ClassOf(int code) => s_classes.GetValueOrDefault(code);
}
