using System.Text;

namespace HiMo.MLNet.Data;

/// <summary>
/// Rows of a tab-separated file as pandas writes them: a field that holds a tab, a line break or a quote stands in quotes,
/// with its own quotes doubled. A library's reader would neither bound a row nor tell on which line it begins.
/// </summary>
internal static class TabSeparatedReader
{
    /// <summary>Streams the rows, the header first, each with the line it begins on. Empty lines are passed over.</summary>
    /// <exception cref="InvalidDataException">A quote is not closed, or a row is too long
    /// (<see cref="ClipLimits.RowLength"/>).</exception>
    public static IEnumerable<(IReadOnlyList<string> Fields, SourceLocation Source)> Read(string path)
    {
        using StreamReader reader = new(path);
        long line = 1;
        while (reader.Peek() >= 0)
        {
            var source = SourceLocation.Line(path, line);
            List<string> fields = ReadRow(reader, source, ref line);
            if (fields is not [""])
            {
                yield return (fields, source);
            }
        }
    }

    private static List<string> ReadRow(StreamReader reader, SourceLocation source, ref long line)
    {
        List<string> fields = [];
        StringBuilder field = new();
        bool atStart = true, quoted = false;
        int longest = ClipLimits.Current.RowLength;
        for (long length = 0; ; length++)
        {
            if (length > longest)
            {
                TextRows.CheckLength(length, source);
            }

            int next = reader.Read();
            if (quoted)
            {
                if (next < 0)
                {
                    throw source.Error($"the quote that opens field {fields.Count + 1} is not closed.");
                }

                quoted = ReadQuoted(reader, (char)next, field);
                line += next == '\n' ? 1 : 0;
                continue;
            }

            switch (next)
            {
                case '"' when atStart:
                    quoted = true;
                    atStart = false;
                    break;
                case '\r' when reader.Peek() == '\n':
                    break;
                case '\t' or '\n' or < 0:
                    fields.Add(field.ToString());
                    field.Clear();
                    atStart = true;
                    if (next != '\t')
                    {
                        line++;
                        return fields;
                    }

                    break;
                default:
                    field.Append((char)next);
                    atStart = false;
                    break;
            }
        }
    }

    /// <returns>Whether the field's quotes are still open.</returns>
    private static bool ReadQuoted(StreamReader reader, char next, StringBuilder field)
    {
        if (next == '"' && reader.Peek() != '"')
        {
            return false;
        }

        if (next == '"')
        {
            reader.Read();
        }

        field.Append(next);
        return true;
    }
}
