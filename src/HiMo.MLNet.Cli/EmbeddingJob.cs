using System.Globalization;

namespace HiMo.MLNet.Cli;

/// <summary>
/// Embeds images into a folder of Parquet files, as one of several processes. A file has the rows of one piece of the data, or the first
/// so many of them, the next so many, …: its name tells which, whoever writes it. So a process that was killed goes on behind the files
/// that are there, also as one of another number of processes, and no row is lost or comes twice.
/// </summary>
/// <param name="folder">Where the files go.</param>
/// <param name="shard">The share of this process.</param>
/// <param name="rows">The most rows of a file.</param>
/// <param name="embedsCaptions">Whether captions are embedded, too.</param>
internal sealed class EmbeddingJob(string folder, JobShard shard, int rows, bool embedsCaptions)
{
    private const string InUse = ".in-use";

    /// <summary>What came of it.</summary>
    /// <param name="Files">Written.</param>
    /// <param name="Present">Files that were there.</param>
    /// <param name="Rows">Written, those without an embedding among them.</param>
    /// <param name="Unreadable">Rows without an embedding.</param>
    public sealed record Result(int Files, int Present, long Rows, long Unreadable);

    /// <summary>Keeps others from the same share until the result is disposed.</summary>
    /// <exception cref="IOException">Another process does this share, or the folder cannot be made.</exception>
    public FileStream Begin()
    {
        Directory.CreateDirectory(folder);
        return Hold(Path.Combine(folder, $"shard-{shard.Index}-of-{shard.Count}"), $"shard {shard.Index}/{shard.Count}");
    }

    /// <exception cref="InvalidDataException">A file in the folder is of another model, or of other images.</exception>
    public Result Run(EmbeddingInput input, ClipEmbedder model, ProgressDisplay.Report report, CancellationToken cancellation)
    {
        Result result = new(0, 0, 0, 0);
        CheckModel(model);
        int done = 0, units = Math.Max(1, ((input.Count ?? 1) + shard.Count - 1 - shard.Index) / shard.Count);
        foreach (EmbeddingUnit unit in input.Units.Where(unit => unit.Number % shard.Count == shard.Index))
        {
            foreach ((int chunk, EmbeddingItem[] items) in unit.Items().Chunk(rows).Index())
            {
                cancellation.ThrowIfCancellationRequested();
                string path = Path.Combine(folder,
                    string.Create(CultureInfo.InvariantCulture, $"part-{unit.Number:d6}-{chunk:d4}.parquet"));
                EmbeddingPart.Origin origin = new(
                    model.WeightsHash, EmbeddingPart.Hash(items), EmbeddingPart.Columns(input.HasCaptions, embedsCaptions));
                if (IsThere(path, origin))
                {
                    result = result with { Present = result.Present + 1 };
                    continue;
                }

                using FileStream held = Hold(path, $"'{path}'");
                EmbeddingPart part = Embed(items, model, cancellation, count => report(
                    Math.Min(done, units), units, string.Create(CultureInfo.InvariantCulture, $"embedding, {result.Rows + count} images")));
                WholeFile.Write(path, stream => part.Write(stream, origin));
                int unreadable = part.Errors.Count(error => error is not null);
                result = new(result.Files + 1, result.Present, result.Rows + items.Length, result.Unreadable + unreadable);
            }

            report(Math.Min(++done, units), units);
        }

        return result;
    }

    private static FileStream Hold(string path, string what)
    {
        try
        {
            return WholeFile.Hold(path + InUse);
        }
        catch (IOException e) when (File.Exists(path + InUse))
        {
            throw new IOException($"{what}: another process embeds it, and holds '{path}{InUse}'.", e);
        }
    }

    // Before hours of work: files of two models in one folder are no table that can be searched.
    private void CheckModel(ClipEmbedder model)
    {
        if (Directory.EnumerateFiles(folder, "part-*.parquet").Order(StringComparer.Ordinal).FirstOrDefault() is { } first)
        {
            CheckModel(first, EmbeddingPart.Origin.Of(first).Model, model.WeightsHash);
        }
    }

    private static void CheckModel(string path, string found, string model)
    {
        if (found != model)
        {
            throw new InvalidDataException(
                $"'{path}' has embeddings of another model (weights {found[..Math.Min(12, found.Length)]}…, this one's are "
                + $"{model[..12]}…): give another output folder.");
        }
    }

    private static bool IsThere(string path, EmbeddingPart.Origin origin)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        var found = EmbeddingPart.Origin.Of(path);
        CheckModel(path, found.Model, origin.Model);
        return found == origin ? true : throw new InvalidDataException(
            $"'{path}' is there for other {(found.Columns == origin.Columns ? "images" : $"columns ({found.Columns})")} than this command "
            + "would write into it: the data, --rows-per-file or --captions differ. Give another output folder.");
    }

    private EmbeddingPart Embed(EmbeddingItem[] items, ClipEmbedder model, CancellationToken cancellation, Action<int> report)
    {
        float[]?[] embeddings = new float[]?[items.Length];
        string?[] errors = new string?[items.Length];
        int done = 0;
        foreach (ClipEmbeddedImage image in model.EmbedEach(items.Select((_, i) => Open(items, i, ref errors[i])), cancellation))
        {
            errors[done] ??= image.Error?.Reason;
            embeddings[done] = image.Embedding;
            if (++done % model.BatchSize == 0)
            {
                report(done);
            }
        }

        return new(items, embeddings, errors, embedsCaptions ? EmbedCaptions(items, model, cancellation) : null);
    }

    private static ClipImage Open(EmbeddingItem[] items, int i, ref string? error)
    {
        EmbeddingItem item = items[i];
        // Or it would hold on to all images of its row group of a table.
        items[i] = item with { Open = () => throw new InvalidOperationException($"'{item.Name}' was opened before.") };
        try
        {
            return item.Open();
        }
        catch (ImageReadException e)
        {
            error = e.Reason;
            return ClipImage.FromBytes(default, item.Name);                   // which cannot be read, either
        }
    }

    private static float[]?[] EmbedCaptions(EmbeddingItem[] items, ClipEmbedder model, CancellationToken cancellation)
    {
        var embedded = new Queue<float[]>(model.EmbedTexts(items.Select(item => item.Caption).OfType<string>(), cancellation));
        return [.. items.Select(item => item.Caption is null ? null : embedded.Dequeue())];
    }
}
