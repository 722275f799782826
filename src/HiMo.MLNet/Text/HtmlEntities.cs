using System.Globalization;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>
/// HTML's character references, in two ways: as Python's <c>html.unescape</c> decodes them, which CLIP does twice, and
/// the unambiguous ones alone, which is a part of the repair before it.
/// </summary>
/// <remarks>Time is linear: a reference ends after 32 characters of name, and is read once.</remarks>
internal static class HtmlEntities
{
    private const int LongestName = 32;
    private const int LongestUnambiguousName = 24;

    // "amp;" and, where HTML allows it without a semicolon, "amp".
    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> s_names = NewNames();

    // "EACUTE;": capitals that stand for the capital letter, though HTML does not know the name.
    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> s_capitals = NewNames();

    static HtmlEntities()
    {
        foreach (string line in EmbeddedTable.Lines("html-entities.txt.gz"))
        {
            int tab = line.IndexOf('\t');
            string name = line[1..tab];
            IEnumerable<int> codes = line[(tab + 1)..].Split(' ').Select(code => int.Parse(code, NumberStyles.HexNumber));
            string value = string.Concat(codes.Select(char.ConvertFromUtf32));
            (line[0] == '^' ? s_capitals : s_names).Dictionary.Add(name + ";", value);
            if (line[0] == '=')
            {
                s_names.Dictionary.Add(name, value);
            }
        }
    }

    private static Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> NewNames() =>
        new Dictionary<string, string>(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Decodes every reference: names without a semicolon too, by their longest known beginning.</summary>
    public static string Unescape(string text) => Replace(text, Any);

    /// <summary>Decodes references that end in a semicolon and leave nothing over, and names in capitals (<c>&amp;EACUTE;</c>).</summary>
    public static string UnescapeUnambiguous(string text) => Replace(text, Unambiguous);

    private delegate int Decoder(ReadOnlySpan<char> text, StringBuilder decoded);

    // A decoder sees the text from an ampersand on. It says how much it has read and appends what that stands for;
    // 0 for no reference.
    private static string Replace(string text, Decoder decode)
    {
        int ampersand = text.IndexOf('&');
        if (ampersand < 0)
        {
            return text;
        }

        var decoded = new StringBuilder(text.Length);
        int done = 0;
        while (ampersand >= 0)
        {
            decoded.Append(text, done, ampersand - done);
            int read = decode(text.AsSpan(ampersand), decoded);
            if (read == 0)
            {
                decoded.Append('&');
                read = 1;
            }

            done = ampersand + read;
            ampersand = text.IndexOf('&', done);
        }

        return decoded.Append(text, done, text.Length - done).ToString();
    }

    private static int Any(ReadOnlySpan<char> text, StringBuilder decoded)
    {
        int number = NumberLength(text, out int code);
        if (number > 0)
        {
            decoded.Append(Character(code));
            return number;
        }

        int length = NameLength(text[1..]);
        if (length == 0)
        {
            return 0;
        }

        ReadOnlySpan<char> name = text.Slice(1, length);
        for (int known = length; known > 1; known--)
        {
            if (s_names.TryGetValue(name[..known], out string? value))
            {
                decoded.Append(value).Append(name[known..]);
                return 1 + length;
            }
        }

        decoded.Append('&').Append(name);
        return 1 + length;
    }

    private static int Unambiguous(ReadOnlySpan<char> text, StringBuilder decoded)
    {
        int start = text.StartsWith("&#") ? 2 : 1;
        int end = start;
        while (end < text.Length && end - start < LongestUnambiguousName && char.IsAsciiLetterOrDigit(text[end]))
        {
            end++;
        }

        if (end == start || end == text.Length || text[end] != ';')
        {
            return 0;
        }

        end++;
        if (start == 2)
        {
            if (NumberLength(text[..end], out int code) != end || code == ';')
            {
                return 0;
            }

            decoded.Append(Character(code));
            return end;
        }

        ReadOnlySpan<char> name = text[1..end];
        if (!s_names.TryGetValue(name, out string? value) && !s_capitals.TryGetValue(name, out value))
        {
            return 0;
        }

        decoded.Append(value);
        return end;
    }

    // "&#39;", "&#x27;", the semicolon optional; 0 for anything else. Codes beyond Unicode come back as one beyond it.
    private static int NumberLength(ReadOnlySpan<char> text, out int code)
    {
        code = 0;
        if (text.Length < 3 || text[1] != '#')
        {
            return 0;
        }

        bool hexadecimal = text[2] is 'x' or 'X';
        int first = hexadecimal ? 3 : 2;
        int end = first;
        while (end < text.Length && (hexadecimal ? char.IsAsciiHexDigit(text[end]) : char.IsAsciiDigit(text[end])))
        {
            code = int.Min(0x110000, hexadecimal ? code * 16 + Convert.ToInt32(text[end].ToString(), 16) : code * 10 + text[end] - '0');
            end++;
        }

        return end == first ? 0 : end < text.Length && text[end] == ';' ? end + 1 : end;
    }

    private static int NameLength(ReadOnlySpan<char> text)
    {
        int length = 0;
        for (int characters = 0; characters < LongestName && length < text.Length; characters++)
        {
            if (text[length] is '\t' or '\n' or '\f' or ' ' or '<' or '&' or '#' or ';')
            {
                break;
            }

            length += length + 1 < text.Length && char.IsSurrogatePair(text[length], text[length + 1]) ? 2 : 1;
        }

        return length > 0 && length < text.Length && text[length] == ';' ? length + 1 : length;
    }

    // HTML's rules for numbers that are no characters: Windows-1252 for the C1 range, nothing for controls and non-characters.
    private static string Character(int code) => code switch
    {
        0 or (>= 0xD800 and <= 0xDFFF) or > 0x10FFFF => "\uFFFD",
        (>= 0x80 and <= 0x9F) => SingleByteEncoding.Windows1252.Decode((byte)code).ToString(),
        (>= 1 and <= 8) or 0xB or (>= 0xE and <= 0x1F) or 0x7F or (>= 0xFDD0 and <= 0xFDEF) => "",
        _ => (code & 0xFFFE) == 0xFFFE ? "" : char.ConvertFromUtf32(code),
    };
}
