using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace HiMo.MLNet.Reporting;

/// <summary>HTML or SVG out of an interpolated string: what stands in braces is encoded unless it is markup itself, numbers are written
/// without a culture.</summary>
[InterpolatedStringHandler]
internal readonly struct Markup(int literalLength, int formattedCount)
{
    private readonly StringBuilder _text = new(literalLength + (formattedCount * 16));

    /// <summary>Text that is markup.</summary>
    public static Markup Raw(string text)
    {
        Markup markup = $"";
        markup.AppendLiteral(text);
        return markup;
    }

    /// <summary>The markup, or nothing.</summary>
    public static Markup If(bool condition, Markup markup) => condition ? markup : default;

    /// <summary>The markup of each item, one after the other.</summary>
    public static Markup Each<T>(IEnumerable<T> items, Func<T, Markup> markup)
    {
        Markup all = $"";
        foreach (T item in items)
        {
            all.AppendFormatted(markup(item));
        }

        return all;
    }

    public void AppendLiteral(string markup) => _text.Append(markup);

    public void AppendFormatted(Markup markup) => _text.Append(markup._text);

    public void AppendFormatted(string? text)
    {
        // XML knows no control characters, and half a surrogate pair is no character at all.
        foreach (Rune rune in (text ?? "").EnumerateRunes())
        {
            if (!Rune.IsControl(rune) || rune.Value is '\n' or '\t')
            {
                _text.Append(rune.Value is '<' or '>' or '&' or '"' or '\'' ? WebUtility.HtmlEncode(rune.ToString()) : rune.ToString());
            }
        }
    }

    public void AppendFormatted(int value) => _text.Append(value.ToString("n0", CultureInfo.InvariantCulture));

    /// <summary>A coordinate.</summary>
    public void AppendFormatted(double value) => _text.Append(value.ToString("0.#", CultureInfo.InvariantCulture));

    /// <summary>For reading: with a real minus.</summary>
    public void AppendFormatted(double value, string format) =>
        _text.Append(value.ToString(format, CultureInfo.InvariantCulture).Replace('-', '−'));

    public override string ToString() => _text.ToString();
}
