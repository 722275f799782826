using System.IO.Compression;
using System.Reflection;
using System.Text;
using HiMo.MLNet.Checkpoints;
using Microsoft.ML;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>
/// ML.NET's model zips. What the library's own entries hold is read or refused; ML.NET's parts (its zip reader, the chain's
/// and the schema's entries) throw what ML.NET throws, and may not crash either.
/// </summary>
internal static class ModelZipFuzz
{
    private static readonly MLContext s_mlContext = new(1);

    public static FuzzKind Kind(string folder)
    {
        _ = folder;
        Dictionary<string, byte[]> former = Small(), current = Entries(Saved(former));
        return new FuzzKind(
            "model zip",
            random => Make(random, random.Pick([former, current])),
            Read,
            // ML.NET creates transformers by reflection, which wraps what they throw.
            error => (error is TargetInvocationException ? error.InnerException : error) is FormatException or InvalidDataException or IOException,
            64 << 20)
        {
            MakesParameters = true,
        };
    }

    // The first byte tells whose part is damaged.
    private static byte[] Make(Random random, Dictionary<string, byte[]> good)
    {
        Dictionary<string, byte[]> entries = new(good);
        string name = random.Pick([.. entries.Keys]), kind = Path.GetFileName(name);
        byte[] entry = entries[name];
        bool own = kind is "Settings.json" or "Vocabulary.txt" or "Weights.safetensors";
        entries[name] = kind switch
        {
            "Settings.json" => Mutations.Utf8(Mutations.Json(random, Encoding.UTF8.GetString(entry))),
            "Vocabulary.txt" when random.Next(2) == 0 => Gzip(Mutations.Utf8(Mutations.Lines(random, Encoding.UTF8.GetString(Gunzip(entry))))),
            "Weights.safetensors" when random.Next(2) == 0 => Header(random, entry),
            _ => Mutations.Bytes(random, entry),
        };
        if (random.Next(20) == 0)
        {
            entries.Remove(name);
        }

        byte[] zip = Zip(entries);
        bool raw = random.Next(10) == 0;
        return [own && !raw ? (byte)1 : (byte)0, .. raw ? Mutations.Bytes(random, zip) : zip];
    }

    private static void Read(byte[] input)
    {
        try
        {
            (s_mlContext.Model.Load(new MemoryStream(input, 1, input.Length - 1), out _) as IDisposable)?.Dispose();
        }
        catch (Exception error) when (input[0] == 0 && error is not OutOfMemoryException)
        {
            throw new FormatException("ML.NET's own parts.", error);
        }
    }

    private static byte[] Header(Random random, byte[] weights)
    {
        int length = (int)BitConverter.ToInt64(weights);
        byte[] json = Mutations.Utf8(Mutations.Json(random, Encoding.UTF8.GetString(weights, 8, length)));
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. weights.AsSpan(8 + length)];
    }

    /// <summary>A model of the first format with a vocabulary of two merges and a short context, so that loading it takes milliseconds.</summary>
    private static Dictionary<string, byte[]> Small()
    {
        const int tokens = 512 + 2 + 2, context = 16;
        Dictionary<string, byte[]> entries = Entries(File.ReadAllBytes(GoldenFile.PathOf("model-format-1.1.zip")));
        foreach (string name in entries.Keys.ToArray())
        {
            switch (Path.GetFileName(name))
            {
                case "Settings.json":
                    entries[name] = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(entries[name]).Replace("49408", $"{tokens}").Replace("248", $"{context}"));
                    break;
                case "Vocabulary.txt":
                    entries[name] = Gzip("#version: 0.2\nt h\nth e</w>\n"u8.ToArray());
                    break;
                case "Weights.safetensors":
                    using (DisposeScope scope = NewDisposeScope())
                    {
                        var weights = new MemoryStream();
                        Safetensors.Write(weights, [.. Safetensors.ReadSequential(new MemoryStream(entries[name]), name)
                            .Select(t => (t.Name, t.Name switch
                            {
                                "token_embedding.weight" => t.Tensor.narrow(0, 0, tokens),
                                "positional_embedding" or "positional_embedding_res" => t.Tensor.narrow(0, 0, context),
                                _ => t.Tensor,
                            }))]);
                        entries[name] = weights.ToArray();
                    }

                    break;
            }
        }

        return entries;
    }

    private static byte[] Saved(Dictionary<string, byte[]> entries)
    {
        ITransformer model = s_mlContext.Model.Load(new MemoryStream(Zip(entries)), out DataViewSchema schema);
        var stream = new MemoryStream();
        s_mlContext.Model.Save(model, schema, stream);
        (model as IDisposable)?.Dispose();
        return stream.ToArray();
    }

    private static Dictionary<string, byte[]> Entries(byte[] file)
    {
        using var zip = new ZipArchive(new MemoryStream(file));
        return zip.Entries.ToDictionary(entry => entry.FullName, entry =>
        {
            using Stream stream = entry.Open();
            return ReadAll(stream);
        });
    }

    private static byte[] Zip(Dictionary<string, byte[]> entries)
    {
        var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in entries)
            {
                using Stream entry = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write(content);
            }
        }

        return file.ToArray();
    }

    private static byte[] Gzip(byte[] content)
    {
        var file = new MemoryStream();
        using (var gzip = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(content);
        }

        return file.ToArray();
    }

    private static byte[] Gunzip(byte[] file)
    {
        using var gzip = new GZipStream(new MemoryStream(file), CompressionMode.Decompress);
        return ReadAll(gzip);
    }

    private static byte[] ReadAll(Stream stream)
    {
        var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }
}
