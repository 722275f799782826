using System.Runtime.ExceptionServices;

namespace HiMo.MLNet;

/// <summary>A parallel loop that fails as a plain one does: with the first error itself.</summary>
internal static class ParallelLoop
{
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static void For(int count, Action<int> body, CancellationToken cancellation = default)
    {
        try
        {
            Parallel.For(0, count, new ParallelOptions { CancellationToken = cancellation }, body);
        }
        catch (AggregateException e) when (e.InnerException is not null)
        {
            ExceptionDispatchInfo.Throw(e.InnerException);
        }
    }
}
