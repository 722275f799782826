using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>
/// The repair that CLIP's tokenizer starts with: the stages of ftfy 6.3's <c>fix_text</c> with its default settings, in
/// its order, until nothing changes.
/// </summary>
/// <remarks>
/// One instance repairs the lines of one text, in their order: from the first <c>&lt;</c> on the text counts as HTML, whose
/// entities stay for the step after this one. Written anew after what ftfy (Robyn Speer, Apache licence 2.0) does.
/// </remarks>
internal sealed class TextRepair
{
    /// <summary>Longer lines are repaired in parts of so many characters, as in the original.</summary>
    internal const int MaxPart = 1_000_000;

    // Entities inside entities take a round each. Beyond this many characters read in all, what is left stays.
    private const long MinWork = 1 << 22;
    private const int MaxRoundsOfLongText = 64;

    // No stage changes text of these alone, but for the kind of its line breaks.
    private static readonly SearchValues<char> s_plain =
        SearchValues.Create(['\t', '\n', '\f', '\r', .. Enumerable.Range(' ', '~' - ' ' + 1).Select(code => (char)code).Except("&")]);

    private static readonly SearchValues<char> s_controls = SearchValues.Create(
    [
        .. Enumerable.Range(0, 9).Select(code => (char)code), '\v', .. Enumerable.Range(0x0E, 18).Select(code => (char)code), '\x7F',
        '\u206A', '\u206B', '\u206C', '\u206D', '\u206E', '\u206F', '\uFEFF', '\uFFF9', '\uFFFA', '\uFFFB', '\uFFFC',
    ]);

    // Characters, each with the two or three that it becomes; the last is the full-width macron.
    private static readonly FrozenDictionary<char, string> s_ligatures =
        "ĲIJ,ĳij,ŉ'n,ǄDŽ,ǅDž,ǆdž,ǇLJ,ǈLj,ǉlj,ǊNJ,ǋNj,ǌnj,ǱDZ,ǲDz,ǳdz,ﬀff,ﬁfi,ﬂfl,ﬃffi,ﬄffl,ﬅſt,ﬆst,\uFFE3 \u0304"
            .Split(',').ToFrozenDictionary(entry => entry[0], entry => entry[1..]);

    // Half-width forms from U+FF61 to U+FFEE, by what they stand for; a zero keeps the character.
    private const string FullWidth =
        "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u3099\u309A"
        + "\u1160\u1100\u1101\u11AA\u1102\u11AC\u11AD\u1103\u1104\u1105\u11B0\u11B1\u11B2\u11B3\u11B4\u11B5\u111A\u1106\u1107"
        + "\u1108\u1121\u1109\u110A\u110B\u110C\u110D\u110E\u110F\u1110\u1111\u1112\0\0\0\u1161\u1162\u1163\u1164\u1165\u1166"
        + "\0\0\u1167\u1168\u1169\u116A\u116B\u116C\0\0\u116D\u116E\u116F\u1170\u1171\u1172\0\0\u1173\u1174\u1175\0\0\0"
        + "¢£¬\0¦¥₩\0│←↑→↓■○";

    private bool _isHtml;

    /// <summary>Whether the next line is ASCII without entities and controls, as most are: no stage changes it, nor does
    /// unescaping.</summary>
    public bool IsPlain(ReadOnlySpan<char> line)
    {
        _isHtml |= line.Contains('<');
        return !line.ContainsAnyExcept(s_plain);
    }

    /// <summary>Repairs the next line; its line feed belongs to it.</summary>
    public string Line(string line)
    {
        if (line.Length <= MaxPart)
        {
            return Part(line);
        }

        var repaired = new StringBuilder(line.Length);
        for (int start = 0; start < line.Length;)
        {
            int end = start;
            for (int characters = 0; characters < MaxPart && end < line.Length; characters++)
            {
                end += end + 1 < line.Length && char.IsSurrogatePair(line[end], line[end + 1]) ? 2 : 1;
            }

            repaired.Append(Part(line[start..end]));
            start = end;
        }

        return repaired.ToString();
    }

    private string Part(string text)
    {
        _isHtml |= text.Contains('<');
        for (long work = long.Max(MinWork, (long)MaxRoundsOfLongText * text.Length); work > 0; work -= text.Length)
        {
            string before = text;
            text = _isHtml ? text : HtmlEntities.UnescapeUnambiguous(text);
            text = Mojibake.Repair(text);
            text = Mojibake.ReplaceControls(text);
            text = ReplaceVariants(text);
            text = ReplaceLoneSurrogates(text);
            text = RemoveTerminalEscapes(text);
            text = RemoveControls(text);
            text = CanonicalForm.Compose(text);
            if (text == before)
            {
                break;
            }
        }

        return text;
    }

    // Ligatures, characters of other widths, curly quotes and line breaks.
    private static string ReplaceVariants(string text)
    {
        if (Ascii.IsValid(text) && !text.Contains('\r'))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n')
            {
                continue;
            }

            if (s_ligatures.TryGetValue(text[i], out string? letters))
            {
                plain.Append(letters);
            }
            else
            {
                plain.Append(PlainCharacter(text[i]));
            }
        }

        return plain.ToString();
    }

    private static char PlainCharacter(char character) => character switch
    {
        '\u3000' => ' ',
        (>= '\u201C' and <= '\u201F') or '\uFF02' => '"',
        'ʼ' or (>= '\u2018' and <= '\u201B') or '\uFF07' => '\'',
        '\r' or '\u2028' or '\u2029' or '\u0085' => '\n',
        >= '\uFF01' and <= '\uFF5E' => (char)(character - 0xFEE0),
        '\uFF5F' => '⦅',
        '\uFF60' => '⦆',
        >= '\uFF61' and <= '\uFFEE' when FullWidth[character - '\uFF61'] is > '\0' and char full => full,
        _ => character,
    };

    private static string ReplaceLoneSurrogates(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')
        ? string.Concat(text.EnumerateRunes()) // Enumerating gives U+FFFD for them.
        : text;

    // "ESC[36;44m" colours a terminal's text: digits and semicolons, then a letter.
    private static string RemoveTerminalEscapes(string text)
    {
        int escape = text.IndexOf("\u001B[", StringComparison.Ordinal);
        if (escape < 0)
        {
            return text;
        }

        var rest = new StringBuilder(text.Length);
        int done = 0;
        while (escape >= 0)
        {
            int end = escape + 2;
            while (end < text.Length && Rune.TryGetRuneAt(text, end, out Rune rune)
                && (rune.Value == ';' || Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber))
            {
                end += rune.Utf16SequenceLength;
            }

            if (end < text.Length && char.IsAsciiLetter(text[end]))
            {
                rest.Append(text, done, escape - done);
                done = end + 1;
            }

            escape = text.IndexOf("\u001B[", end, StringComparison.Ordinal);
        }

        return rest.Append(text, done, text.Length - done).ToString();
    }

    private static string RemoveControls(string text)
    {
        ReadOnlySpan<char> rest = text;
        int control = rest.IndexOfAny(s_controls);
        if (control < 0)
        {
            return text;
        }

        var kept = new StringBuilder(text.Length);
        for (; control >= 0; control = rest.IndexOfAny(s_controls))
        {
            kept.Append(rest[..control]);
            rest = rest[(control + 1)..];
        }

        return kept.Append(rest).ToString();
    }
}
