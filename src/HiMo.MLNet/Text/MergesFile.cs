using System.IO.Compression;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>CLIP's vocabulary as a file: one merge a line (two symbols and a space between), as text or gzip.</summary>
/// <remarks>Whatever the file unpacks to, no more is read than the merges, each within <see cref="MaxLineLength"/>.</remarks>
internal static class MergesFile
{
    /// <summary>How many merges are read at most: CLIP's own file has five times as many and uses these.</summary>
    internal const int MaxMerges = 48_894;

    /// <summary>How many characters a line may have; CLIP's longest has 38.</summary>
    internal const int MaxLineLength = 256;

    /// <summary>How many bytes the file may have; as text, CLIP's has 3 million.</summary>
    internal const int MaxBytes = 1 << 25;

    /// <summary>Reads the merges, best first, and adds a symbol for each to the vocabulary.</summary>
    /// <param name="stream">The lines; a first one with <c>#version</c> is passed over.</param>
    /// <param name="ids">The ids of the symbols so far.</param>
    /// <exception cref="FormatException">
    /// The file is too long, or a line is too long or not a merge of two known symbols; the message names the line.
    /// </exception>
    public static List<(string Line, int Left, int Right)> Read(Stream stream, Dictionary<string, int> ids)
    {
        var utf8 = new UTF8Encoding(false, throwOnInvalidBytes: true);
        using var reader = new StreamReader(Decompress(stream), utf8, detectEncodingFromByteOrderMarks: false);
        var merges = new List<(string Line, int Left, int Right)>();
        for (int number = 1; merges.Count < MaxMerges && ReadLine(reader, number) is { } line; number++)
        {
            if (number == 1 && line.Contains("#version", StringComparison.Ordinal))
            {
                continue;
            }

            if (line.Length == 0 && reader.Peek() < 0)
            {
                break;
            }

            int space = line.IndexOf(' ');
            if (space <= 0 || space != line.LastIndexOf(' ') || space == line.Length - 1)
            {
                throw new FormatException($"Merges, line {number}: expected two symbols with one space between, found '{line}'.");
            }

            merges.Add((line, Id(line[..space]), Id(line[(space + 1)..])));
            if (!ids.TryAdd(line.Remove(space, 1), ids.Count))
            {
                throw new FormatException($"Merges, line {number}: '{line}' makes a token that is there already.");
            }

            int Id(string symbol) => ids.TryGetValue(symbol, out int id) ? id
                : throw new FormatException(
                    $"Merges, line {number}: expected symbols that are bytes or come from an earlier line, found '{symbol}'.");
        }

        return merges.Count > 0 ? merges : throw new FormatException("Merges, line 1: expected at least one merge, found none.");
    }

    private static string? ReadLine(StreamReader reader, int number)
    {
        try
        {
            var line = new StringBuilder();
            int character = reader.Read();
            if (character < 0)
            {
                return null;
            }

            for (; character is >= 0 and not '\n'; character = reader.Read())
            {
                if (line.Length == MaxLineLength)
                {
                    throw new FormatException(
                        $"Merges, line {number}: expected at most {MaxLineLength} characters, found more: '{line.ToString(0, 32)}…'.");
                }

                line.Append((char)character);
            }

            return line.ToString().TrimEnd('\r');
        }
        catch (Exception e) when (e is DecoderFallbackException or InvalidDataException)
        {
            throw new FormatException($"Merges, line {number}: expected UTF-8 text, plain or gzip: {e.Message}", e);
        }
    }

    private static Stream Decompress(Stream stream)
    {
        var buffer = new MemoryStream();
        byte[] part = new byte[1 << 16];
        while (stream.Read(part) is > 0 and int read)
        {
            if (buffer.Length + read > MaxBytes)
            {
                throw new FormatException($"Merges: expected a file of at most {MaxBytes:N0} bytes, found more.");
            }

            buffer.Write(part, 0, read);
        }

        buffer.Position = 0;
        return buffer.TryGetBuffer(out ArraySegment<byte> bytes) && bytes is [0x1f, 0x8b, ..]
            ? new GZipStream(buffer, CompressionMode.Decompress)
            : buffer;
    }
}
