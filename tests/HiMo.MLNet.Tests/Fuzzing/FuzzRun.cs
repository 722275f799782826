using System.Diagnostics;
using System.Globalization;
using TorchSharp;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Reads cases one after the other, in a process that may die of them.</summary>
internal static class FuzzRun
{
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(2);

    /// <summary>Runs the kinds of a group; prints a line a kind, and ends the process with 1 after the first case that is none.</summary>
    /// <param name="group">A name of <see cref="FuzzKinds.Groups"/>.</param>
    /// <param name="count">Cases of each kind.</param>
    /// <param name="first">The number of the first case; a number always makes the same case.</param>
    public static void Run(string group, int count, int first)
    {
        using var folder = new TemporaryFolder();
        foreach (FuzzKind kind in FuzzKinds.Groups[group](folder.FullPath))
        {
            int current = first, read = 0;
            long most = 0;
            TimeSpan slowest = TimeSpan.Zero;
            var clock = Stopwatch.StartNew();
            using var watch = new Timer(_ => Fail(kind, Volatile.Read(ref current), $"did not end within {s_hang.TotalMinutes} minutes"));
            for (; current < first + count; current++)
            {
                // What is printed last before the process dies tells which case killed it.
                Console.WriteLine($"{kind.Name} {current}");
                byte[] input = kind.Make(new Random(current));
                watch.Change(s_hang, Timeout.InfiniteTimeSpan);
                long tensors = torch.Tensor.TotalCount, before = GC.GetAllocatedBytesForCurrentThread();
                TimeSpan start = clock.Elapsed;
                Exception? error = Record.Exception(() => kind.Read(input));
                long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
                (most, slowest) = (Math.Max(most, bytes), clock.Elapsed - start > slowest ? clock.Elapsed - start : slowest);
                read += error is null ? 1 : 0;
                string? fault =
                    error is not null && !kind.IsRefusal(error) ? $"threw {error}"
                    : error?.Message.Length > 4_000 ? $"threw a message of {error.Message.Length} characters"
                    : !kind.MakesParameters && torch.Tensor.TotalCount > tensors ? $"left {torch.Tensor.TotalCount - tensors} tensors behind"
                    : bytes > kind.MostBytes ? $"allocated {bytes} bytes, more than {kind.MostBytes}"
                    : null;
                if (fault is not null)
                {
                    Fail(kind, current, fault);
                }
            }

            watch.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"= {kind.Name}: {count} cases, {read} read, {count - read} refused, at most {most:n0} bytes and {slowest.TotalMilliseconds:n0} ms a case, {clock.Elapsed.TotalSeconds:n1} s"));
        }
    }

    private static void Fail(FuzzKind kind, int number, string fault)
    {
        Console.WriteLine($"! {kind.Name}, case {number}: {fault}");
        Console.Out.Flush();
        Environment.Exit(1);
    }
}
