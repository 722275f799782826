using System.Text;

namespace HiMo.MLNet.Data;

/// <summary>
/// Lines and whole texts of files, none longer than <see cref="ClipLimits.RowLength"/>: File.ReadLines would hold a line of
/// any length.
/// </summary>
internal static class TextRows
{
    /// <summary>Streams the lines; one ends at a carriage return, a line feed or both.</summary>
    /// <exception cref="InvalidDataException">A line is too long, or there is no such file.</exception>
    public static IEnumerable<(string Line, SourceLocation Source)> ReadLines(string path)
    {
        using StreamReader reader = Open(path);
        var line = new StringBuilder();
        char[] buffer = new char[16 * 1024];
        long number = 1;
        bool afterReturn = false;
        for (int count; (count = reader.Read(buffer)) > 0;)
        {
            int start = afterReturn && buffer[0] == '\n' ? 1 : 0;
            afterReturn = false;
            for (int length; (length = buffer.AsSpan(start..count).IndexOfAny('\r', '\n')) >= 0;)
            {
                Append(buffer.AsSpan(start, length));
                yield return (line.ToString(), SourceLocation.Line(path, number++));
                line.Clear();
                start += length + 1;
                if (buffer[start - 1] == '\r')
                {
                    afterReturn = start == count;
                    start += start < count && buffer[start] == '\n' ? 1 : 0;
                }
            }

            Append(buffer.AsSpan(start..count));
        }

        if (line.Length > 0)
        {
            yield return (line.ToString(), SourceLocation.Line(path, number));
        }

        void Append(ReadOnlySpan<char> text)
        {
            CheckLength(line.Length + (long)text.Length, SourceLocation.Line(path, number));
            line.Append(text);
        }
    }

    /// <summary>A whole file, such as a caption.</summary>
    /// <exception cref="InvalidDataException">It is too long, or there is no such file.</exception>
    public static string ReadAll(string path)
    {
        using StreamReader reader = Open(path);
        var text = new StringBuilder();
        char[] buffer = new char[4 * 1024];
        for (int count; (count = reader.Read(buffer)) > 0;)
        {
            CheckLength(text.Length + (long)count, new SourceLocation(path));
            text.Append(buffer.AsSpan(..count));
        }

        return text.ToString();
    }

    // What was found may be a link to nothing.
    private static StreamReader Open(string path)
    {
        try
        {
            return new StreamReader(path);
        }
        catch (IOException e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new SourceLocation(path).Error("there is no such file.", e);
        }
    }

    /// <exception cref="InvalidDataException">It is longer than <see cref="ClipLimits.RowLength"/>.</exception>
    public static void CheckLength(long length, SourceLocation source, string unit = "characters")
    {
        ClipLimits limits = ClipLimits.Current;
        if (length > limits.RowLength)
        {
            throw source.Error($"{ClipLimits.AtMost(limits.RowLength, unit)}, found more.");
        }
    }
}
