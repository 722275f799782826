using HiMo.MLNet.Samples.Web;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.RateLimiting;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
if (builder.Configuration["model"] is not { } path)
{
    Console.Error.WriteLine(
        "usage: himo-web --model MODEL.zip [--urls http://localhost:5000] [--concurrency COUNT] [--queue COUNT] [--timeout SECONDS] "
        + "[--minrate BYTES] [--maxbytes BYTES] [--maxpixels COUNT]\n"
        + "The model is one that was saved with labels, such as the emoji-model.zip of './himo demo'.");
    return 2;
}

Limits limits;
Classifier loaded;
try
{
    limits = new Limits(builder.Configuration);
    loaded = new Classifier(path, limits);
}
catch (Exception e)
{
    while (e is System.Reflection.TargetInvocationException && e.InnerException is { } inner)
    {
        e = inner;
    }

    Console.Error.WriteLine("himo-web: " + e.Message.ReplaceLineEndings("\n").Split('\n')[0]);
    return e is ArgumentException ? 2 : 1;
}

using Classifier classifier = loaded;
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.WebHost.ConfigureKestrel(server =>
{
    server.AddServerHeader = false;
    server.Limits.MaxConcurrentConnections = 1_000;
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
builder.Services.AddRateLimiter(limiter =>
{
    // Uploading and waiting count; images take turns behind this, so that a slow upload keeps none from being classified.
    limiter.AddConcurrencyLimiter("classify",
        classify => (classify.PermitLimit, classify.QueueLimit) = (limits.Concurrency + limits.Queue, 0));
    limiter.OnRejected = async (rejected, _) =>
        await Busy(rejected.HttpContext, StatusCodes.Status429TooManyRequests).ExecuteAsync(rejected.HttpContext);
});

WebApplication app = builder.Build();
app.UseExceptionHandler();
app.UseStatusCodePages();
app.UseRateLimiter();
app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false });
app.MapHealthChecks("/health/ready");
app.MapGet("/",
    () => $"POST an image to /classify, as the body or as a form's file:\ncurl --data-binary @tom.jpg HOST/classify\ncurl -F "
    + $"image=@tom.jpg HOST/classify\nLabels: {string.Join(", ", classifier.Labels)}\n");
app.MapPost("/classify", async (HttpContext context) =>
{
    using var timeout = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
    timeout.CancelAfter(TimeSpan.FromSeconds(limits.Timeout));
    byte[]? image = null;
    try
    {
        image = await ImageBody.ReadAsync(context.Request, timeout.Token);
        return Results.Ok(await classifier.ClassifyAsync(image, timeout.Token));
    }
    catch (BadHttpRequestException e)
    {
        return Results.Problem(e.Message, statusCode: e.StatusCode);
    }
    catch (Exception e) when (e is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
    {
        return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);  // nobody reads it
    }
    catch (OperationCanceledException)
    {
        return image is null
            ? Results.Problem($"Expected the image within {limits.Timeout} seconds.", statusCode: StatusCodes.Status408RequestTimeout)
            : Busy(context, StatusCodes.Status503ServiceUnavailable);
    }
}).RequireRateLimiting("classify");
await app.RunAsync();
return 0;

static IResult Busy(HttpContext context, int status)
{
    context.Response.Headers.RetryAfter = "1";
    return Results.Problem("The server is busy: try again.", statusCode: status);
}
