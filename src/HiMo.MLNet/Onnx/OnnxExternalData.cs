using System.Text;

namespace HiMo.MLNet.Onnx;

/// <summary>Which other files a graph takes its weights from, read off the ONNX file without its weights.</summary>
internal static class OnnxExternalData
{
    private const int Varint = 0, Fixed64 = 1, LengthDelimited = 2, Fixed32 = 5;

    private const int LongestEntry = 1 << 16;

    // Fields of onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.external_data; in that, key and value.
    private static readonly int[] s_path = [7, 5, 13];

    /// <summary>The different locations, as they stand there. What is damaged is left to ONNX Runtime, whose reader says so.</summary>
    /// <param name="path">The ONNX file.</param>
    public static IReadOnlyCollection<string> Locations(string path)
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        using FileStream file = File.OpenRead(path);
        try
        {
            Walk(file, file.Length, s_path, found);
        }
        catch (EndOfStreamException)
        {
        }

        return found;
    }

    private static void Walk(FileStream file, long end, ReadOnlySpan<int> path, HashSet<string> found)
    {
        string? key = null, value = null;
        while (file.Position < end)
        {
            ulong tag = ReadVarint(file);
            int field = (int)Math.Min(tag >> 3, int.MaxValue);
            switch ((int)(tag & 7))
            {
                case Varint:
                    ReadVarint(file);
                    break;
                case Fixed64:
                    file.Position += sizeof(ulong);
                    break;
                case Fixed32:
                    file.Position += sizeof(uint);
                    break;
                case LengthDelimited:
                    long next = End(file, end);
                    if (path.Length > 0 && field == path[0])
                    {
                        Walk(file, next, path[1..], found);
                    }
                    else if (path.Length == 0)
                    {
                        (key, value) = field == 1 ? (ReadText(file, next), value) : (key, ReadText(file, next));
                    }

                    file.Position = next;
                    break;
                default:
                    throw new EndOfStreamException();
            }
        }

        if (path.Length == 0 && key == "location")
        {
            found.Add(value ?? "");
        }
    }

    private static long End(FileStream file, long end)
    {
        ulong length = ReadVarint(file);
        return length <= (ulong)(end - file.Position) ? file.Position + (long)length : throw new EndOfStreamException();
    }

    private static string ReadText(FileStream file, long end)
    {
        byte[] bytes = new byte[Math.Min(end - file.Position, LongestEntry)];
        file.ReadExactly(bytes);
        return Encoding.UTF8.GetString(bytes);
    }

    private static ulong ReadVarint(FileStream file)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            int next = file.ReadByte();
            if (next < 0)
            {
                throw new EndOfStreamException();
            }

            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new EndOfStreamException();
    }
}
