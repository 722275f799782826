using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Checkpoints;
using TorchSharp;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>A process that saves checkpoints is killed at random moments. HIMO_KILLS sets how often.</summary>
public sealed class KillTests : IDisposable
{
    private const int Elements = 300_000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_save_that_is_killed_leaves_the_old_file_or_the_new_one_whole()
    {
        string path = Path.Combine(_folder.FullPath, "model.safetensors");
        int kills = Environment.GetEnvironmentVariable("HIMO_KILLS") is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : 20;
        var random = new Random(5);
        for (int kill = 0; kill < kills; kill++)
        {
            using Process process = SeparateProcess.StartSaving(path);
            string? saved = null;
            for (int lines = random.Next(1, 5); lines > 0; lines--)
            {
                saved = process.StandardOutput.ReadLine();
            }

            Thread.SpinWait(random.Next(2_000_000));
            process.Kill(entireProcessTree: true);
            process.WaitForExit();

            AssertWhole(path, int.Parse(Assert.IsType<string>(saved), CultureInfo.InvariantCulture));
        }

        // What was half written lies beside it until the next save.
        WholeFile.Write(path, stream => Save(stream, 0));
        AssertWhole(path, 0);
        Assert.Equal([path], Directory.GetFiles(_folder.FullPath));
    }

    /// <summary>What the process runs that is killed: it saves the numbers 0, 1, 2 … and prints what is saved.</summary>
    internal static void SaveForEver(string path)
    {
        for (int number = 0; ; number++)
        {
            WholeFile.Write(path, stream => Save(stream, number));
            Console.WriteLine(number);
        }
    }

    private static void Save(Stream stream, int number)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        float[] values = [.. Enumerable.Repeat((float)number, Elements)];
        Safetensors.Write(stream, [("first", torch.tensor(values)), ("last", torch.tensor(values))]);
    }

    private static void AssertWhole(string path, int atLeast)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var checkpoint = Checkpoint.Open(path);
        float[] values = [.. checkpoint.Read("first").data<float>(), .. checkpoint.Read("last").data<float>()];
        Assert.Equal(2 * Elements, values.Length);
        Assert.True(values[0] >= atLeast, $"{values[0]} is there, {atLeast} was saved");
        Assert.Equal(values[0], Assert.Single(values.Distinct()));
    }
}
