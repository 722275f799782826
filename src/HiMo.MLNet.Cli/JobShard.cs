using System.Globalization;

namespace HiMo.MLNet.Cli;

/// <summary>Which share of a job one of its processes does.</summary>
/// <param name="Index">From 0.</param>
/// <param name="Count">Of how many.</param>
internal sealed record JobShard(int Index, int Count)
{
    private const string Auto = "auto";

    /// <param name="text">What the option says; null for all.</param>
    /// <param name="environment">Reads an environment variable.</param>
    /// <exception cref="UsageException">It makes no sense, or the environment does not have what it asks for.</exception>
    public static JobShard Parse(string? text, Func<string, string?> environment)
    {
        if (text is null)
        {
            return new(0, 1);
        }

        string[] parts = text.Split('/');
        return parts[0] == Auto && parts.Length <= 2 ? FromEnvironment(parts.Length == 2 ? Number(parts[1]) : null, environment)
            : parts.Length == 2 && Number(parts[0]) is { } index && Number(parts[1]) is { } count && index < count ? new(index, count)
            : throw new UsageException(
                $"--shard: expected INDEX/COUNT with an index from 0 to COUNT - 1, auto or auto/COUNT, found '{text}'.");
    }

    private static JobShard FromEnvironment(int? count, Func<string, string?> environment)
    {
        if (Number(environment("SLURM_ARRAY_TASK_ID")) is { } id)
        {
            int first = Number(environment("SLURM_ARRAY_TASK_MIN")) ?? 0, step = Number(environment("SLURM_ARRAY_TASK_STEP")) ?? 1;
            int tasks = Number(environment("SLURM_ARRAY_TASK_COUNT")) ?? 0, index = (id - first) / Math.Max(step, 1);
            return tasks > index && index >= 0 && (count ?? tasks) == tasks ? new(index, tasks)
                : throw new UsageException(
                    $"--shard: Slurm's array has {tasks} tasks from {first} on, of which this is {id}"
                    + (count is null ? "; expected numbers without gaps." : $"; expected {count} of them, without gaps."));
        }

        int? pod = Number(environment("JOB_COMPLETION_INDEX"));
        return pod is { } number && number < count ? new(number, count.Value)
            : throw new UsageException(pod is null
                ? "--shard auto: expected SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX in the environment, found neither."
                : $"--shard: JOB_COMPLETION_INDEX is {pod}; expected --shard auto/COUNT with the completions of the Job, more than that.");
    }

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}
