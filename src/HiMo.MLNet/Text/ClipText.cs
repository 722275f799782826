using System.Buffers;
using System.Globalization;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>What CLIP does to a caption before byte-pair encoding: repair and clean it, then cut it into words.</summary>
/// <remarks>
/// Words are found by Unicode scalar value, not by UTF-16 unit, so that a letter outside the basic plane belongs to
/// its word as in the original; a .NET regular expression would take it for two symbols.
/// </remarks>
internal static class ClipText
{
    internal const string StartOfText = "<|startoftext|>";
    internal const string EndOfText = "<|endoftext|>";

    // So much of a long plain line is cleaned at a time; the piece ends at the next white space.
    private const int PieceLength = 4096;

    // The one character that CLIP's pattern passes over: a mark whose capital is a letter.
    private const char IotaBelow = '\u0345';

    // In the order in which CLIP's pattern tries them.
    private static readonly string[] s_fixedWords = [StartOfText, EndOfText, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private static readonly SearchValues<char> s_plainSpaces = SearchValues.Create("\t\n\f\r ");

    // Case-ignorable by their place in words (Word_Break MidLetter, MidNumLet and Single_Quote), not by their category.
    private static readonly SearchValues<char> s_insideWords = SearchValues.Create("'.:·\u0387\u055F\u05F4‘’․‧︓﹒﹕＇．：");

    /// <summary>
    /// Repairs the text (<see cref="TextRepair"/>), unescapes HTML entities twice as web captions need, folds white space and
    /// lower-cases. The cleaned text comes in pieces that end where a word ends, made when they are asked for.
    /// </summary>
    internal static IEnumerable<string> Clean(string text)
    {
        var repair = new TextRepair();
        var unfinished = new StringBuilder(); // A repair may swallow a line's end.
        for (int start = 0, end; start < text.Length; start = end)
        {
            int feed = text.IndexOf('\n', start);
            end = feed < 0 ? text.Length : feed + 1;
            if (unfinished.Length == 0 && repair.IsPlain(text.AsSpan(start, end - start)))
            {
                foreach (string piece in CleanPlain(text, start, end))
                {
                    yield return piece;
                }

                continue;
            }

            unfinished.Append(repair.Line(text[start..end]));
            if (end == text.Length || (unfinished.Length > 0 && unfinished[^1] == '\n'))
            {
                yield return FoldAndLower(HtmlEntities.Unescape(HtmlEntities.Unescape(unfinished.ToString())));
                unfinished.Clear();
            }
        }
    }

    private static IEnumerable<string> CleanPlain(string text, int start, int end)
    {
        while (start < end)
        {
            int stop = int.Min(start + PieceLength, end);
            int rest = text.AsSpan(stop, end - stop).IndexOfAny(s_plainSpaces);
            stop = rest < 0 ? end : stop + rest;
            yield return FoldAndLower(text.AsSpan(start, stop - start));
            start = stop;
        }
    }

    private static string FoldAndLower(ReadOnlySpan<char> text)
    {
        var clean = new StringBuilder(text.Length);
        bool pendingSpace = false;
        Span<char> units = stackalloc char[2];
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (char.IsWhiteSpace(c))
            {
                pendingSpace = clean.Length > 0;
                continue;
            }

            if (pendingSpace)
            {
                clean.Append(' ');
                pendingSpace = false;
            }

            if (char.IsAscii(c))
            {
                clean.Append(char.ToLowerInvariant(c));
            }
            else if (c == 'İ')
            {
                clean.Append("i\u0307"); // Its full lower case has two characters; .NET maps one to one.
            }
            else if (c == 'Σ')
            {
                clean.Append(EndsWord(text, i) ? 'ς' : 'σ'); // The one letter whose lower case hangs on its place.
            }
            else
            {
                Rune.DecodeFromUtf16(text[i..], out Rune rune, out int consumed);
                clean.Append(units[..Rune.ToLowerInvariant(rune).EncodeToUtf16(units)]);
                i += consumed - 1;
            }
        }

        return clean.ToString();
    }

    /// <summary>The length of the word at the start of <paramref name="text"/>; 0 where a character is to be passed over.</summary>
    internal static int WordLength(ReadOnlySpan<char> text)
    {
        if (text[0] is '\'' or '<')
        {
            foreach (string word in s_fixedWords)
            {
                if (StartsWithFixed(text, word))
                {
                    return word.Length;
                }
            }
        }

        Kind kind = KindAt(text, out int length);
        if (kind == Kind.Space)
        {
            return 0;
        }

        if (kind != Kind.Number) // Every digit is a word of its own.
        {
            while (length < text.Length && KindAt(text[length..], out int next) == kind)
            {
                length += next;
            }
        }

        return length;
    }

    // The pattern ignores case, and the long s is a small s then.
    private static bool StartsWithFixed(ReadOnlySpan<char> text, string word)
    {
        for (int i = 0; i < word.Length; i++)
        {
            if (i == text.Length || (text[i] != word[i] && !(text[i] == 'ſ' && word[i] == 's')))
            {
                return false;
            }
        }

        return true;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, out int length)
    {
        length = 1;
        char c = text[0];
        if (char.IsAscii(c))
        {
            return char.IsAsciiLetter(c) ? Kind.Letter
                : char.IsAsciiDigit(c) ? Kind.Number
                : char.IsWhiteSpace(c) ? Kind.Space
                : Kind.Symbol;
        }

        Rune.DecodeFromUtf16(text, out Rune rune, out length);
        return Rune.IsLetter(rune) ? Kind.Letter
            : Rune.IsNumber(rune) ? Kind.Number
            : Rune.IsWhiteSpace(rune) || c == IotaBelow ? Kind.Space
            : Kind.Symbol;
    }

    // Unicode's Final_Sigma: a cased letter before, none after, whatever case-ignorable characters stand between.
    private static bool EndsWord(ReadOnlySpan<char> text, int at)
    {
        ReadOnlySpan<char> before = text[..at];
        Rune rune = default;
        while (Rune.DecodeLastFromUtf16(before, out rune, out int consumed) == OperationStatus.Done && IsCaseIgnorable(rune))
        {
            before = before[..^consumed];
        }

        if (before.IsEmpty || !IsCased(rune))
        {
            return false;
        }

        ReadOnlySpan<char> after = text[(at + 1)..];
        while (Rune.DecodeFromUtf16(after, out rune, out int consumed) == OperationStatus.Done && IsCaseIgnorable(rune))
        {
            after = after[consumed..];
        }

        return after.IsEmpty || !IsCased(rune);
    }

    private static bool IsCaseIgnorable(Rune rune) =>
        (rune.IsBmp && s_insideWords.Contains((char)rune.Value))
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    // Letters with case, and the ordinals, numerals and circled letters that Unicode counts among them.
    private static bool IsCased(Rune rune) =>
        Rune.GetUnicodeCategory(rune)
            is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
        || rune.Value is 'ª' or 'º' or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);

    private enum Kind { Letter, Number, Symbol, Space }
}
