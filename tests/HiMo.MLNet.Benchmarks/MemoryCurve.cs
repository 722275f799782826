using System.Diagnostics;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// Resident memory, and live tensors, of a process over many calls, from call 1 on: a hundred samples and one before, of which
/// every tenth is printed. Calls up to 0 warm up.
/// </summary>
/// <param name="calls">The calls that count.</param>
/// <param name="countTensors">Counts the tensors of this process; null for another one.</param>
/// <param name="tensorsInMotion">By how many tensors the count may move: those of batches that are read ahead.</param>
internal sealed class MemoryCurve(int calls, Func<long>? countTensors, long tensorsInMotion = 0)
{
    private const int Samples = 100;

    private const double MostGrowth = 0.03;

    private readonly List<(long Bytes, long? Tensors)> _samples = [];
    private readonly Stopwatch _clock = new();

    public void Done(int call, Process process)
    {
        if (call < 0 || (long)call * Samples / calls < _samples.Count)
        {
            return;
        }

        _clock.Start();
        process.Refresh();
        _samples.Add((process.WorkingSet64, countTensors?.Invoke()));
        if ((_samples.Count - 1) % (Samples / 10) == 0)
        {
            Console.WriteLine($"{call,7}  {call / _clock.Elapsed.TotalSeconds,6:f0} a second  {process.WorkingSet64 / 1e6,7:f1} MB"
                + (_samples[^1].Tensors is { } tensors ? $"  {tensors} live tensors" : ""));
        }
    }

    /// <summary>Whether the second half reaches no further than the first: what comes and goes is no growth.</summary>
    public bool IsFlat()
    {
        int half = _samples.Count / 2;
        double growth = ((double)_samples.Skip(half).Max(sample => sample.Bytes) / _samples.Take(half).Max(sample => sample.Bytes)) - 1;
        bool constant = _samples.Max(sample => sample.Tensors) - _samples.Min(sample => sample.Tensors) is not { } moved || moved <= tensorsInMotion;
        bool flat = growth <= MostGrowth && constant;
        Console.WriteLine($"{(flat ? "flat" : "NOT FLAT")}: the most resident memory of the second half is {growth:+0.0 %;-0.0 %} against the first's (at most {MostGrowth:p0})"
            + (countTensors is null ? "" : constant ? ", live tensors constant" : ", live tensors NOT constant"));
        return flat;
    }
}
