using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>A batch's loss, its terms by name, and the components that HiDe kept.</summary>
internal sealed record StepResult(double Loss, IReadOnlyDictionary<string, double> Parts, int Components);

/// <summary>
/// The gradient of the objective of one batch. Where the batch exceeds a micro-batch, or several devices share it, this is
/// gradient caching (Gao et al. 2021): embed everything without a graph, differentiate the objective with respect to the
/// N × d embeddings, then run every micro-batch again with a graph and continue from its slice of that gradient. The sum is
/// the full batch's gradient.
/// </summary>
/// <param name="replicas">The networks. The first has the weights and receives the gradients; the others copy its weights,
/// embed their share of the batch at the same time, and hand their gradients over.</param>
/// <param name="objective">What to minimise.</param>
/// <param name="microBatchSize">The pairs that pass through the networks of a device at a time; null for its whole share.</param>
/// <param name="precision">The type of the heavy products; null for float32.</param>
internal sealed class ContrastiveStep(
    IReadOnlyList<NetworkReplica> replicas, ContrastiveObjective objective, int? microBatchSize, ScalarType? precision = null)
{
    private readonly NetworkReplica _first = replicas[0];
    private readonly bool _trainsImages = replicas[0].Parameters.Any(p => IsImageTower(p.Name) && p.Parameter.requires_grad);
    private readonly bool _trainsTexts = replicas[0].Parameters
        .Any(p => !IsImageTower(p.Name) && p.Name != "logit_scale" && p.Parameter.requires_grad);

    public static bool IsImageTower(string parameter) => parameter.StartsWith("visual.", StringComparison.Ordinal);

    /// <summary>Adds the gradients of the batch, times the scale, to those of the first replica's parameters.</summary>
    public StepResult Backward(ContrastiveBatch batch, double lossScale = 1)
    {
        using DisposeScope scope = NewDisposeScope();
        if (FitsAtOnce(batch))
        {
            ObjectiveValue value = Compute(EncodeImages(_first, batch, 0, batch.Count), EncodeTexts(_first, batch, 0, batch.Count), batch);
            value.Total.Times(lossScale).backward();
            return Read(value);
        }

        return WithCache(batch, (v, texts) => Differentiate(v, texts, batch, lossScale));
    }

    /// <summary>As the other, of a batch that ranks share: the gradients are those of the whole batch, on every rank.</summary>
    /// <param name="mine">This rank's pairs; null where it has none.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="ranks">Those that share it; all call this.</param>
    /// <param name="lossScale">The factor on the loss.</param>
    public StepResult Backward(ContrastiveBatch? mine, SharedBatch batch, Ranks ranks, double lossScale = 1)
    {
        using DisposeScope scope = NewDisposeScope();
        var shared = new SharedObjective(ranks, batch, (v, texts, all) => Differentiate(v, texts, all, lossScale));
        StepResult result = mine is not null ? WithCache(mine, shared.Differentiate) : WithoutPairs(batch.Rows[0].Tokens.Length, shared);
        // What is not of the towers, s, has its gradient on rank 0 alone, and so counts once.
        using IDisposable _ = no_grad();
        ranks.Sum(_first.Parameters.Where(p => p.Parameter.requires_grad).Select(p => p.Parameter.grad ??= zeros_like(p.Parameter)));
        return result;
    }

    // A batch smaller than the ranks leaves some of them idle.
    private StepResult WithoutPairs(int captions, SharedObjective shared)
    {
        Tensor Nothing() => zeros(0, _first.Clip.Architecture.EmbeddingDimension, ScalarType.Float32, _first.Device);
        return shared.Differentiate(Nothing(), [.. Enumerable.Range(0, captions + (_first.Masks is null ? 0 : 1)).Select(_ => Nothing())])
            .Result;
    }

    private bool FitsAtOnce(ContrastiveBatch batch) => replicas.Count == 1 && (microBatchSize ?? batch.Count) >= batch.Count;

    // The objective's gradients with respect to embeddings; s receives its own.
    private OutputGradients Differentiate(Tensor v, Tensor[] texts, ContrastiveBatch batch, double lossScale)
    {
        v.requires_grad_(_trainsImages);
        foreach (Tensor text in texts)
        {
            text.requires_grad_(_trainsTexts);
        }

        ObjectiveValue whole = Compute(v, texts, batch);
        if (whole.Total.requires_grad)
        {
            whole.Total.Times(lossScale).backward();
        }

        return new(Read(whole), v.grad, [.. texts.Select(text => text.grad)]);
    }

    private StepResult WithCache(ContrastiveBatch batch, Func<Tensor, Tensor[], OutputGradients> differentiate)
    {
        if (FitsAtOnce(batch))
        {
            // Of a share that passes at once the graph is kept, in the place of a second pass.
            Tensor images = EncodeImages(_first, batch, 0, batch.Count);
            Tensor[] outputs = EncodeTexts(_first, batch, 0, batch.Count);
            OutputGradients kept = differentiate(images.detach(), [.. outputs.Select(output => output.detach())]);
            Continue([images], [kept.Images]);
            Continue(outputs, kept.Texts);
            return kept.Result;
        }

        CopyWeights();

        // This pass must not move batch norm's running statistics: the one with a graph does.
        (Tensor, Tensor)[] statistics = Statistics();
        (Tensor v, Tensor[] texts) = Embed(batch);
        Restore(statistics);
        OutputGradients gradients = differentiate(v, texts);
        InParallel(batch.Count, (replica, start, length) =>
        {
            foreach ((int from, int count) in Slices(start, length, microBatchSize ?? length))
            {
                using DisposeScope slice = NewDisposeScope();
                Tensor? Slice(Tensor? gradient) => gradient?.narrow(0, from, count).to(replica.Device);
                if (_trainsImages)
                {
                    Continue([EncodeImages(replica, batch, from, count)], [Slice(gradients.Images)]);
                }

                if (_trainsTexts)
                {
                    Continue(EncodeTexts(replica, batch, from, count), [.. gradients.Texts.Select(Slice)]);
                }
            }
        });
        AddGradients();
        return gradients.Result;
    }

    // One pass back for all that was read of a tower: Σ ⟨output, its gradient⟩ has exactly that gradient.
    private static void Continue(IReadOnlyList<Tensor> outputs, IReadOnlyList<Tensor?> gradients)
    {
        (Tensor Output, Tensor Gradient)[] used = [.. outputs.Zip(gradients).Where(p => p.First.requires_grad && p.Second is not null)
            .Select(p => (p.First, p.Second!))];
        if (used.Length == 1)
        {
            used[0].Output.backward([used[0].Gradient]);
        }
        else if (used.Length > 1)
        {
            used.Select(p => (p.Output * p.Gradient).sum()).Aggregate((a, b) => a.Plus(b)).backward();
        }
    }

    /// <summary>The objective of a batch, without gradients, on the first device: batch norm's statistics are its alone.</summary>
    public StepResult Evaluate(ContrastiveBatch batch)
    {
        if (replicas.Count > 1)
        {
            return new ContrastiveStep([_first], objective, microBatchSize ?? Math.Max(1, batch.Count / replicas.Count),
                precision).Evaluate(batch);
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        (Tensor v, Tensor[] texts) = Embed(batch);
        return Read(Compute(v, texts, batch));
    }

    private (Tensor Buffer, Tensor Before)[] Statistics() =>
        _first.Clip.training ? [.. _first.Clip.buffers().Select(buffer => (buffer, buffer.clone()))] : [];

    private static void Restore((Tensor Buffer, Tensor Before)[] statistics)
    {
        using IDisposable _ = no_grad();
        foreach ((Tensor buffer, Tensor before) in statistics)
        {
            buffer.copy_(before);
        }
    }

    // Everything embedded without a graph, on the first device.
    private (Tensor V, Tensor[] Texts) Embed(ContrastiveBatch batch)
    {
        var embedded = new SortedList<int, (Tensor Images, Tensor[] Texts)>();
        InParallel(batch.Count, (replica, start, length) =>
        {
            using IDisposable _ = no_grad();
            foreach ((int from, int count) in Slices(start, length, microBatchSize ?? length))
            {
                using DisposeScope slice = NewDisposeScope();
                Tensor Keep(Tensor t) => t.to(_first.Device).DetachFromDisposeScope();   // into the caller's scope, on the caller's thread
                (Tensor, Tensor[]) part = (Keep(EncodeImages(replica, batch, from, count)),
                    [.. EncodeTexts(replica, batch, from, count).Select(Keep)]);
                lock (embedded)
                {
                    embedded.Add(from, part);
                }
            }
        });
        (Tensor Images, Tensor[] Texts)[] parts = [.. embedded.Values];
        try
        {
            using IDisposable _ = no_grad();
            return (Join([.. parts.Select(p => p.Images)]),
                [.. Enumerable.Range(0, parts[0].Texts.Length).Select(i => Join([.. parts.Select(p => p.Texts[i])]))]);
        }
        finally
        {
            foreach (Tensor tensor in parts.SelectMany(p => p.Texts.Append(p.Images)))
            {
                tensor.Dispose();
            }
        }
    }

    // Of one tensor, TorchSharp 0.105's cat gives that tensor itself, not a new one.
    private static Tensor Join(Tensor[] parts) => parts.Length == 1 ? parts[0].alias() : cat(parts, 0);

    private ObjectiveValue Compute(Tensor v, IReadOnlyList<Tensor> texts, ContrastiveBatch batch) =>
        objective.Compute(v, texts, _first.Clip.LogitScale, batch with
        {
            Captions = [.. batch.Captions.Select(t => t.to(_first.Device))],
            ImageIds = batch.ImageIds.to(_first.Device),
        });

    private Tensor EncodeImages(NetworkReplica replica, ContrastiveBatch batch, int start, int count)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = MixedPrecision.Use(precision);
        return replica.Clip.EncodeImage(ImageTensor.Normalize(batch.Images.narrow(0, start, count).to(replica.Device)))
            .MoveToOuterDisposeScope();
    }

    private Tensor[] EncodeTexts(NetworkReplica replica, ContrastiveBatch batch, int start, int count)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = MixedPrecision.Use(precision);
        Tensor[] tokens = [.. batch.Tokens.Select(t => t.narrow(0, start, count).to(replica.Device))];
        Tensor[] texts = replica.Masks is not { } masks ? [.. tokens.Select(replica.Clip.EncodeText)]
            : EncodeWithMasks(replica.Clip, masks, tokens);
        return [.. texts.Select(t => t.MoveToOuterDisposeScope())];
    }

    // The masks, which are of the first caption, come last.
    private static Tensor[] EncodeWithMasks(ClipModel clip, MaskNetwork masks, Tensor[] tokens)
    {
        (Tensor embedding, Tensor sequence, Tensor end) = clip.EncodeTextSequence(tokens[0]);
        return [embedding, .. tokens.Skip(1).Select(clip.EncodeText), masks.Mask(sequence, end)];
    }

    private void CopyWeights()
    {
        if (replicas.Count == 1)
        {
            return;
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        foreach (NetworkReplica replica in replicas.Skip(1))
        {
            foreach ((Parameter from, Parameter to) in Shared(replica))
            {
                to.copy_(from);
            }
        }
    }

    // In the order of the replicas, so that the sum is the same every time.
    private void AddGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        foreach (NetworkReplica replica in replicas.Skip(1))
        {
            foreach ((Parameter sum, Parameter part) in Shared(replica))
            {
                if (part.grad is { } gradient)
                {
                    Tensor moved = gradient.to(_first.Device, copy: true);
                    if (sum.grad is { } total)
                    {
                        Arithmetic.Add(total, moved);
                    }
                    else
                    {
                        sum.grad = moved;
                    }

                    gradient.zero_();
                }
            }
        }
    }

    private IEnumerable<(Parameter First, Parameter Other)> Shared(NetworkReplica replica) =>
        _first.Parameters.Zip(replica.Parameters, (first, other) => (first.Parameter, other.Parameter));

    // Every replica its contiguous share; a batch smaller than the replicas leaves some of them idle.
    private void InParallel(int count, Action<NetworkReplica, int, int> work)
    {
        if (replicas.Count == 1)
        {
            work(_first, 0, count);
            return;
        }
        int share = (count + replicas.Count - 1) / replicas.Count;
        OwnThread[] threads = [.. replicas.Select((replica, i) => (Replica: replica, Start: i * share)).Skip(1).Where(r => r.Start < count)
            .Select(r => new OwnThread($"HiMo-CLIP {r.Replica.Device}", () => work(r.Replica, r.Start, Math.Min(share, count - r.Start))))];
        try
        {
            work(_first, 0, Math.Min(share, count));
        }
        finally
        {
            Array.ForEach(threads, thread => thread.Wait());
        }

        Array.ForEach(threads, thread => thread.ThrowError());
    }

    private static StepResult Read(ObjectiveValue value) =>
        new(value.Total.item<float>(), value.Parts.ToDictionary(p => p.Name, p => (double)p.Value.item<float>()), value.Components);

    private static IEnumerable<(int Start, int Length)> Slices(int start, int count, int size)
    {
        for (int done = 0; done < count; done += size)
        {
            yield return (start + done, Math.Min(size, count - done));
        }
    }
}
