using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace HiMo.MLNet.Reporting;

/// <summary>Markup that is already safe.</summary>
internal readonly record struct Markup(string Text);

/// <summary>Builds HTML and SVG from interpolated strings: what stands in braces is encoded, numbers are written without a
/// culture.</summary>
internal sealed class Html
{
    private readonly StringBuilder _text = new();

    public Html Add([InterpolatedStringHandlerArgument("")] ref Interpolation markup)
    {
        _ = markup;
        return this;
    }

    public Markup ToMarkup() => new(_text.ToString());

    public override string ToString() => _text.ToString();

    [InterpolatedStringHandler]
    public readonly struct Interpolation
    {
        private readonly StringBuilder _text;

        public Interpolation(int literalLength, int formattedCount, Html html)
        {
            _ = formattedCount;
            _text = html._text;
            _text.EnsureCapacity(_text.Length + literalLength);
        }

        public void AppendLiteral(string markup) => _text.Append(markup);

        public void AppendFormatted(Markup markup) => _text.Append(markup.Text);

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
    }
}
