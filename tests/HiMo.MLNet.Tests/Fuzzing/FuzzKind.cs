namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>One kind of input that others may have made.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Make">A case: mostly a good input that was damaged on purpose.</param>
/// <param name="Read">Reads it to its end.</param>
/// <param name="IsRefusal">Whether an exception is one that the documentation promises for bad input.</param>
/// <param name="MostBytes">Managed memory that reading one case may allocate, all in all.</param>
internal sealed record FuzzKind(string Name, Func<Random, byte[]> Make, Action<byte[]> Read, Func<Exception, bool> IsRefusal, long MostBytes)
{
    /// <summary>Whether live tensors are counted. TorchSharp counts a tensor that becomes a parameter twice, and frees it once.</summary>
    public bool MakesParameters { get; init; }
}
