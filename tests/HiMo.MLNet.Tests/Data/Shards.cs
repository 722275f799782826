using System.Formats.Tar;
using System.Text;
using Parquet;
using Parquet.Schema;

namespace HiMo.MLNet.Tests.Data;

/// <summary>Writes tar files and Parquet tables as other programs do.</summary>
internal static class Shards
{
    public static string Tar(string path, params (string Name, byte[] Bytes)[] members)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using FileStream file = File.Create(path);
        using TarWriter writer = new(file, TarEntryFormat.Ustar);
        foreach ((string name, byte[] bytes) in members)
        {
            writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) });
        }

        return path;
    }

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>A table of a column of paths or bytes and one of captions, so many rows in a row group.</summary>
    public static string Table<T>(string path, string imageColumn, T?[] images, string?[] captions, int rowsPerGroup = 2)
        where T : class
    {
        DataField image = new(imageColumn, typeof(T), isNullable: true), caption = new("caption", typeof(string), isNullable: true);
        Write().GetAwaiter().GetResult();
        return path;

        async Task Write()
        {
            await using FileStream file = File.Create(path);
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema(image, caption), file);
            foreach (int[] rows in Enumerable.Range(0, images.Length).Chunk(rowsPerGroup))
            {
                using ParquetRowGroupWriter group = writer.CreateRowGroup();
                T?[] some = [.. rows.Select(row => images[row])];
                await (some is byte[]?[] bytes ? group.WriteAsync(image, bytes!) : group.WriteAsync(image, ((string?[])(object)some)!));
                await group.WriteAsync(caption, [.. rows.Select(row => captions[row]!)]);
            }
        }
    }
}
