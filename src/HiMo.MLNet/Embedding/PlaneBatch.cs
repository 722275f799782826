namespace HiMo.MLNet.Embedding;

/// <summary>The planes of a batch of images, made while the network computes the batch before. Not by the thread pool, whose threads may
/// all be waiting for this.</summary>
internal sealed class PlaneBatch : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly byte[] _planes;
    private readonly OwnThread _thread;
    private ImageReadException?[] _errors = [];

    /// <summary>Begins.</summary>
    /// <param name="reader">Makes the planes, of few images at a time.</param>
    /// <param name="count">Images.</param>
    /// <param name="read">Reads the image of an index; called from several threads.</param>
    public PlaneBatch(PlaneReader reader, int count, Action<int, Memory<byte>> read)
    {
        _planes = new byte[count * reader.Length];
        _thread = new OwnThread("HiMo-CLIP images", () => _errors =
            PlaneReader.TryEach(count, i => read(i, _planes.AsMemory(i * reader.Length, reader.Length)), _stop.Token));
    }

    /// <summary>Waits for all planes.</summary>
    /// <returns>Those of each image, one after the other, and why images could not be read.</returns>
    public (byte[] Planes, ImageReadException?[] Errors) Wait()
    {
        _thread.Wait();
        _thread.ThrowError();
        return (_planes, _errors);
    }

    /// <summary>Begins no further image, and waits for those that are being read.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _thread.Wait();
        _stop.Dispose();
    }
}
