using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Tests.Samples;
using HiMo.MLNet.Training;
using TorchSharp;

namespace HiMo.MLNet.Tests.Training;

/// <summary>Trainings by several processes that MPI connects.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class SharedTrainingTests(SharedTrainingTests.OneProcess alone) : IClassFixture<SharedTrainingTests.OneProcess>, IDisposable
{
    /// <summary>The same trainings by one process.</summary>
    public sealed class OneProcess : IDisposable
    {
        private readonly ToyImages _images = new();

        public string Weights(string name)
        {
            string path = Path.Combine(_images.Folder, $"{name}.safetensors");
            if (!File.Exists(path))
            {
                SharedTraining.Train(SharedTraining.Rows(_images.Folder), SharedTraining.Options(name), path);
            }

            return path;
        }

        public void Dispose() => _images.Dispose();
    }

    private readonly ToyImages _images = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("himo-ranks").FullName;

    public void Dispose()
    {
        _images.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string In(string name) => Path.Combine(_folder, name);

    private string Share(string launcher, int ranks, params string[] cases)
    {
        string results = Directory.CreateDirectory(In(Guid.NewGuid().ToString("n"))).FullName;
        ProgramResult result = MpiRun.Run(launcher, ranks, [MpiRun.Here, "share", _images.Folder, results, .. cases]);
        Assert.True(result.ExitCode == 0, result.Errors);
        string library = launcher is MpiRun.Mpich or MpiRun.SlurmPmi2 ? "MPICH" : "Open MPI";
        Assert.Contains($"{ranks} ranks on 1 machine, {library}", result.Output, StringComparison.Ordinal);
        return results;
    }

    /// <summary>Within 1e-4, but for the biases of the attention's keys: the softmax does not see them, so that their gradient is
    /// rounding alone, which AdamW makes as large as any.</summary>
    private static void AssertSameWeights(string expected, string found)
    {
        using Checkpoint first = Checkpoint.Open(expected), second = Checkpoint.Open(found);
        foreach (string name in first.Tensors.Keys)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor difference = (first.Read(name) - second.Read(name)).abs();
            if (name.EndsWith("in_proj_bias", StringComparison.Ordinal))
            {
                torch.Tensor[] parts = difference.chunk(3, 0);
                difference = torch.cat([parts[0], parts[2]], 0);
            }

            Assert.True(difference.max().item<float>() < 1e-4f, $"{found}: {name} differs by {difference.max().item<float>()}");
        }
    }

    [TheoryWithMpi]
    [InlineData(MpiRun.OpenMpi, 2)]
    [InlineData(MpiRun.OpenMpi, 4)]
    [InlineData(MpiRun.Mpich, 2)]
    public void Ranks_end_with_the_weights_of_one_process(string launcher, int ranks)
    {
        string results = Share(launcher, ranks, SharedTraining.Cases);
        foreach (string name in SharedTraining.Cases)
        {
            string first = SharedTraining.Weights(results, name, 0);
            AssertSameWeights(alone.Weights(name), first);
            // And all with the same, bit for bit.
            Assert.All(Enumerable.Range(1, ranks - 1), rank => Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(SharedTraining.Weights(results, name, rank))));
        }
    }

    [TheoryWithMpiAndSlurm]
    [InlineData(MpiRun.SlurmPmix)]
    [InlineData(MpiRun.SlurmPmi2)]
    public void Ranks_of_a_Slurm_job_end_with_the_weights_of_one_process(string launcher)
    {
        const string name = "HiMo-cached";

        string results = Share(launcher, 2, name);

        AssertSameWeights(alone.Weights(name), SharedTraining.Weights(results, name, 0));
    }

    [TheoryWithMpi]
    [InlineData(MpiRun.OpenMpi, 3)]
    [InlineData(MpiRun.Mpich, 2)]
    public void The_same_ranks_repeat_a_training_bit_for_bit(string launcher, int ranks)
    {
        const string name = "SmartClip-cached";
        string[] runs = [.. Enumerable.Range(0, 2).Select(_ => SharedTraining.Weights(Share(launcher, ranks, name), name, 0))];

        Assert.Equal(File.ReadAllBytes(runs[0]), File.ReadAllBytes(runs[1]));
    }

    [FactWithMpi]
    public void One_rank_is_one_process()
    {
        string results = Share(MpiRun.OpenMpi, 1, "HiMo-cached");

        AssertSameWeights(alone.Weights("HiMo-cached"), SharedTraining.Weights(results, "HiMo-cached", 0));
    }

    [TheoryWithMpi]
    [InlineData(MpiRun.OpenMpi)]
    [InlineData(MpiRun.Mpich)]
    public void What_differs_or_fails_on_one_rank_is_told_on_all(string launcher)
    {
        _images.Checkpoint(seed: 11);
        _images.Checkpoint(seed: 12);
        ProgramResult result = MpiRun.Run(launcher, 2, MpiRun.Here, "share-disagree", _images.Folder, _folder);
        Assert.True(result.ExitCode == 0, result.Errors);
        void Told(string name, string first, string? second = null)
        {
            Assert.StartsWith(first, File.ReadAllText(In($"{name}-0.txt")), StringComparison.Ordinal);
            Assert.StartsWith(second ?? first, File.ReadAllText(In($"{name}-1.txt")), StringComparison.Ordinal);
        }

        const string same = "InvalidOperationException: The ranks of a training must have the same options, data and code: rank 1 has ";
        Told("options", same + "BatchSize 6, rank 0 has 7");
        Told("seed-free", same + "MaxUnreadableShare 0.5, rank 0 has 0");
        Told("rows", same + "rows of the data 15, rank 0 has 16");
        Told("order", "InvalidOperationException: The ranks of a training must read the same rows in the same order; "
            + "the captions of a batch differ between rank 1 and rank 0");
        Told("weights", same + "in 'Float32-1");
        Told("unreadable", "ImageReadException: Image 'none.png'");
        Assert.All(["unreadable-0.txt", "unreadable-1.txt"], file => Assert.Matches(@"\(rank [01] of 2\)", File.ReadAllText(In(file))));
        Told("folder", "IOException: HiMoClipOptions.CheckpointFolder", "InvalidOperationException: Rank 0 of 2 failed: HiMoClipOptions.CheckpointFolder");
        Told("data", "InvalidOperationException: Rank 1 of 2 failed: The line is cut.", "IOException: The line is cut.");
        Told("cancelled", "OperationCanceledException: Rank 1 of 2 was cancelled.", "OperationCanceledException");
        Told("not finite", "InvalidOperationException: The ");
        Told("validated", "trained");
        Assert.Equal(File.ReadAllBytes(In("weights-0")), File.ReadAllBytes(In("weights-1")));
    }

    [TheoryWithMpi]
    [InlineData(MpiRun.OpenMpi)]
    [InlineData(MpiRun.Mpich)]
    public void A_rank_that_fails_by_itself_ends_all(string launcher)
    {
        ProgramResult result = MpiRun.Run(launcher, 2, MpiRun.Here, "share-fail", _images.Folder);

        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("rank 0 of 2: It has no loss.", result.Errors, StringComparison.Ordinal);
    }

    [TheoryWithMpi]
    [InlineData(MpiRun.OpenMpi, 3)]
    [InlineData(MpiRun.Mpich, 2)]
    public void A_killed_rank_ends_all_and_the_training_resumes_to_the_same_weights(string launcher, int ranks)
    {
        int seed = Random.Shared.Next();
        using var harness = new RankKillHarness(MpiRun.Here, launcher, ranks, new Random(seed));
        byte[] expected = harness.Undisturbed();

        foreach (int steps in (int[])[0, 4, 8])
        {
            harness.KillOne(steps);
        }

        Assert.True(expected.AsSpan().SequenceEqual(harness.Resumed()), $"seed {seed}");
    }

    [FactWithMpi]
    public void Another_number_of_ranks_resumes_a_training()
    {
        string checkpoints = In("checkpoints");
        void Train(int ranks, string launcher)
        {
            ProgramResult result = MpiRun.Run(launcher, ranks, MpiRun.Here, "share-checkpoints", _images.Folder, checkpoints, In($"{ranks}.safetensors"));
            Assert.True(result.ExitCode == 0, result.Errors);
        }

        Train(2, MpiRun.Mpich);
        // From its middle.
        foreach (string file in Directory.GetFiles(checkpoints).Where(file => string.CompareOrdinal(Path.GetFileName(file), "step-00000019") > 0))
        {
            File.Delete(file);
        }

        Train(3, MpiRun.OpenMpi);

        AssertSameWeights(In("2.safetensors"), In("3.safetensors"));
    }

    [FactWithMpi]
    public void Himo_train_shares_a_training_and_refuses_to_train_the_same_model_in_every_process()
    {
        string table = In("images.tsv"), model = In("model.zip"), himo = Path.Combine(BuiltProgram.Root, "src/HiMo.MLNet.Cli/bin",
            Path.GetRelativePath(Path.Combine(BuiltProgram.Root, "tests/HiMo.MLNet.Tests/bin"), AppContext.BaseDirectory), "himo.dll");
        File.WriteAllLines(table, ["ImagePath\tCaption", .. _images.Rows.Select(row => $"{row.ImagePath}\t{row.Caption}")]);
        string[] train = [himo, "train", "--data", table, "--checkpoint", _images.Checkpoint(), "--epochs", "1", "--batch-size", "8", "--seed", "5",
            "--progress", "0", "--output", model];

        ProgramResult refused = MpiRun.Run(MpiRun.OpenMpi, 2, train), shared = MpiRun.Run(MpiRun.OpenMpi, 2, [.. train, "--mpi"]);

        Assert.Contains("himo: 2 processes were started, and each would train a model of its own: add --mpi.", refused.Errors, StringComparison.Ordinal);
        Assert.True(shared.ExitCode == 0, shared.Errors);
        Assert.Single(shared.Output.Split('\n'), line => line.Contains("2 steps", StringComparison.Ordinal));
        Assert.Contains("himo: 2 ranks on 1 machine, Open MPI", shared.Errors, StringComparison.Ordinal);
        Assert.True(File.Exists(model));
    }

    [Theory]
    [InlineData("OMPI_COMM_WORLD_SIZE=4", 4, true)]
    [InlineData("PMI_SIZE=2", 2, false)]
    [InlineData("PMI_SIZE=2 SLURM_STEP_ID=0", 2, false)]
    [InlineData("SLURM_STEP_NUM_TASKS=3 PMIX_RANK=0 SLURM_STEP_ID=0", 3, true)]
    [InlineData("SLURM_STEP_NUM_TASKS=3 SLURM_STEP_ID=0", 3, null)]
    [InlineData("OMPI_COMM_WORLD_SIZE=4 SLURM_STEP_NUM_TASKS=2", 4, true)]
    public void The_library_is_that_of_the_launcher(string environment, int processes, bool? openMpi)
    {
        var variables = environment.Split(' ').Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);

        MpiLauncher launcher = MpiLauncher.Find(variables.GetValueOrDefault)!;

        Assert.Equal((processes, openMpi), (launcher.Processes, launcher.OpenMpi));
        Assert.Null(MpiLauncher.Find(_ => null));
    }

    [Theory]
    [InlineData(7, 3)]
    [InlineData(2, 4)]
    [InlineData(0, 2)]
    public void Ranks_fill_every_place_of_a_batch_once(int places, int ranks)
    {
        int[] filled = [.. Enumerable.Range(0, ranks).Select(rank => new Share(rank, ranks))
            .SelectMany(share => Enumerable.Range(0, share.Of(places)).Select(share.Place))];

        Assert.Equal(Enumerable.Range(0, places), filled.Order());
        Assert.All(Enumerable.Range(0, places), place => Assert.True(new Share(place % ranks, ranks).Has(place)));
    }
}
