using System.Text.Json.Serialization;
using HiMo.MLNet;
using HiMo.MLNet.Samples.Web;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.RateLimiting;

const string demo = "himo-demo/emoji-model.zip";
const string usage = """
    usage: himo web [--model MODEL] [--images FOLDER] [--example TEXT] [--urls http://localhost:5000]
           [--concurrency COUNT] [--queue COUNT] [--timeout SECONDS] [--minrate BYTES] [--maxbytes BYTES] [--maxpixels COUNT]
           [--maxtext CHARACTERS]
    A page that searches images by sentences and classifies images. The model is a checkpoint or an ML.NET zip; without one
    it is that of './himo demo', himo-demo/emoji-model.zip where you stand. The demo's model searches the sample drawings.
    The page offers the example as a description to try.
    """;

if (args.Any(argument => argument is "--help" or "-h" or "-?"))
{
    Console.WriteLine(usage);
    return 0;
}

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
if ((builder.Configuration["model"] ?? (File.Exists(demo) ? demo : null)) is not { } path)
{
    Console.Error.WriteLine($"himo-web: expected --model MODEL, or {demo} where you stand: run './himo demo' first.\n" + usage);
    return 2;
}

Limits limits;
ClipEmbedder? model = null;
Gallery gallery;
string? example = builder.Configuration["example"];
try
{
    limits = new Limits(builder.Configuration);
    ClipLimits.Current = ClipLimits.Current with { ImagePixels = limits.MaxPixels };
    model = ClipEmbedder.Load(path, warning: Console.Error.WriteLine);
    IReadOnlyList<ImageFile> images = [];
    if (builder.Configuration["images"] is { } folder)
    {
        images = ImageFolder.Read(folder);
    }
    else if (Path.GetFileName(path) == Path.GetFileName(demo))
    {
        (images, string description) = ImageFolder.Drawings();
        example ??= description;
    }

    gallery = images.Count > 0 ? Gallery.Embed(model, images, Console.Error.WriteLine) : Gallery.Empty;
}
catch (Exception e)
{
    model?.Dispose();
    while (e is System.Reflection.TargetInvocationException && e.InnerException is { } inner)
    {
        e = inner;
    }

    Console.Error.WriteLine("himo-web: " + e.Message.ReplaceLineEndings("\n").Split('\n')[0]);
    return e is ArgumentException ? 2 : 1;
}

using ClipEmbedder loaded = model;
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.WebHost.ConfigureKestrel(server =>
{
    server.AddServerHeader = false;
    server.Limits.MaxConcurrentConnections = 1_000;
    server.Limits.MaxRequestLineSize = 1_000 + 9 * Math.Min(limits.MaxText, 1 << 20);          // what a character becomes in an address
    server.Limits.MaxRequestBufferSize = Math.Max(1 << 20, server.Limits.MaxRequestLineSize);
    server.Limits.MaxRequestBodySize = limits.MaxBytes;
    // Clients that dawdle.
    server.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
    server.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(60);
    server.Limits.MinRequestBodyDataRate = new Microsoft.AspNetCore.Server.Kestrel.Core.MinDataRate(limits.MinRate,
        gracePeriod: TimeSpan.FromSeconds(5));
});
builder.Services.Configure<FormOptions>(form =>
{
    form.MemoryBufferThreshold = int.MaxValue;                                // never a temporary file: the body's size is bounded
    form.MultipartBodyLengthLimit = limits.MaxBytes;
    form.ValueCountLimit = 16;
});
// What was accepted is answered before the process ends.
builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(limits.Timeout + 5));
builder.Services.AddProblemDetails();
builder.Services.AddHealthChecks();
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict);
builder.Services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
{
    document.Info = new() { Title = "HiMo.MLNet", Version = "1", Description = "Search images by sentences, and classify them." };
    return Task.CompletedTask;
}));
builder.Services.AddRateLimiter(limiter =>
{
    // Uploading and waiting count; images take turns behind this, so that a slow upload keeps none from being classified.
    foreach (string kind in (string[])[Endpoints.SearchLimit, Endpoints.ClassifyLimit])
    {
        limiter.AddConcurrencyLimiter(kind,
            requests => (requests.PermitLimit, requests.QueueLimit) = (limits.Concurrency + limits.Queue, 0));
    }

    limiter.OnRejected = async (rejected, _) =>
        await Endpoints.Busy(rejected.HttpContext, StatusCodes.Status429TooManyRequests).ExecuteAsync(rejected.HttpContext);
});

using Turns turns = new(limits.Concurrency);
using Classifier classifier = new(model, turns, limits);
using Search search = new(model, gallery, turns, limits);
WebApplication app = builder.Build();
new Endpoints(model, gallery, example, classifier, search, limits).Map(app);
app.Lifetime.ApplicationStarted.Register(() =>
    Console.WriteLine($"Open {string.Join(" or ", app.Urls)} in a browser. Ctrl+C ends it."));
await app.RunAsync();
return 0;
