namespace HiMo.MLNet.Text;

/// <summary>Cuts a caption into its sentences.</summary>
internal static class Sentences
{
    private static readonly HashSet<string> s_titles =
        new(StringComparer.OrdinalIgnoreCase) { "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "vs", "e.g", "i.e", "cf", "approx" };

    private static readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> s_titlesBySpan =
        s_titles.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>
    /// The sentences in order, trimmed, with their punctuation. One ends after <c>.</c>, <c>!</c> or <c>?</c>, with the
    /// quotes and brackets that close behind it, before white space or the caption's end.
    /// </summary>
    /// <remarks>
    /// Not ends: a title and the like ("Mr.", "e.g."); an abbreviation that more often goes on ("etc.", "p.m.",
    /// "U.S.") before a small letter; "No." before a digit. A decimal has no white space behind its point.
    /// An empty caption has no sentences; text without punctuation is one.
    /// </remarks>
    public static string[] Split(string caption)
    {
        var sentences = new List<string>();
        int start = 0;
        for (int i = 0; i < caption.Length; i++)
        {
            if (caption[i] is not ('.' or '!' or '?'))
            {
                continue;
            }

            int end = i + 1;
            while (end < caption.Length && caption[end] is '.' or '!' or '?' or '"' or '\'' or '”' or '’' or ')' or ']')
            {
                end++;
            }

            int next = end;
            while (next < caption.Length && char.IsWhiteSpace(caption[next]))
            {
                next++;
            }

            bool closesOnlyThePoint = end == i + 1 && caption[i] == '.';
            if (next == caption.Length || (next > end && !(closesOnlyThePoint && GoesOn(caption.AsSpan(start, i - start), caption[next]))))
            {
                Add(caption.AsSpan(start, end - start));
                start = next;
            }

            i = end - 1;
        }

        Add(caption.AsSpan(start));
        return [.. sentences];

        void Add(ReadOnlySpan<char> sentence)
        {
            sentence = sentence.Trim();
            if (!sentence.IsEmpty)
            {
                sentences.Add(sentence.ToString());
            }
        }
    }

    private static bool GoesOn(ReadOnlySpan<char> before, char next)
    {
        int start = before.Length;
        while (start > 0 && !char.IsWhiteSpace(before[start - 1]) && before[start - 1] is not ('(' or '"' or '“'))
        {
            start--;
        }

        ReadOnlySpan<char> word = before[start..];
        return s_titlesBySpan.Contains(word)
            || (char.IsLower(next) && (word is "etc" || word.Contains('.')))
            || (char.IsDigit(next) && word.Equals("no", StringComparison.OrdinalIgnoreCase));
    }
}
