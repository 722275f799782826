using System.Buffers.Binary;
using System.Text;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Damage that knows a little of what it damages.</summary>
internal static class Mutations
{
    private static readonly long[] s_numbers =
        [0, 1, -1, 255, 256, 65_535, 65_536, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue, 1L << 40];

    private static readonly string[] s_jsonValues =
    [
        "null", "true", "-1", "0.5", "1e999", "4611686018427387904", "9223372036854775807", "9223372036854775808", "[]", "{}", "[[]]", "\"\"",
        "\"../../x\"", "\"/etc/passwd\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\u001b[2J\"", "[null]", "{\"a\":1,\"a\":2}",
    ];

    public static T Pick<T>(this Random random, IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];

    /// <summary>A few changes of single bits, bytes, numbers and ranges.</summary>
    public static byte[] Bytes(Random random, byte[] original, byte[]? other = null)
    {
        byte[] bytes = [.. original];
        for (int rounds = random.Next(1, 4); rounds > 0 && bytes.Length > 0; rounds--)
        {
            int at = random.Next(bytes.Length), length = random.Next(1, Math.Min(64, bytes.Length - at) + 1);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    byte[] number = new byte[8];
                    BinaryPrimitives.WriteInt64LittleEndian(number, random.Pick(s_numbers));
                    if (random.Next(2) == 0)
                    {
                        Array.Reverse(number);
                    }

                    int width = Math.Min(1 << random.Next(4), bytes.Length - at);
                    number.AsSpan(number[0] == 0 ? 8 - width : 0, width).CopyTo(bytes.AsSpan(at));
                    break;
                case 3:
                    bytes = bytes[..at];
                    break;
                case 4:
                    bytes = [.. bytes[..at], .. bytes[(at + length)..]];
                    break;
                case 5:
                    bytes = [.. bytes[..(at + length)], .. bytes[at..]];
                    break;
                case 6:
                    byte[] source = other ?? original;
                    int from = random.Next(source.Length), count = Math.Min(Math.Min(length, source.Length - from), bytes.Length - at);
                    source.AsSpan(from, count).CopyTo(bytes.AsSpan(at));
                    break;
                default:
                    int digit = Array.FindIndex(bytes, at, value => value is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0)
                    {
                        bytes[digit] = (byte)('0' + random.Next(10));
                    }

                    break;
            }
        }

        return bytes;
    }

    /// <summary>Values exchanged, members repeated or left out, brackets and escapes that do not fit.</summary>
    public static string Json(Random random, string text)
    {
        for (int rounds = random.Next(1, 4); rounds > 0; rounds--)
        {
            (int start, int end) = Token(random, text);
            text = random.Next(10) switch
            {
                0 => text[..start] + text[end..],
                1 => text[..end] + text[start..],
                2 => text[..end] + ',' + text[start..],
                3 => text[..start] + new string(random.Next(2) == 0 ? '[' : '{', random.Next(1, 200)) + text[start..],
                4 => text[..random.Next(text.Length + 1)],
                5 => text[..start] + random.Pick(["\\ud800", "\"", "\0", "\uFEFF", "\\u0022", "\n", "\r", "\t"]) + text[start..],
                _ => text[..start] + random.Pick(s_jsonValues) + text[end..],
            };
        }

        return text;
    }

    /// <summary>Lines and fields repeated, exchanged, left out and damaged.</summary>
    public static string Lines(Random random, string text)
    {
        for (int rounds = random.Next(1, 4); rounds > 0; rounds--)
        {
            int at = random.Next(text.Length + 1), to = Math.Min(at + random.Next(40), text.Length);
            text = random.Next(6) switch
            {
                0 => text[..at] + text[to..],
                1 => text[..to] + text[at..],
                2 => text[..at],
                _ => text[..at] + random.Pick(["\t", "\n", "\r", "\r\n", "\"", "\"\"", "\0", "#", "../", "/", "\\", "C:", "\ud800", "\u001b", "🙂"]) + text[at..],
            };
        }

        return text;
    }

    /// <summary>UTF-8 in which half a surrogate pair stays wrong.</summary>
    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    // A string, a number, a word, or a piece of nothing.
    private static (int Start, int End) Token(Random random, string text)
    {
        if (text.Length == 0)
        {
            return (0, 0);
        }

        int start = random.Next(text.Length), end = start;
        if (text[start] == '"')
        {
            end = text.IndexOf('"', start + 1) + 1;
            return (start, end > 0 ? end : start + 1);
        }

        while (start > 0 && char.IsLetterOrDigit(text[start - 1]))
        {
            start--;
        }

        while (end < text.Length && char.IsLetterOrDigit(text[end]))
        {
            end++;
        }

        return (start, Math.Max(start + 1, end));
    }
}
