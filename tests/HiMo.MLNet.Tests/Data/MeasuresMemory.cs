namespace HiMo.MLNet.Tests;

/// <summary>Tests that look at the memory of the whole process run when no others do.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MeasuresMemory
{
    public const string Name = "Measures memory";
}
