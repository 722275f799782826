using System.Diagnostics;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>The training loop: AdamW, warm-up and cosine, one contrastive step a batch; validation, checkpoints, resumption.</summary>
/// <param name="replicas">The networks, one for each device; the first has the weights.</param>
/// <param name="options">The settings.</param>
/// <param name="state">Where the training stands.</param>
/// <param name="validation">Judges every epoch, or null.</param>
internal sealed class Trainer(IReadOnlyList<NetworkReplica> replicas, HiMoClipOptions options, TrainingState state, Validation? validation)
{
    private readonly NetworkReplica _networks = replicas[0];
    private readonly LossScale _lossScale = new(state.LossScale, state.SteadySteps);
    private Dictionary<string, Tensor>? _best;
    private string? _lastCheckpoint;

    /// <param name="data">The batches.</param>
    /// <param name="pairCount">The pairs of one pass.</param>
    /// <param name="resumeFrom">The checkpoint that the weights and the state were read from, or null.</param>
    /// <param name="report">Receives every step.</param>
    /// <param name="warn">Receives what went wrong without stopping the training.</param>
    /// <exception cref="InvalidOperationException">There are too few pairs, or the loss is not finite.</exception>
    public async Task TrainAsync(TrainingData data, long pairCount, string? resumeFrom, Action<TrainingProgress> report, Action<string> warn)
    {
        if (pairCount < 2)
        {
            throw new InvalidOperationException($"Training contrasts pictures with each other: it needs at least 2 rows with a picture and a caption; the data has {pairCount}.");
        }

        int stepsAnEpoch = (int)((pairCount / options.BatchSize) + (!options.DropLastBatch && pairCount % options.BatchSize > 1 ? 1 : 0));
        if (stepsAnEpoch == 0)
        {
            throw new InvalidOperationException(
                $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.DropLastBatch)} leaves nothing to train on: the data has {pairCount} rows, a batch is {options.BatchSize}.");
        }

        int steps = Math.Min(options.Epochs * stepsAnEpoch, options.MaxSteps ?? int.MaxValue);
        bool fromScratch = options.Checkpoint is null;
        double rate = options.LearningRate ?? (fromScratch ? 1e-3 : 1e-6);
        var schedule = new LearningRateSchedule(1, Math.Min(options.WarmupSteps, steps / 10), steps);
        ScalarType? precision = options.Precision switch { TrainingPrecision.BFloat16 => ScalarType.BFloat16, TrainingPrecision.Float16 => ScalarType.Float16, _ => null };
        var step = new ContrastiveStep(replicas, options.Objective, options.MicroBatchSize, precision);

        _networks.Clip.StoredTypes.Clear();
        TrainMode();
        using var optimizer = new AdamW(
            _networks.Parameters.Where(p => p.Parameter.requires_grad).Select(p => (p.Name, p.Parameter, p.IsMask ? options.Objective.MaskLearningRate : rate)), options.WeightDecay);
        if (resumeFrom is not null)
        {
            _best = TrainingCheckpoint.Load(resumeFrom, _networks, optimizer);
            optimizer.Steps = state.OptimizerSteps;
            _lastCheckpoint = resumeFrom;
        }

        var clock = Stopwatch.StartNew();
        long images = 0;
        int first = state.Step;
        TrainingProgress? last = null;
        try
        {
            for (; state.Epoch <= options.Epochs && state.Step < steps; state.Epoch++, state.EpochBatch = 0)
            {
                await foreach (ContrastiveBatch batch in data.Epoch(state.Epoch, state.EpochBatch, state.Step, options.CancellationToken))
                {
                    using (batch)
                    using (NewDisposeScope())
                    {
                        double factor = schedule.At(state.Step);
                        optimizer.ZeroGradients();
                        bool scaled = options.Precision == TrainingPrecision.Float16;
                        StepResult result = step.Backward(batch, scaled ? _lossScale.Value : 1);
                        if (!double.IsFinite(result.Loss))
                        {
                            throw new InvalidOperationException(
                                $"The loss is {result.Loss} at step {state.Step + 1} of {steps} (learning rate {rate * factor:g3}): training stopped. "
                                + $"A smaller {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.LearningRate)} or a longer warm-up usually helps. "
                                + (_lastCheckpoint is null ? "There is no checkpoint before this step." : $"The last good checkpoint is '{_lastCheckpoint}'."));
                        }

                        if (!scaled || _lossScale.Unscale(optimizer.Parameters))
                        {
                            if (options.MaxGradientNorm is { } norm)
                            {
                                optimizer.ClipGradients(norm);
                            }

                            optimizer.Step(factor);
                        }
                        using (no_grad())
                        {
                            Arithmetic.Bound(_networks.Clip.LogitScale, Math.Log(options.MaxLogitScale));
                        }

                        (state.Step, state.EpochBatch) = (state.Step + 1, state.EpochBatch + 1);
                        images += batch.Count;
                        TimeSpan remaining = clock.Elapsed / (state.Step - first) * (steps - state.Step);
                        last = new(state.Step, steps, state.Epoch, result.Loss, result.Parts, result.Components, rate * factor, images / clock.Elapsed.TotalSeconds, remaining);
                        bool endsEpoch = state.EpochBatch == stepsAnEpoch || state.Step == steps;
                        if (!endsEpoch && options.CheckpointEverySteps is { } every && state.Step % every == 0)
                        {
                            Save(optimizer, warn);
                        }

                        if (!(endsEpoch && validation is not null))
                        {
                            report(last);
                        }

                        if (state.Step == steps)
                        {
                            break;
                        }
                    }
                }
                if (data.Unreadable is { Count: > 0 } unreadable)
                {
                    warn($"Epoch {state.Epoch}: {unreadable.Count} of {pairCount} pictures could not be read and were left out. The first: {unreadable[0].Message}");
                }

                bool stop = false;
                if (validation is not null)
                {
                    double score = await ValidateAsync(step);
                    stop = state.Epoch - state.BestEpoch >= (options.Patience ?? int.MaxValue);
                    if (last is not null)
                    {
                        report(last with { ValidationScore = score });
                    }
                }
                // Written as the next epoch's beginning; one that stops early stays at its end.
                Save(optimizer, warn, state with { Epoch = stop ? options.Epochs + 1 : state.Epoch + 1, EpochBatch = 0 });
                if (stop)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException) when (state.Step > first)
        {
            Save(optimizer, warn);
            throw;
        }
        UseBest();
        _networks.Clip.eval();
    }

    // Batch norm learns its statistics from scratch; a checkpoint's stay as they are.
    private void TrainMode()
    {
        foreach (NetworkReplica replica in replicas)
        {
            replica.Clip.train(options.Checkpoint is null && !options.FreezeImageTower);
        }
    }

    private async Task<double> ValidateAsync(ContrastiveStep step)
    {
        _networks.Clip.eval();
        double score = await validation!.ScoreAsync(step, options.CancellationToken);
        TrainMode();
        double gain = validation.HigherIsBetter ? score : -score;
        // Not a number: a metric that these pairs do not have, as HiMo@3 of short captions. It is never the best.
        if (!double.IsNaN(gain) && (state.BestScore is null || gain > state.BestScore))
        {
            (state.BestScore, state.BestEpoch) = (gain, state.Epoch);
            ReleaseBest();
            using (NewDisposeScope())
            {
                _best = ClipWeights.Tensors(_networks.Clip).ToDictionary(t => t.Key, t => t.Value.detach().to(CPU, copy: true).DetachFromDisposeScope());
            }
        }
        return score;
    }

    private void UseBest()
    {
        if (_best is null)
        {
            return;
        }

        using (no_grad())
        {
            foreach ((string name, Tensor tensor) in ClipWeights.Tensors(_networks.Clip))
            {
                tensor.copy_(_best[name]);
            }
        }

        ReleaseBest();
    }

    private void ReleaseBest()
    {
        foreach (Tensor tensor in _best?.Values ?? Enumerable.Empty<Tensor>())
        {
            tensor.Dispose();
        }

        _best = null;
    }

    // A disk that fills up costs the checkpoint, not the training.
    private void Save(AdamW optimizer, Action<string> warn, TrainingState? at = null)
    {
        if (options.CheckpointFolder is not { } folder)
        {
            return;
        }

        try
        {
            _lastCheckpoint = TrainingCheckpoint.Save(folder, options.CheckpointsKept,
                (at ?? state) with { OptimizerSteps = optimizer.Steps, LossScale = _lossScale.Value, SteadySteps = _lossScale.SteadySteps }, _networks, optimizer, _best);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"The checkpoint of step {state.Step} could not be written to '{folder}': {e.Message} Training goes on; "
                + (_lastCheckpoint is null ? "there is no checkpoint yet." : $"the last one is '{_lastCheckpoint}'."));
        }
    }
}
