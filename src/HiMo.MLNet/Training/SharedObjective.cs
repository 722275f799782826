using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>
/// The objective of a batch that ranks share: rank 0 differentiates it with respect to the embeddings of all, so that every rank goes on
/// with the same gradient, whatever its hardware.
/// </summary>
/// <param name="ranks">The ranks.</param>
/// <param name="batch">The batch.</param>
/// <param name="differentiate">The objective's loss and gradients.</param>
internal sealed class SharedObjective(
    Ranks ranks, SharedBatch batch, Func<Tensor, Tensor[], ContrastiveBatch, OutputGradients> differentiate)
{
    /// <param name="v">(n, d), the image embeddings of this rank.</param>
    /// <param name="texts">(n, d) each, those of its captions, and the masks.</param>
    public OutputGradients Differentiate(Tensor v, Tensor[] texts)
    {
        Tensor all = ranks.Gather(stack([v, .. texts], 0));                   // (outputs, N, d)
        OutputGradients? whole = ranks.IsFirst ? OfAll(all.to(v.device)) : null;
        Told told = ranks.FromFirst(() => new Told(whole!.Result, [.. whole.All.Select(gradient => gradient is not null)]));
        Tensor?[] gradients = [.. told.Exist.Select((exists, i) => !exists ? null
            : whole is null ? empty(all.shape[1..], ScalarType.Float32) : whole.All[i]!.cpu().contiguous())];
        ranks.Broadcast(gradients.OfType<Tensor>());
        Tensor mine = tensor(batch.PositionsOf(ranks.Rank));
        gradients = [.. gradients.Select(gradient => gradient?.index_select(0, mine).to(v.device))];
        return new(told.Result, gradients[0], gradients[1..]);
    }

    // What rank 0 tells, and which gradients it has.
    private sealed record Told(StepResult Result, bool[] Exist);

    private OutputGradients OfAll(Tensor all)
    {
        using Tensor order = tensor(batch.Order, device: all.device);
        Tensor[] outputs = all.index_select(1, order).unbind(0);
        using ContrastiveBatch tensors = batch.ToTensors();
        return differentiate(outputs[0].contiguous(), [.. outputs.Skip(1).Select(output => output.contiguous())], tensors);
    }
}
