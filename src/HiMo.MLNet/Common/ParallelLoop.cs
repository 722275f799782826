using System.Runtime.ExceptionServices;

namespace HiMo.MLNet;

/// <summary>A parallel loop that fails as a plain one does: with the first error itself.</summary>
/// <remarks>
/// The calling thread takes part and waits for no helper that has not begun, so that the loop ends even where every thread of
/// the pool is blocked: <see cref="Parallel.For(int, int, Action{int})"/> would wait for them.
/// </remarks>
internal static class ParallelLoop
{
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static void For(int count, Action<int> body, CancellationToken cancellation = default)
    {
        var loop = new Loop(count, body, cancellation);
        for (int helper = 1; helper < Math.Min(count, Environment.ProcessorCount); helper++)
        {
            ThreadPool.QueueUserWorkItem(static loop => loop.Help(), loop, preferLocal: false);
        }

        loop.Finish();
    }

    private sealed class Loop(int count, Action<int> body, CancellationToken cancellation)
    {
        private readonly Lock _lock = new();
        private readonly ManualResetEventSlim _idle = new(true);
        private int _next = -1;
        private int _helpers;
        private bool _finished;
        private ExceptionDispatchInfo? _error;

        public void Help()
        {
            lock (_lock)
            {
                if (_finished)
                {
                    return;
                }

                _helpers++;
                _idle.Reset();
            }

            Work();
            lock (_lock)
            {
                if (--_helpers == 0)
                {
                    _idle.Set();
                }
            }
        }

        public void Finish()
        {
            Work();
            lock (_lock)
            {
                _finished = true;
            }

            _idle.Wait(CancellationToken.None);
            _error?.Throw();
            cancellation.ThrowIfCancellationRequested();
        }

        private void Work()
        {
            try
            {
                while (_error is null && !cancellation.IsCancellationRequested && Interlocked.Increment(ref _next) is int i && i < count)
                {
                    body(i);
                }
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(e), null);
            }
        }
    }
}
