namespace HiMo.MLNet.Embedding;

/// <summary>Lets work begin, in the order of arrival, while what is in progress takes no more than so many bytes together.</summary>
/// <param name="capacity">The bytes. Work that needs more by itself is done alone.</param>
internal sealed class ByteGate(long capacity)
{
    private readonly object _lock = new();
    private long _arrived, _begun;

    /// <summary>The bytes in use.</summary>
    public long Used { get; private set; }

    /// <summary>The most bytes that were in use at a time.</summary>
    public long Peak { get; private set; }

    /// <summary>Waits for its turn. <see cref="Leave"/> gives the bytes back.</summary>
    public void Enter(long bytes)
    {
        lock (_lock)
        {
            long turn = _arrived++;
            while (turn != _begun || (Used > 0 && Used + bytes > capacity))
            {
                Monitor.Wait(_lock);
            }

            _begun++;
            Used += bytes;
            Peak = Math.Max(Peak, Used);
            Monitor.PulseAll(_lock);
        }
    }

    public void Leave(long bytes)
    {
        lock (_lock)
        {
            Used -= bytes;
            Monitor.PulseAll(_lock);
        }
    }
}
