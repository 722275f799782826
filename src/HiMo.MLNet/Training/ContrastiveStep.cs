using HiMo.MLNet.Images;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>
/// The gradient of the objective of one batch. Where the batch exceeds a micro-batch this is gradient caching (Gao et al.
/// 2021): embed everything without a graph, differentiate the objective with respect to the N × d embeddings, then run
/// every micro-batch again with a graph and continue from its slice of that gradient. The sum is the full batch's gradient.
/// </summary>
internal sealed class ContrastiveStep(ClipModel model, HiMoObjective objective, int? microBatchSize)
{
    /// <summary>Adds the gradients of the batch to the parameters'. The images and tokens are on the model's device.</summary>
    /// <returns>The loss and its parts.</returns>
    public (double Loss, double Global, double Component, int Components) Backward(Tensor images, Tensor tokens)
    {
        using var scope = NewDisposeScope();
        long n = images.shape[0], micro = Math.Min(microBatchSize ?? n, n);
        if (micro == n)
        {
            ObjectiveValue value = objective.Compute(EncodeImages(images), model.EncodeText(tokens), model.LogitScale, tokens);
            value.Total.backward();
            return Read(value);
        }

        Tensor v, u;                                                          // (N, d)
        using (no_grad())
        {
            v = cat(Slices(n, micro).Select(s => EncodeImages(images.narrow(0, s.Start, s.Length))).ToArray(), 0);
            u = cat(Slices(n, micro).Select(s => model.EncodeText(tokens.narrow(0, s.Start, s.Length))).ToArray(), 0);
        }
        v.requires_grad_();
        u.requires_grad_();
        ObjectiveValue whole = objective.Compute(v, u, model.LogitScale, tokens);
        whole.Total.backward();
        foreach ((long start, long length) in Slices(n, micro))
        {
            using var slice = NewDisposeScope();
            EncodeImages(images.narrow(0, start, length)).backward([v.grad!.narrow(0, start, length)]);
            model.EncodeText(tokens.narrow(0, start, length)).backward([u.grad!.narrow(0, start, length)]);
        }
        return Read(whole);
    }

    private Tensor EncodeImages(Tensor bytes)
    {
        using var scope = NewDisposeScope();
        return model.EncodeImage(ImageTensor.Normalize(bytes)).MoveToOuterDisposeScope();
    }

    private static (double, double, double, int) Read(ObjectiveValue value) =>
        (value.Total.item<float>(), value.Global.item<float>(), value.Component.item<float>(), value.ComponentCount);

    private static IEnumerable<(long Start, long Length)> Slices(long count, long size)
    {
        for (long start = 0; start < count; start += size)
            yield return (start, Math.Min(size, count - start));
    }
}
