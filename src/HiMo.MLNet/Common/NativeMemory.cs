namespace HiMo.MLNet;

/// <summary>
/// Tells the garbage collector of native memory behind a small object, until it is freed or the object is collected: else what
/// nobody disposes of would wait for a collection that nothing prompts.
/// </summary>
internal sealed class NativeMemory : IDisposable
{
    private readonly long _bytes;

    /// <param name="bytes">At least 1.</param>
    public NativeMemory(long bytes)
    {
        GC.AddMemoryPressure(bytes);
        _bytes = bytes;
    }

    ~NativeMemory() => Free();

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_bytes > 0)
        {
            GC.RemoveMemoryPressure(_bytes);
        }
    }
}
