using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>
/// The rows of a table that a gradient has reached so far. Of the others AdamW's averages are zero, and its decay alone moves them: of
/// CLIP's 49,408 token embeddings most are never in a caption.
/// </summary>
/// <param name="average">AdamW's average of the gradient, (rows, columns).</param>
/// <param name="square">And of its square.</param>
internal sealed class ReachedRows(Tensor average, Tensor square) : IDisposable
{
    private Tensor? _reached;
    private bool _areMost;

    /// <param name="gradient">Of this step, (rows, columns).</param>
    /// <returns>Their numbers, int64; null where they are more than half: then the whole is done sooner.</returns>
    public Tensor? With(Tensor gradient)
    {
        if (_areMost)
        {
            return null;
        }

        using DisposeScope scope = NewDisposeScope();
        // A training that goes on has averages from before.
        _reached ??= HasValues(average).logical_or(HasValues(square)).DetachFromDisposeScope();
        _reached.logical_or_(HasValues(gradient));
        Tensor rows = _reached.nonzero().flatten();
        _areMost = 2 * rows.shape[0] > gradient.shape[0];
        return _areMost ? null : rows.MoveToOuterDisposeScope();
    }

    private static Tensor HasValues(Tensor rows) => rows.amax([1]).logical_or(rows.amin([1]));

    public void Dispose() => _reached?.Dispose();
}
