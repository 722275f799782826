using System.Runtime.ExceptionServices;

namespace HiMo.MLNet;

/// <summary>A thread for one piece of work.</summary>
/// <remarks>
/// Work that holds much native memory stays on one thread, since the allocator keeps an arena for each. A new thread also has
/// torch's own modes (gradients on, no inference mode) and no dispose scope, whatever the caller's has.
/// </remarks>
internal sealed class OwnThread
{
    private readonly Thread _thread;
    private ExceptionDispatchInfo? _error;

    /// <summary>Starts the work.</summary>
    public OwnThread(string name, Action work)
    {
        _thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception e)
            {
                _error = ExceptionDispatchInfo.Capture(e);
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        _thread.Start();
    }

    /// <summary>Does the work while the caller waits; throws what it throws.</summary>
    public static T Run<T>(string name, Func<T> work)
    {
        T? result = default;
        var thread = new OwnThread(name, () => result = work());
        thread.Wait();
        thread.ThrowError();
        return result!;
    }

    /// <summary>Waits for the end of the work, however it ends.</summary>
    public void Wait() => _thread.Join();

    /// <summary>Throws what the work threw; nothing before its end.</summary>
    public void ThrowError() => _error?.Throw();
}
