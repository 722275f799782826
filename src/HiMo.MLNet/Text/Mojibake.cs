using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace HiMo.MLNet.Text;

/// <summary>
/// Text whose UTF-8 was read in a one-byte encoding (<c>cafÃ©</c>), set right as ftfy 6.3 does it: back to the
/// bytes by the first encoding that has all characters and gives UTF-8, with what copying loses on the way restored.
/// </summary>
internal static class Mojibake
{
    // Each round takes one layer off, and a layer at least doubles what it covers.
    private const int MaxRounds = 100;

    private static readonly byte[] s_lostCharacter = [0xEF, 0xBF, 0xBD]; // U+FFFD in UTF-8

    private static readonly SearchValues<byte> s_lostOrContinuation =
        SearchValues.Create([0x1A, (byte)'?', .. Enumerable.Range(0x80, 0x40).Select(code => (byte)code)]);

    /// <summary>The text as it was meant; the same instance where nothing speaks against it. Linear in its length.</summary>
    public static string Repair(string text)
    {
        for (int round = 0; round < MaxRounds; round++)
        {
            string repaired = Ascii.IsValid(text) || !MojibakeSigns.In(text) ? text : RepairOnce(text);
            if (repaired == text)
            {
                break;
            }

            text = repaired;
        }

        return text;
    }

    /// <summary>C1 control characters become what Windows-1252 has at their place, as in browsers.</summary>
    public static string ReplaceControls(string text) => text.AsSpan().ContainsAnyInRange('\x80', '\x9F')
        ? string.Create(text.Length, text, (copy, original) =>
        {
            for (int i = 0; i < copy.Length; i++)
            {
                copy[i] = original[i] is >= '\x80' and <= '\x9F' ? SingleByteEncoding.Windows1252.Decode((byte)original[i]) : original[i];
            }
        })
        : text;

    private static string RepairOnce(string text)
    {
        foreach (SingleByteEncoding encoding in SingleByteEncoding.All)
        {
            if (encoding.Encode(text) is { } bytes && Decode(Restore(bytes, encoding)) is { } decoded)
            {
                return decoded;
            }
        }

        string inParts = MojibakeParts.Repair(text);
        // What is left of Latin-1 was Windows-1252: C1 controls only differ.
        return inParts != text ? inParts : ReplaceControls(text);
    }

    private static byte[] Restore(byte[] bytes, SingleByteEncoding encoding)
    {
        // In Mac Roman an en dash before a space would look like a spoilt sequence.
        byte[] restored = encoding.IsMacRoman || !HasSpoiltSpace(bytes) ? bytes : RestoreSpaces(bytes);
        return encoding.IsSloppy ? ReplaceLost(restored) : restored;
    }

    // ---- A no-break space (byte A0) that has become a space ----

    private static bool HasSpoiltSpace(ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            if (SpoiltLength(bytes[i..]) > 0)
            {
                return true;
            }
        }

        return false;
    }

    private static byte[] RestoreSpaces(byte[] bytes)
    {
        bytes = SeparateGraveA(bytes);
        for (int i = 0; i < bytes.Length; i++)
        {
            int length = SpoiltLength(bytes.AsSpan(i));
            if (length > 0)
            {
                bytes.AsSpan(i, length).Replace((byte)' ', (byte)0xA0);
                i += length - 1;
            }
        }

        return bytes;
    }

    // "Ã la mode" was "à la mode": the space is kept beside the byte, but not in Portuguese "às", "àquele" and the like.
    private static byte[] SeparateGraveA(ReadOnlySpan<byte> bytes)
    {
        var separated = new List<byte>(bytes.Length);
        for (int i = 0; i < bytes.Length; i++)
        {
            separated.Add(bytes[i]);
            if (bytes[i..] is [0xC3, (byte)' ', .. ReadOnlySpan<byte> rest] && !rest.StartsWith(" "u8) && !rest.StartsWith("quele"u8)
                && !rest.StartsWith("quela"u8) && !rest.StartsWith("quilo"u8) && !rest.StartsWith("s "u8))
            {
                separated.Add(0xA0);
            }
        }

        return [.. separated];
    }

    // The length of a sequence that would be UTF-8 of a likely character if its one space were byte A0; 0 for none.
    private static int SpoiltLength(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xC2 or 0xC3 or 0xC5 or 0xCE or 0xD0 or 0xD9, (byte)' ', ..] => 2,
        [0xE2 or 0xE3, (byte)' ', var third, ..] when IsRare(third) => 3,
        [>= 0xE0 and <= 0xE3, var second, (byte)' ', ..] when IsRare(second) => 3,
        [0xF0, (byte)' ', var third, var fourth, ..] when IsContinuation(third) && IsContinuation(fourth) => 4,
        [0xF0, var second, (byte)' ', var fourth, ..] when IsContinuation(second) && IsContinuation(fourth) => 4,
        [0xF0, var second, var third, (byte)' ', ..] when IsContinuation(second) && IsContinuation(third) => 4,
        _ => 0,
    };

    private static bool IsContinuation(byte code) => code is >= 0x80 and <= 0xBF;

    private static bool IsRare(byte code) => IsContinuation(code) && code is not (0x85 or 0xA0); // No ellipsis, no space.

    // ---- Bytes that were lost: 1A in a sloppy encoding, or a question mark ----

    private static byte[] ReplaceLost(byte[] bytes)
    {
        if (!bytes.AsSpan().ContainsAny((byte)0x1A, (byte)'?'))
        {
            return bytes;
        }

        var replaced = new List<byte>(bytes.Length);
        for (int i = 0; i < bytes.Length; i++)
        {
            int length = LostLength(bytes.AsSpan(i));
            if (length == 0)
            {
                replaced.Add(bytes[i]);
            }
            else
            {
                replaced.AddRange(s_lostCharacter);
                i += length - 1;
            }
        }

        return [.. replaced];
    }

    // The length of a sequence that would be UTF-8 if nothing in it were lost; 0 for none. At most one byte is a question mark.
    private static int LostLength(ReadOnlySpan<byte> bytes)
    {
        switch (bytes)
        {
            case [0x1A, ..]:
                return 1;
            case [>= 0xC2 and <= 0xDF, 0x1A, ..]:
            case [0xC2 or 0xC3, (byte)'?', ..]:
                return 2;
            case [0xED, >= 0xA0 and <= 0xAF, var third, 0xED, >= 0xB0 and <= 0xBF, var sixth, ..]
                when (IsLost(third) && (IsLost(sixth) || IsContinuation(sixth))) || (IsContinuation(third) && IsLost(sixth)):
                return 6;
        }

        int length = bytes[0] switch { >= 0xE0 and <= 0xEF => 3, >= 0xF0 and <= 0xF4 => 4, _ => 0 };
        if (length == 0 || length > bytes.Length)
        {
            return 0;
        }

        ReadOnlySpan<byte> rest = bytes[1..length];
        return rest.Count((byte)'?') <= 1 && rest.ContainsAny((byte)0x1A, (byte)'?') && !rest.ContainsAnyExcept(s_lostOrContinuation)
            ? length
            : 0;
    }

    private static bool IsLost(byte code) => code is 0x1A or (byte)'?';

    // ---- UTF-8, and what Java and old databases call UTF-8 ----

    private static string? Decode(byte[] bytes)
    {
        if (!bytes.AsSpan().ContainsAny((byte)0xC0, (byte)0xED))
        {
            return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
        }

        var decoded = new StringBuilder(bytes.Length);
        int done = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (VariantLength(bytes.AsSpan(i), out int code) is > 0 and int length)
            {
                if (!Append(bytes.AsSpan(done..i)))
                {
                    return null;
                }

                decoded.Append(char.ConvertFromUtf32(code));
                done = i + length;
                i = done - 1;
            }
        }

        return Append(bytes.AsSpan(done)) ? decoded.ToString() : null;

        bool Append(ReadOnlySpan<byte> plain)
        {
            bool valid = Utf8.IsValid(plain);
            decoded.Append(valid ? Encoding.UTF8.GetString(plain) : "");
            return valid;
        }
    }

    // Two bytes for U+0000, six for a surrogate pair. The original takes a line feed that ends the text for a last byte.
    private static int VariantLength(ReadOnlySpan<byte> bytes, out int code)
    {
        code = 0;
        if (bytes is [0xC0, 0x80, ..] or [0xC0, (byte)'\n'])
        {
            return 2;
        }

        if (bytes is [0xED, >= 0xA0 and <= 0xAF, >= 0x80 and <= 0xBF, 0xED, >= 0xB0 and <= 0xBF, var last, ..]
            && (IsContinuation(last) || (last == '\n' && bytes.Length == 6)))
        {
            code = 0x10000 + ((bytes[1] & 0x0F) << 16) + ((bytes[2] & 0x3F) << 10) + ((bytes[4] & 0x0F) << 6) + (last & 0x3F);
            return 6;
        }

        return 0;
    }
}
