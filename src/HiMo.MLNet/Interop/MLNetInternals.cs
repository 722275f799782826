using System.IO.Compression;
using System.Reflection;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace HiMo.MLNet.Interop;

/// <summary>
/// The only code that reaches internal members of ML.NET: the environment behind a catalog, schema shapes, and what a
/// transformer needs to save itself into a model zip and to load itself from one.
/// </summary>
/// <exception cref="NotSupportedException">From any member: this version of ML.NET lacks the internal member that the message
/// names.</exception>
internal static class MLNetInternals
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly Assembly s_core = typeof(IHostEnvironment).Assembly;

    /// <summary>The environment of <c>mlContext.Transforms</c> and its sister catalogs.</summary>
    public static IHostEnvironment Environment(object catalog)
    {
        Type type = catalog.GetType().GetInterface("IInternalCatalog") ?? throw Missing("IInternalCatalog");
        return (IHostEnvironment)Property(type, "Environment").GetValue(catalog)!;
    }

    /// <summary><c>MLContext(seed)</c>, null if none was given.</summary>
    public static int? Seed(IHostEnvironment environment) => (int?)Setting(environment, "Seed");

    /// <summary><c>MLContext.GpuDeviceId</c> and <c>MLContext.FallbackToCpu</c>.</summary>
    public static DeviceChoice Device(IHostEnvironment environment) =>
        new((int?)Setting(environment, "GpuDeviceId"), (bool)Setting(environment, "FallbackToCpu")!);

    private static object? Setting(IHostEnvironment environment, string name) =>
        Property(CoreType("Microsoft.ML.Runtime.IHostEnvironmentInternal"), name).GetValue(environment);

    /// <summary>The shape of a schema, as estimators promise it to the next one.</summary>
    public static SchemaShape Shape(DataViewSchema schema) => (SchemaShape)Call(typeof(SchemaShape), "Create", null, schema)!;

    /// <summary>Writes the header of a transformer into a model zip.</summary>
    public static void SetVersion(
        ModelSaveContext context, string signature, uint written, uint readableBy, uint canRead, string loader, string assembly) =>
        Call(typeof(ModelSaveContext), "SetVersionInfo", context, Version(signature, written, readableBy, canRead, loader, assembly));

    /// <summary>Checks the header of a transformer in a model zip.</summary>
    /// <exception cref="FormatException">The model was written by a newer version that this one cannot read.</exception>
    public static void CheckVersion(
        object context, string signature, uint written, uint readableBy, uint canRead, string loader, string assembly) =>
        Call(context.GetType(), "CheckAtModel", context, Version(signature, written, readableBy, canRead, loader, assembly));

    /// <summary>What a transformer keeps in its folder of a model zip, to be written. Entries are stored as they are: numbers hardly
    /// shrink, and ML.NET's own way, a temporary file that is then deflated, takes ten times as long.</summary>
    public static ModelEntriesWriter Writer(ModelSaveContext context) => new((name, write) =>
    {
        object repository = Field(context, "Repository") ?? throw Missing("ModelSaveContext.Repository");
        Call(repository.GetType(), "Flush", repository);                      // entries that are done but not in the zip yet
        var zip = (ZipArchive)Field(repository, "_archive")!;
        using Stream entry = zip.CreateEntry(EntryName(context, name), CompressionLevel.NoCompression).Open();
        write(entry);
    });

    /// <summary>What a transformer keeps in its folder of a model zip, read from the zip itself and not by way of temporary
    /// files.</summary>
    public static ModelEntries Entries(object context) => new("the model zip", (name, read) =>
    {
        object repository = Field(context, "Repository") ?? throw Missing("ModelLoadContext.Repository");
        var entries = (Dictionary<string, ZipArchiveEntry>)Field(repository, "_entries")!;
        string path = EntryName(context, name);
        // Zips that Windows wrote have backslashes.
        if ((entries.GetValueOrDefault(path) ?? entries.GetValueOrDefault(path.Replace('/', '\\'))) is not { } entry)
        {
            return false;
        }

        using Stream stream = entry.Open();
        read(stream, entry.Length);
        return true;
    });

    private static string EntryName(object context, string name) => Path.Combine((string?)Field(context, "Directory") ?? "", name);

    private static object? Field(object target, string name) =>
        (target.GetType().GetField(name, Any) ?? throw Missing($"{target.GetType().Name}.{name}")).GetValue(target);

    private static object Version(string signature, uint written, uint readableBy, uint canRead, string loader, string assembly)
    {
        ConstructorInfo constructor = CoreType("Microsoft.ML.VersionInfo").GetConstructors(Any)
            .FirstOrDefault(c => c.GetParameters().Length == 7) ?? throw Missing("VersionInfo's constructor");
        return constructor.Invoke([signature, written, readableBy, canRead, assembly, loader, null]);
    }

    private static object? Call(Type type, string name, object? target, params object?[] arguments)
    {
        MethodInfo method = type.GetMethod(name, Any, [.. arguments.Select(a => a!.GetType())]) ?? throw Missing($"{type.Name}.{name}");
        try
        {
            return method.Invoke(target, arguments);
        }
        catch (TargetInvocationException e) when (e.InnerException is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException);
            throw;
        }
    }

    private static PropertyInfo Property(Type type, string name) => type.GetProperty(name, Any) ?? throw Missing($"{type.Name}.{name}");

    private static Type CoreType(string name) => s_core.GetType(name) ?? throw Missing(name);

    private static NotSupportedException Missing(string member) => new(
        $"This version of Microsoft.ML ({s_core.GetName().Version}) has no internal member {member}, which HiMo.MLNet "
        + $"needs. HiMo.MLNet is built for Microsoft.ML 5.x.");
}
