using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using HiMo.MLNet.Tests.Data;

namespace HiMo.MLNet.Tests.Samples;

/// <summary><c>himo embed</c> into a folder of Parquet files, as one process or several.</summary>
public sealed class EmbeddingJobTests(CommandLineTests.Files files) : IClassFixture<CommandLineTests.Files>
{
    private readonly string _folder = Directory.CreateDirectory(files.At(Guid.NewGuid().ToString("n"))).FullName;

    private string At(string name) => Path.Combine(_folder, name);

    private string Output => At("parts");

    private ProgramResult Embed(params string[] arguments) => EmbedBy(files.Checkpoint, arguments);

    private ProgramResult EmbedBy(string model, params string[] arguments) =>
        HimoProgram.Run(["embed", "--model", model, "--output", Output, "--json", .. arguments]);

    private string[] Parts() => [.. Directory.EnumerateFiles(Output).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    /// <summary>Three tar files with seven, seven and two images.</summary>
    private string Tars()
    {
        foreach ((int shard, (int Index, string Item)[] images) in files.Images.Index().Chunk(7).Index())
        {
            Shards.Tar(At($"shards/{shard}.tar"), [.. images.SelectMany(image => ((string, byte[])[])
                [($"{image.Index:d2}.png", File.ReadAllBytes(image.Item)), ($"{image.Index:d2}.txt", Shards.Utf8($"Caption {image.Index}."))])]);
        }

        return $"webdataset:{At("shards")}";
    }

    [Fact]
    public void A_folder_is_a_table_of_embeddings_and_of_what_could_not_be_read()
    {
        File.WriteAllText(At("broken.png"), "not an image");

        ProgramResult result = Embed("--images", files.Images[0], At("broken.png"), files.Images[1], "--rows-per-file", "2");

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("1 of 3 images could not be read", result.Errors, StringComparison.Ordinal);
        Assert.Equal(["part-000000-0000.parquet", "part-000001-0000.parquet"], Parts());
        (string Image, bool HasEmbedding, string? Error)[] rows = EmbeddedTable.Query("select image, embedding is not null, error from rows", Output,
            row => (row.GetString(0), row.GetBoolean(1), row.IsDBNull(2) ? null : row.GetString(2)));
        Assert.Equal([(files.Images[0], true, null), (At("broken.png"), false, "it is not an image"), (files.Images[1], true, null)],
            rows.Select(row => (row.Image, row.HasEmbedding, row.Error?[..18])));
    }

    [Fact]
    public void The_embeddings_are_the_models()
    {
        Assert.Equal(0, Embed("--data", Tars(), "--captions").ExitCode);

        using var model = ClipEmbedder.Load(files.Checkpoint);
        float[] image = model.EmbedImage(files.Images[9]), text = model.EmbedText("Caption 9.");
        string Vector(float[] values) => $"[{string.Join(',', values.Select(value => value.ToString("r", CultureInfo.InvariantCulture)))}]::FLOAT[{values.Length}]";
        (double Image, double Text) found = EmbeddedTable.Query(
            $"""
            select array_cosine_similarity(embedding::FLOAT[{image.Length}], {Vector(image)}), array_cosine_similarity(caption_embedding::FLOAT[{image.Length}], {Vector(text)})
            from rows where image = '1.tar/09.png' and caption = 'Caption 9.'
            """, Output, row => (Convert.ToDouble(row.GetValue(0), CultureInfo.InvariantCulture), Convert.ToDouble(row.GetValue(1), CultureInfo.InvariantCulture))).Single();
        Assert.Equal(1, found.Image, 1e-5);
        Assert.Equal(1, found.Text, 1e-5);
    }

    [Fact]
    public void Shares_together_are_everything_once()
    {
        string data = Tars();
        foreach (int shard in (int[])[0, 1])
        {
            Assert.Equal(0, Embed("--data", data, "--shard", $"{shard}/2", "--rows-per-file", "4").ExitCode);
        }

        Assert.Equal(["part-000000-0000.parquet", "part-000000-0001.parquet", "part-000001-0000.parquet", "part-000001-0001.parquet", "part-000002-0000.parquet"], Parts());
        Assert.Equal((16, 16), EmbeddedTable.Count(Output));
    }

    [FactWithSlurm]
    public void An_array_of_Slurm_tasks_one_of_them_killed_leaves_everything_once_when_it_is_submitted_again()
    {
        using Process job = SlurmRun.Start("bash", SlurmRun.Script("embed-array.sh"), files.Checkpoint, Tars(), Output, "dotnet", HimoProgram.Path);
        var result = ProgramResult.Of(job);

        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.EndsWith("at the end: 3 files", result.Output.TrimEnd());
        Assert.Equal((16, 16), EmbeddedTable.Count(Output));
    }

    [Fact]
    public void A_job_goes_on_behind_the_files_that_are_there_as_any_number_of_processes()
    {
        string data = Tars();
        Embed("--data", data, "--rows-per-file", "4");
        byte[] before = File.ReadAllBytes(Path.Combine(Output, "part-000001-0000.parquet"));
        File.Delete(Path.Combine(Output, "part-000001-0000.parquet"));
        File.Delete(Path.Combine(Output, "part-000002-0000.parquet"));

        JsonElement result = Embed("--data", data, "--rows-per-file", "4", "--shard", "1/2").Json;

        Assert.Equal((1, 1, 4), (result.GetProperty("files").GetInt32(), result.GetProperty("present").GetInt32(), result.GetProperty("rows").GetInt32()));
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(Output, "part-000001-0000.parquet")));
        Assert.Equal((14, 14), EmbeddedTable.Count(Output));
    }

    [Fact]
    public void Another_model_other_images_and_other_columns_are_refused()
    {
        string data = Tars();
        Embed("--data", data);
        ToyImages other = new(Directory.CreateDirectory(At("other")).FullName);
        string[] before = [.. Parts().Select(part => Convert.ToHexString(File.ReadAllBytes(Path.Combine(Output, part))))];

        ProgramResult model = EmbedBy(other.Checkpoint(seed: 12), "--data", data), rows = Embed("--data", data, "--rows-per-file", "3"), captions = Embed("--data", data, "--captions");

        Assert.Equal((1, 1, 1), (model.ExitCode, rows.ExitCode, captions.ExitCode));
        Assert.Contains("embeddings of another model", model.Errors, StringComparison.Ordinal);
        Assert.Contains("is there for other images", rows.Errors, StringComparison.Ordinal);
        Assert.Contains("is there for other columns", captions.Errors, StringComparison.Ordinal);
        Assert.Equal(before, Parts().Select(part => Convert.ToHexString(File.ReadAllBytes(Path.Combine(Output, part)))));
    }

    [Fact]
    public void Two_processes_on_one_share_or_one_file_are_refused()
    {
        Directory.CreateDirectory(Output);
        using (WholeFile.Hold(Path.Combine(Output, "shard-1-of-2.in-use")))
        {
            ProgramResult same = Embed("--images", files.Folder, "--shard", "1/2");

            Assert.Equal(1, same.ExitCode);
            Assert.Contains("shard 1/2: another process embeds it", same.Errors, StringComparison.Ordinal);
        }

        using (WholeFile.Hold(Path.Combine(Output, "part-000001-0000.parquet.in-use")))
        {
            ProgramResult file = Embed("--images", files.Folder, "--rows-per-file", "4");

            Assert.Equal(1, file.ExitCode);
            Assert.Contains("part-000001-0000.parquet': another process embeds it", file.Errors, StringComparison.Ordinal);
        }

        Assert.Equal((4, 4), EmbeddedTable.Count(Output));
    }

    [Fact]
    public void A_shard_that_is_cut_ends_the_job_and_keeps_what_came_before()
    {
        string data = Tars();
        byte[] whole = File.ReadAllBytes(At("shards/1.tar"));
        File.WriteAllBytes(At("shards/1.tar"), whole[..2000]);

        ProgramResult result = Embed("--data", data);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("1.tar", result.Errors, StringComparison.Ordinal);
        Assert.Equal((7, 7), EmbeddedTable.Count(Output));
        File.WriteAllBytes(At("shards/1.tar"), whole);
        Assert.Equal(0, Embed("--data", data).ExitCode);
        Assert.Equal((16, 16), EmbeddedTable.Count(Output));
    }
}
