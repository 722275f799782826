using System.Diagnostics;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>The training loop: AdamW, warm-up and cosine, one contrastive step a batch; validation, checkpoints, resumption.</summary>
/// <remarks>It runs on the thread that calls it, to the end.</remarks>
/// <param name="replicas">The networks, one for each device; the first has the weights.</param>
/// <param name="options">The settings.</param>
/// <param name="plan">What they come to.</param>
/// <param name="state">Where the training stands.</param>
/// <param name="validation">Judges every epoch, or null.</param>
/// <param name="ranks">The processes that share every batch.</param>
/// <param name="report">Receives every step.</param>
/// <param name="warn">Receives what went wrong without stopping the training.</param>
internal sealed class Trainer(
    IReadOnlyList<NetworkReplica> replicas, TrainingOptions options, TrainingPlan plan, TrainingState state, Validation? validation,
    Ranks ranks, Action<TrainingProgress> report, Action<string> warn)
{
    private readonly NetworkReplica _networks = replicas[0];
    private readonly LossScale _lossScale = new(state.LossScale, state.SteadySteps);
    private readonly LearningRateSchedule _schedule = new(1, plan.WarmupSteps, plan.Steps);
    private Dictionary<string, Tensor>? _best;

    // A checkpoint is good once the weights in it have given a finite loss and gradient.
    private string? _written, _good;

    /// <param name="data">The batches.</param>
    /// <param name="resumeFrom">The checkpoint that the weights and the state were read from, or null.</param>
    /// <exception cref="InvalidOperationException">The loss or the gradient is not finite.</exception>
    public void Train(TrainingData data, string? resumeFrom)
    {
        ScalarType? precision = options.Precision switch
        {
            TrainingPrecision.BFloat16 => ScalarType.BFloat16,
            TrainingPrecision.Float16 => ScalarType.Float16,
            _ => null,
        };
        var step = new ContrastiveStep(replicas, options.Objective, options.MicroBatchSize, precision);
        _networks.Clip.StoredTypes.Clear();
        TrainMode();
        using var optimizer = new AdamW(
            _networks.Parameters.Where(p => p.Parameter.requires_grad)
                .Select(p => (p.Name, p.Parameter, p.IsMask ? options.Objective.Needs.MaskLearningRate!.Value : plan.LearningRate)),
                options.WeightDecay);
        int first = state.Step;
        try
        {
            if (resumeFrom is not null)
            {
                _best = ranks.Together(() => TrainingCheckpoint.Load(resumeFrom, _networks, optimizer));
                optimizer.Steps = state.OptimizerSteps;
                _written = resumeFrom;
            }

            TrainEpochs(data, step, optimizer);
            UseBest();
        }
        catch (OperationCanceledException) when (state.Step > first)
        {
            Save(optimizer);
            throw;
        }
        finally
        {
            ReleaseBest();
        }

        _networks.Clip.eval();
    }

    private void TrainEpochs(TrainingData data, ContrastiveStep step, AdamW optimizer)
    {
        var pace = new Pace(state.Step, plan.Steps);
        // The last epoch of all may have been interrupted behind its last step, while it was validated.
        for (; state.Epoch <= options.Epochs && (state.Step < plan.Steps || state.EpochBatch > 0); state.Epoch++, state.EpochBatch = 0)
        {
            TrainingProgress? last = TrainEpoch(data, step, optimizer, pace);
            if (data.Unreadable is { Count: > 0 } unreadable)
            {
                warn($"Epoch {state.Epoch}: {unreadable.Count} of {data.PairCount} images could not be read and were left out. "
                    + $"The first: {unreadable[0].Message}");
            }

            if (!ranks.IsAlone)
            {
                // Where their hardware differs, so does the last bit: they do not drift apart.
                ranks.Broadcast(_networks.Weights);
            }

            bool stop = false;
            if (validation is not null)
            {
                double score = ranks.FromFirst(() => Score(step));
                Judge(score);
                stop = state.Epoch - state.BestEpoch >= (options.Patience ?? int.MaxValue);
                if (last is not null)
                {
                    report(last with { ValidationScore = score });
                }
            }

            // Written as the next epoch's beginning; one that stops early stays at its end.
            Save(optimizer, state with { Epoch = stop ? options.Epochs + 1 : state.Epoch + 1, EpochBatch = 0 });
            if (stop)
            {
                return;
            }
        }
    }

    /// <returns>The last step, which is reported by now unless the epoch is to be validated; null where none was left.</returns>
    private TrainingProgress? TrainEpoch(TrainingData data, ContrastiveStep step, AdamW optimizer, Pace pace)
    {
        if (state.Step == plan.Steps)
        {
            return null;
        }

        TrainingProgress? last = null;
        IEnumerable<PreparedBatch> pass = data.Epoch(state.Epoch, state.EpochBatch, state.Step, options.CancellationToken);
        foreach (SharedBatch batch in ranks.Batches(data, pass))
        {
            double factor = _schedule.At(state.Step);
            // Where not two images of it can be read there is nothing to contrast: the step passes without one.
            StepResult? result = batch.Count < 2 ? null : Step(batch, step, optimizer, factor);
            (state.Step, state.EpochBatch) = (state.Step + 1, state.EpochBatch + 1);
            (double imagesPerSecond, TimeSpan remaining) = pace.After(state.Step, batch.Count);
            bool endsEpoch = state.EpochBatch == plan.StepsAnEpoch || state.Step == plan.Steps;
            if (!endsEpoch && options.CheckpointEverySteps is { } every && state.Step % every == 0)
            {
                Save(optimizer);
            }

            if (result is not null)
            {
                last = new(state.Step, plan.Steps, state.Epoch, result.Loss, result.Parts, result.Components,
                    plan.LearningRate * factor, imagesPerSecond, remaining);
                if (!(endsEpoch && validation is not null))
                {
                    report(last);
                }
            }

            if (state.Step == plan.Steps)
            {
                break;
            }
        }

        if (last is null && optimizer.Steps == 0 && data.Unreadable is [.., ImageReadException failure])
        {
            throw new ImageReadException(failure.Path, $"{failure.Reason}; no batch has two images that can be read", failure);
        }

        return last;
    }

    private StepResult Step(SharedBatch shared, ContrastiveStep step, AdamW optimizer, double factor)
    {
        using DisposeScope scope = NewDisposeScope();
        using ContrastiveBatch? batch = shared.Mine.Count > 0 ? shared.Mine.ToTensors() : null;
        optimizer.ZeroGradients();
        bool scaled = options.Precision == TrainingPrecision.Float16;
        double lossScale = scaled ? _lossScale.Value : 1;
        StepResult result = ranks.IsAlone ? step.Backward(batch!, lossScale) : step.Backward(batch, shared, ranks, lossScale);
        RequireFinite(result.Loss, "loss", factor);
        // What is not finite at a scale of 1 is not the scale's doing.
        if (!scaled || _lossScale.Unscale(optimizer.Parameters) || lossScale == 1)
        {
            double norm = ranks.FromFirst(() => GradientNorm.Of(optimizer.Parameters));
            RequireFinite(norm, "gradient's norm", factor);
            _good = _written;
            if (options.MaxGradientNorm is { } largest)
            {
                GradientNorm.Clip(optimizer.Parameters, norm, largest);
            }

            optimizer.Step(factor);
        }

        if (double.IsFinite(plan.MaxLogitScale))
        {
            using IDisposable _ = no_grad();
            Arithmetic.Bound(_networks.Clip.LogitScale, Math.Log(plan.MaxLogitScale));
        }

        return result;
    }

    private void RequireFinite(double value, string what, double factor)
    {
        if (double.IsFinite(value))
        {
            return;
        }

        string told = ranks.FromFirst(() => NotFinite(value, what, factor));
        ranks.AllCheck(() => throw new InvalidOperationException(told));
    }

    private string NotFinite(double value, string what, double factor)
    {
        string message = $"The {what} is {value} at step {state.Step + 1} of {plan.Steps} (learning rate {plan.LearningRate * factor:g3}): "
            + $"training stopped before it. A smaller {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.LearningRate)} or a longer warm-up "
            + $"usually helps. "
            + (_good is null || !File.Exists(_good)
                ? "There is no good checkpoint from before."
                : $"The last good checkpoint is '{_good}': "
                    + $"as {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Checkpoint)} it can be trained on with other settings.");
        return _written == _good ? message : $"{message} '{_written}' has the weights that gave it.";
    }

    // Batch norm learns its statistics from scratch; a checkpoint's stay as they are.
    private void TrainMode()
    {
        foreach (NetworkReplica replica in replicas)
        {
            replica.Clip.train(options.Checkpoint is null && !options.FreezeImageTower);
        }
    }

    private double Score(ContrastiveStep step)
    {
        _networks.Clip.eval();
        double score = validation!.Score(step);
        TrainMode();
        return score;
    }

    private void Judge(double score)
    {
        double gain = validation!.HigherIsBetter ? score : -score;
        // Not a number: a metric that these pairs do not have, as HiMo@3 of short captions. It is never the best.
        if (!double.IsNaN(gain) && (state.BestScore is null || gain > state.BestScore))
        {
            (state.BestScore, state.BestEpoch) = (gain, state.Epoch);
            ReleaseBest();
            using DisposeScope scope = NewDisposeScope();
            _best = ClipWeights.Tensors(_networks.Clip)
                .ToDictionary(t => t.Key, t => t.Value.detach().to(CPU, copy: true).DetachFromDisposeScope());
        }
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
    private void Save(AdamW optimizer, TrainingState? at = null)
    {
        if (options.CheckpointFolder is not { } folder || !ranks.IsFirst)
        {
            return;
        }

        try
        {
            _written = TrainingCheckpoint.Save(folder, options.CheckpointsKept,
                (at ?? state) with { OptimizerSteps = optimizer.Steps, LossScale = _lossScale.Value, SteadySteps = _lossScale.SteadySteps },
                _networks, optimizer, _best);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            warn($"The checkpoint of step {state.Step} could not be written to '{folder}': {e.Message} Training goes on; "
                + (_written is null ? "there is no checkpoint yet." : $"the last one is '{_written}'."));
        }
    }

    /// <summary>How fast the training goes since it began or was resumed.</summary>
    private sealed class Pace(int first, int steps)
    {
        private readonly Stopwatch _clock = Stopwatch.StartNew();
        private long _images;

        public (double ImagesPerSecond, TimeSpan Remaining) After(int step, int images)
        {
            _images += images;
            return (_images / _clock.Elapsed.TotalSeconds, _clock.Elapsed / (step - first) * (steps - step));
        }
    }
}
