namespace HiMo.MLNet.Tests.Samples;

/// <summary>A fact that needs a PostgreSQL with pgvector.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithPGliteAttribute : FactAttribute
{
    public FactWithPGliteAttribute() => Skip = PGliteServer.Missing;
}
