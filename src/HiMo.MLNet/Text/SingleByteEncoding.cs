using System.Collections.Frozen;
using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>An encoding of one byte a character in which text may have been read by mistake.</summary>
internal sealed class SingleByteEncoding
{
    private const char Lost = '\uFFFD';
    private const byte Substitute = 0x1A;

    private readonly char[] _characters; // by byte
    private readonly FrozenDictionary<char, byte> _bytes;

    private SingleByteEncoding(int codePage, bool sloppy)
    {
        IsSloppy = sloppy;
        IsMacRoman = codePage == 10000;
        _characters = [.. Enumerable.Range(0, 256).Select(code => (char)code)];
        if (codePage != 28591)
        {
            Encoding encoding = CodePagesEncodingProvider.Instance.GetEncoding(codePage)!;
            string upper = encoding.GetString([.. Enumerable.Range(0x80, 0x80).Select(code => (byte)code)]);
            for (int i = 0; i < upper.Length; i++)
            {
                _characters[0x80 + i] = upper[i] switch
                {
                    >= '\uF8F0' and <= '\uF8FE' => (char)(0x80 + i), // .NET has private characters where a code page has none.
                    '\u2126' => '\u03A9', // Mac's omega is the letter here, not the ohm sign.
                    char character => character,
                };
            }
        }

        if (sloppy)
        {
            _characters[Substitute] = Lost;
        }

        _bytes = _characters.Index().ToFrozenDictionary(entry => entry.Item, entry => (byte)entry.Index);
    }

    /// <summary>Latin-1: every byte is its own character.</summary>
    public static SingleByteEncoding Latin1 { get; } = new(28591, sloppy: false);

    /// <summary>Windows-1252 as browsers read it.</summary>
    public static SingleByteEncoding Windows1252 { get; } = new(1252, sloppy: true);

    /// <summary>In the order in which they are tried: the likeliest first.</summary>
    public static IReadOnlyList<SingleByteEncoding> All { get; } =
    [
        Latin1, Windows1252, new(1251, true), new(1250, true), new(1253, true), new(1254, true), new(1257, true),
        new(28592, false), new(10000, false), new(437, false),
    ];

    /// <summary>Unassigned bytes stand for their Latin-1 character, and byte 1A stands for a lost one, U+FFFD.</summary>
    public bool IsSloppy { get; }

    public bool IsMacRoman { get; }

    public char Decode(byte code) => _characters[code];

    /// <summary>The bytes of which the text may have been read; null if it has a character that the encoding lacks.</summary>
    public byte[]? Encode(string text)
    {
        byte[] bytes = new byte[text.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (!_bytes.TryGetValue(text[i], out bytes[i]))
            {
                return null;
            }
        }

        return bytes;
    }
}
