using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>
/// What the ranks of a training agree on. Where work may fail on some of them, all learn of it and all fail; where one fails by itself
/// while the others may wait for it, it ends them all. One process without a communicator is rank 0 of 1, and exchanges nothing.
/// </summary>
/// <param name="communicator">Connects the ranks; null for one process.</param>
internal sealed class Ranks(ICommunicator? communicator)
{
    private static readonly JsonSerializerOptions s_json = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private const int BytesTogether = 16 << 20;

    private bool _allFail;

    private enum Outcome
    {
        Done,
        Ended,
        Cancelled,
        Failed,
    }

    public int Rank => communicator?.Rank ?? 0;

    public int Size => communicator?.Size ?? 1;

    public bool IsAlone => Size == 1;

    /// <summary>Rank 0, which writes and reports.</summary>
    public bool IsFirst => Rank == 0;

    public Share Share => new(Rank, Size);

    public override string ToString() => communicator?.ToString() ?? "one process";

    /// <summary>Does what a training consists of; where this rank alone fails, ends those of all ranks.</summary>
    public T Guard<T>(Func<T> work)
    {
        _allFail = false;
        try
        {
            return work();
        }
        catch (Exception e) when (!IsAlone && !_allFail)
        {
            communicator!.Abort(e.Message);
            throw;
        }
    }

    /// <summary>Fails on every rank, as each of them knows by itself.</summary>
    public void AllCheck(Action check)
    {
        try
        {
            check();
        }
        catch
        {
            _allFail = true;
            throw;
        }
    }

    /// <summary>Every rank does it; where one fails, all do.</summary>
    public T Together<T>(Func<T> work) => IsAlone ? work() : Attempt(work, (_, mine) => Exchange(Outcome.Done, [], mine));

    /// <summary>Rank 0 does it, and all have its result.</summary>
    public T FromFirst<T>(Func<T> work)
    {
        if (IsAlone)
        {
            return work();
        }

        byte[][] all = [];
        T? mine = Attempt(() => IsFirst ? work() : default,
            (result, error) => all = Exchange(Outcome.Done, IsFirst ? JsonSerializer.SerializeToUtf8Bytes(result, s_json) : [], error));
        return IsFirst ? mine! : JsonSerializer.Deserialize<T>(all[0].AsSpan(1), s_json)!;
    }

    /// <exception cref="InvalidOperationException">A rank has another value than rank 0; the message names it, with both.</exception>
    public void RequireSame(IReadOnlyDictionary<string, string> values)
    {
        if (IsAlone)
        {
            return;
        }

        Dictionary<string, string>[] all = [.. Exchange(Outcome.Done, JsonSerializer.SerializeToUtf8Bytes(values), null)
            .Select(bytes => JsonSerializer.Deserialize<Dictionary<string, string>>(bytes.AsSpan(1))!)];
        string[] differences = [.. all.Index().SelectMany(rank => all[0].Keys.Union(rank.Item.Keys)
            .Select(name => (Name: name, First: all[0].GetValueOrDefault(name, "none"), Value: rank.Item.GetValueOrDefault(name, "none")))
            .Where(setting => setting.First != setting.Value)
            .Select(setting => $"rank {rank.Index} has {setting.Name} {setting.Value}, rank 0 has {setting.First}"))];
        AllCheck(() =>
        {
            if (differences.Length > 0)
            {
                throw new InvalidOperationException(
                    $"The ranks of a training must have the same options, data and code: {string.Join("; ", differences)}.");
            }
        });
    }

    /// <summary>The batches of a pass as all ranks have them, whose passes end, fail or are cancelled together.</summary>
    public IEnumerable<SharedBatch> Batches(TrainingData data, IEnumerable<PreparedBatch> pass)
    {
        using IEnumerator<PreparedBatch> batches = pass.GetEnumerator();
        while (true)
        {
            if (IsAlone)
            {
                if (!batches.MoveNext())
                {
                    yield break;
                }

                yield return new(batches.Current, []);
                continue;
            }

            byte[][] all = [];
            bool more = Attempt(batches.MoveNext, (more, error) => all = Exchange(more ? Outcome.Done : Outcome.Ended,
                more ? JsonSerializer.SerializeToUtf8Bytes(batches.Current.Shared!) : [], error));
            int ended = all.Count(message => message[0] == (byte)Outcome.Ended);
            AllCheck(() => RequireEqual(ended == 0 || ended == Size, "some have more rows than others"));
            if (!more)
            {
                yield break;
            }

            SharedBatch batch = new(batches.Current, [.. all.Select(m => JsonSerializer.Deserialize<SharedRows>(m.AsSpan(1))!)]);
            AllCheck(() =>
            {
                SharedRows? other = batch.Rows.FirstOrDefault(rows => rows.Captions != batch.Rows[0].Captions);
                int rank = batch.Rows.ToList().IndexOf(other!);
                RequireEqual(other is null, $"the captions of a batch differ between rank {rank} and rank 0");
                data.LeaveOut(batch.Failures);
            });
            yield return batch;
        }
    }

    private static void RequireEqual(bool equal, string difference)
    {
        if (!equal)
        {
            throw new InvalidOperationException($"The ranks of a training must read the same rows in the same order; {difference}.");
        }
    }

    /// <summary>The rows of every rank's outputs, rank by rank; (outputs, n of this rank, d) singles here.</summary>
    public Tensor Gather(Tensor mine)
    {
        long outputs = mine.shape[0], d = mine.shape[2];
        byte[][] all = communicator!.AllGather(mine.cpu().contiguous().bytes);
        return cat([.. all.Where(bytes => bytes.Length > 0).Select(bytes =>
        {
            Tensor part = empty(outputs, bytes.Length / (sizeof(float) * outputs * d), d, ScalarType.Float32);
            bytes.CopyTo(part.bytes);
            return part;
        })], 1);
    }

    /// <summary>Gives every rank the numbers of rank 0; of one shape and type on all.</summary>
    public void Broadcast(IEnumerable<Tensor> tensors) => InPlace(tensors, bytes => communicator!.Broadcast(bytes));

    /// <summary>Sums singles over the ranks.</summary>
    public void Sum(IEnumerable<Tensor> tensors) => InPlace(tensors, bytes => communicator!.Sum(MemoryMarshal.Cast<byte, float>(bytes)));

    // Small tensors travel together, in a fixed order.
    private static void InPlace(IEnumerable<Tensor> tensors, Action<Span<byte>> change)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        List<Tensor> together = [];
        long bytes = 0;
        void Change()
        {
            ChangeTogether(together, (int)bytes, change);
            together.Clear();
            bytes = 0;
        }

        foreach (Tensor tensor in tensors)
        {
            long size = tensor.numel() * tensor.ElementSize;
            if (bytes + size > BytesTogether)
            {
                Change();
            }

            if (size <= BytesTogether)
            {
                together.Add(tensor);
                bytes += size;
                continue;
            }

            using DisposeScope large = NewDisposeScope();
            Tensor copy = tensor.detach().cpu().contiguous();                 // itself, where it is both
            TensorBytes.ForEachChunk(copy, change);
            tensor.copy_(copy);
        }

        Change();
    }

    private static void ChangeTogether(List<Tensor> tensors, int size, Action<Span<byte>> change)
    {
        using DisposeScope scope = NewDisposeScope();
        byte[] buffer = new byte[size];
        Tensor[] copies = [.. tensors.Select(tensor => tensor.detach().cpu().contiguous())];
        int start = 0;
        foreach (Tensor copy in copies)
        {
            copy.bytes.CopyTo(buffer.AsSpan(start));
            start += copy.bytes.Length;
        }

        if (size > 0)
        {
            change(buffer);
        }

        start = 0;
        foreach ((Tensor tensor, Tensor copy) in tensors.Zip(copies))
        {
            buffer.AsSpan(start, copy.bytes.Length).CopyTo(copy.bytes);
            start += copy.bytes.Length;
            tensor.copy_(copy);
        }
    }

    // The exchange follows whatever becomes of the work.
    private static T Attempt<T>(Func<T> work, Action<T, ExceptionDispatchInfo?> exchange)
    {
        T result = default!;
        ExceptionDispatchInfo? error = null;
        try
        {
            result = work();
        }
        catch (Exception e)
        {
            error = ExceptionDispatchInfo.Capture(e);
        }

        exchange(result, error);
        return result;
    }

    private byte[][] Exchange(Outcome outcome, ReadOnlySpan<byte> content, ExceptionDispatchInfo? error)
    {
        Exception? mine = error?.SourceException;
        outcome = mine is null ? outcome : mine is OperationCanceledException ? Outcome.Cancelled : Outcome.Failed;
        byte[] told = [(byte)outcome, .. mine is null ? content : JsonSerializer.SerializeToUtf8Bytes(mine.Message)];
        byte[][] all = communicator!.AllGather(told);
        Outcome worst = all.Max(from => (Outcome)from[0]);
        if (worst is Outcome.Done or Outcome.Ended)
        {
            return all;
        }

        _allFail = true;
        error?.Throw();
        int rank = Array.FindIndex(all, from => from[0] == (byte)worst);
        string message = JsonSerializer.Deserialize<string>(all[rank].AsSpan(1))!;
        throw worst == Outcome.Cancelled ? new OperationCanceledException($"Rank {rank} of {Size} was cancelled.")
            : new InvalidOperationException($"Rank {rank} of {Size} failed: {message}");
    }
}
