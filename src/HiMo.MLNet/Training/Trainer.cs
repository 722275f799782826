using System.Diagnostics;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>The training loop of HiMo-CLIP: AdamW, warm-up and cosine, one contrastive step a batch.</summary>
internal sealed class Trainer(ClipModel model, Device device, HiMoClipOptions options)
{
    /// <summary>ln 100, CLIP's bound on the logit scale.</summary>
    private const double MaxLogitScale = 4.605170185988092;

    /// <param name="data">The batches.</param>
    /// <param name="pairCount">The pairs of one pass.</param>
    /// <param name="report">Receives every step.</param>
    /// <exception cref="InvalidOperationException">There are fewer than two pairs, or the loss is not finite.</exception>
    public async Task TrainAsync(TrainingData data, long pairCount, Action<TrainingProgress> report)
    {
        if (pairCount < 2)
            throw new InvalidOperationException($"Training contrasts pictures with each other: it needs at least 2 rows with a picture and a caption; the data has {pairCount}.");
        int stepsAnEpoch = (int)((pairCount / options.BatchSize) + (pairCount % options.BatchSize > 1 ? 1 : 0));
        int steps = options.Epochs * stepsAnEpoch;
        bool fromScratch = options.Checkpoint is null;
        var schedule = new LearningRateSchedule(
            options.LearningRate ?? (fromScratch ? 1e-3 : 1e-6), Math.Min(options.WarmupSteps, steps / 10), steps);
        var objective = new HiMoObjective(options.VarianceRatio, options.ComponentWeight, options.LabelSmoothing, options.GradientPaths);
        var step = new ContrastiveStep(model, objective, options.MicroBatchSize);

        model.StoredTypes.Clear();
        // Batch norm learns its statistics from scratch; a checkpoint's stay as they are.
        model.train(fromScratch);
        using AdamW optimizer = optim.AdamW(model.parameters(), lr: schedule.At(0), weight_decay: options.WeightDecay);
        var clock = Stopwatch.StartNew();
        long images = 0;
        int done = 0;
        for (int epoch = 1; epoch <= options.Epochs; epoch++)
        {
            await foreach (TrainingBatch batch in data.Epoch(epoch, options.CancellationToken))
            {
                using (batch)
                using (NewDisposeScope())
                {
                    double rate = schedule.At(done);
                    foreach (ParamGroup group in optimizer.ParamGroups)
                        group.LearningRate = rate;
                    optimizer.zero_grad();
                    var (loss, global, component, components) = step.Backward(batch.Images.to(device), batch.Tokens.to(device));
                    done++;
                    if (!double.IsFinite(loss))
                        throw new InvalidOperationException(
                            $"The loss is {loss} at step {done} of {steps} (learning rate {rate:g3}): training stopped. A smaller {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.LearningRate)} or a longer warm-up usually helps.");
                    optimizer.step();
                    using (no_grad())
                        model.LogitScale.clamp_(max: MaxLogitScale);
                    images += batch.Count;
                    report(new(done, steps, epoch, loss, global, component, components, rate, images / clock.Elapsed.TotalSeconds));
                }
            }
        }
        model.eval();
    }
}
