using System.Security.Cryptography;
using System.Text;
using Parquet;
using Parquet.Schema;

namespace HiMo.MLNet.Cli;

/// <summary>An image of a job.</summary>
/// <param name="Name">A path, or what a shard or table calls it.</param>
/// <param name="Caption">Its first caption; null without.</param>
/// <param name="Open">Reads what is not read later; an <see cref="ImageReadException"/> where there is no image.</param>
internal sealed record EmbeddingItem(string Name, string? Caption, Func<ClipImage> Open);

/// <summary>Embedded images, as a Parquet file keeps them: one row group.</summary>
/// <param name="Items">The images.</param>
/// <param name="Embeddings">Null where the image could not be read.</param>
/// <param name="Errors">Why it could not.</param>
/// <param name="Captions">Embeddings of the captions, null for an image without; null if they are not embedded.</param>
internal sealed record EmbeddingPart(EmbeddingItem[] Items, float[]?[] Embeddings, string?[] Errors, float[]?[]? Captions)
{
    /// <summary>What a file is written for, in its metadata: who resumes a job compares it.</summary>
    /// <param name="Model">The hash of the weights.</param>
    /// <param name="Images">A hash of the names and captions, in their order.</param>
    /// <param name="Columns">The columns.</param>
    public sealed record Origin(string Model, string Images, string Columns)
    {
        private const string Prefix = "himo.";

        public Dictionary<string, string> ToMetadata() =>
            new() { [Prefix + "model"] = Model, [Prefix + "images"] = Images, [Prefix + "columns"] = Columns };

        /// <exception cref="InvalidDataException">It is no such file.</exception>
        public static Origin Of(string path)
        {
            try
            {
                return Read().GetAwaiter().GetResult();
            }
            catch (Exception e) when (e is not (FileNotFoundException or UnauthorizedAccessException or OutOfMemoryException))
            {
                throw new InvalidDataException($"'{path}': expected a Parquet file of embeddings. {e.Message}", e);
            }

            async Task<Origin> Read()
            {
                await using ParquetReader reader = await ParquetReader.CreateAsync(path);
                Dictionary<string, string> found = reader.CustomMetadata;
                return new(found[Prefix + "model"], found[Prefix + "images"], found[Prefix + "columns"]);
            }
        }
    }

    public static string Hash(EmbeddingItem[] items)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (EmbeddingItem item in items)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{item.Name}\0{item.Caption}\0"));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public static string Columns(bool hasCaptions, bool embedsCaptions) =>
        string.Join(',', Schema(hasCaptions, embedsCaptions).Fields.Select(field => field.Name));

    public void Write(Stream stream, Origin origin)
    {
        // Of floats as good as random nothing is saved by more.
        ParquetOptions options = new() { CompressionMethod = CompressionMethod.Snappy };
        ParquetSchema schema = Schema(origin.Columns.Split(',').Contains("caption"), Captions is not null);
        Write().GetAwaiter().GetResult();

        async Task Write()
        {
            await using ParquetWriter writer = await ParquetWriter.CreateAsync(schema, stream, options);
            writer.CustomMetadata = origin.ToMetadata();
            using ParquetRowGroupWriter rows = writer.CreateRowGroup();
            foreach (Field field in schema.Fields)
            {
                await (field switch
                {
                    ListField list => WriteVectors(rows, (DataField)list.Item, field.Name == "embedding" ? Embeddings : Captions!),
                    { Name: "image" } => rows.WriteAsync((DataField)field, [.. Items.Select(item => item.Name)]),
                    { Name: "caption" } => rows.WriteAsync((DataField)field, [.. Items.Select(item => item.Caption!)]),
                    _ => rows.WriteAsync((DataField)field, Errors!),
                });
            }
        }
    }

    private static ParquetSchema Schema(bool hasCaptions, bool embedsCaptions)
    {
        static Field Text(string name, bool isNullable) => new DataField(name, typeof(string), isNullable);
        static Field Vector(string name) => new ListField(name, new DataField("element", typeof(float), isNullable: false));
        return new((Field[])
        [
            Text("image", isNullable: false), .. hasCaptions ? (Field[])[Text("caption", isNullable: true)] : [], Vector("embedding"),
            .. embedsCaptions ? (Field[])[Vector("caption_embedding")] : [], Text("error", isNullable: true),
        ]);
    }

    // A list of floats: level 0 of definition is no list, the highest an element; repetition 0 begins a row.
    private static Task WriteVectors(ParquetRowGroupWriter rows, DataField element, float[]?[] vectors)
    {
        int count = vectors.Sum(vector => vector?.Length ?? 0), places = count + vectors.Count(vector => vector is null);
        float[] values = new float[count];
        int[] defined = new int[places], repeated = new int[places];
        int value = 0, place = 0;
        foreach (float[]? vector in vectors)
        {
            if (vector is null)
            {
                place++;
                continue;
            }

            vector.CopyTo(values, value);
            defined.AsSpan(place, vector.Length).Fill(element.MaxDefinitionLevel);
            repeated.AsSpan(place + 1, vector.Length - 1).Fill(1);
            (value, place) = (value + vector.Length, place + vector.Length);
        }

        return rows.WriteAllPartsAsync<float>(element, values, defined, repeated, CancellationToken.None);
    }
}
