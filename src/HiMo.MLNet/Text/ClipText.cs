using System.Globalization;
using System.Net;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>What CLIP does to a caption before byte-pair encoding: clean it, then cut it into words.</summary>
/// <remarks>
/// Words are found by Unicode scalar value, not by UTF-16 unit, so that a letter outside the basic plane belongs to
/// its word as in the original; a .NET regular expression would take it for two symbols.
/// </remarks>
internal static class ClipText
{
    internal const string StartOfText = "<|startoftext|>";
    internal const string EndOfText = "<|endoftext|>";

    // In the order in which CLIP's pattern tries them.
    private static readonly string[] s_fixedWords = [StartOfText, EndOfText, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    /// <summary>Unescapes HTML entities (twice, as web captions need), folds white space, trims and lower-cases.</summary>
    internal static string Clean(string text)
    {
        if (text.Contains('&'))
        {
            text = WebUtility.HtmlDecode(WebUtility.HtmlDecode(text));
        }

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
                Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int consumed); // Lone surrogates give U+FFFD.
                clean.Append(units[..Rune.ToLowerInvariant(rune).EncodeToUtf16(units)]);
                i += consumed - 1;
            }
        }

        return clean.ToString();
    }

    /// <summary>The length of the word at the start of <paramref name="text"/>; it must not start with white space.</summary>
    internal static int WordLength(ReadOnlySpan<char> text)
    {
        if (text[0] is '\'' or '<')
        {
            foreach (string word in s_fixedWords)
            {
                if (text.StartsWith(word, StringComparison.Ordinal))
                {
                    return word.Length;
                }
            }
        }

        Kind kind = KindAt(text, out int length);
        if (kind != Kind.Number) // Every digit is a word of its own.
        {
            while (length < text.Length && KindAt(text[length..], out int next) == kind)
            {
                length += next;
            }
        }

        return length;
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
            : Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber ? Kind.Number
            : Rune.IsWhiteSpace(rune) ? Kind.Space
            : Kind.Symbol;
    }

    // Unicode's Final_Sigma, without its case-ignorable characters: a letter before, none after.
    private static bool EndsWord(string text, int at) =>
        at > 0 && char.IsLetter(text[at - 1]) && (at + 1 == text.Length || !char.IsLetter(text[at + 1]));

    private enum Kind { Letter, Number, Symbol, Space }
}
