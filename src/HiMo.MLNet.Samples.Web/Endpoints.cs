using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.FileProviders;
using Microsoft.Net.Http.Headers;

namespace HiMo.MLNet.Samples.Web;

/// <summary>What the server answers.</summary>
internal sealed class Endpoints(ClipEmbedder model, Gallery gallery, string? example, Classifier classifier, Search search, Limits limits)
{
    /// <summary>The name of the rate limit of each kind of work.</summary>
    public const string SearchLimit = "search", ClassifyLimit = "classify";

    /// <summary>The page as its three files, its own images, and nothing from anywhere else.</summary>
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'";

    public void Map(WebApplication app)
    {
        app.Use(SecureAsync);
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        var page = new EmbeddedFileProvider(typeof(Endpoints).Assembly, "Page");
        app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = page });
        app.UseStaticFiles(new StaticFileOptions
        {
            FileProvider = page,
            OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache",
        });
        app.UseRateLimiter();
        app.MapOpenApi("/openapi.json");
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks("/health/ready");
        app.MapGet("/about", About)
            .WithSummary("What the model and the server are: labels, the number of images, limits.");
        app.MapGet("/search", SearchAsync).RequireRateLimiting(SearchLimit)
            .WithSummary("The images that match a text best, and how each matches after every sentence of it.")
            .Produces<SearchAnswer>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(413).ProducesProblem(429)
            .ProducesProblem(503);
        app.MapGet("/images/{id}", Image)
            .WithSummary("An image, as its file is.")
            .Produces<Stream>(200, "image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp").ProducesProblem(404);
        app.MapPost("/classify", (Delegate)ClassifyAsync).RequireRateLimiting(ClassifyLimit)
            .WithSummary("The probabilities of labels for an image: those that the model was saved with, or others.")
            .Produces<Classification>().ProducesProblem(400).ProducesProblem(408).ProducesProblem(413).ProducesProblem(415)
            .ProducesProblem(429).ProducesProblem(503)
            .AddOpenApiOperationTransformer(ApiDocument.DescribeUpload);
    }

    private static Task SecureAsync(HttpContext context, RequestDelegate next)
    {
        // When it starts: the handler of exceptions clears what was there.
        context.Response.OnStarting(() =>
        {
            IHeaderDictionary headers = context.Response.Headers;
            headers.ContentSecurityPolicy = ContentSecurityPolicy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            return Task.CompletedTask;
        });
        return next(context);
    }

    private AboutAnswer About() =>
        new(model.Engine, gallery.Images.Count, example, classifier.Labels, limits.MaxText, limits.MaxBytes);

    private Task<IResult> SearchAsync(HttpContext context, string? text, string? image, int top = Search.Top) =>
        AnswerAsync(context, async cancellation => Results.Ok(await search.FindAsync(text, top, image, cancellation)));

    private IResult Image(HttpContext context, string id)
    {
        if (gallery.Find(id)?.File is not { } file || file.TryOpen() is not { } stream)
        {
            return Results.Problem("There is no such image.", statusCode: StatusCodes.Status404NotFound);
        }

        context.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
        return Results.Stream(stream, file.ContentType, entityTag: new EntityTagHeaderValue($"\"{id}\""));
    }

    private Task<IResult> ClassifyAsync(HttpContext context) => AnswerAsync(context, async cancellation =>
    {
        ImageBody body;
        try
        {
            body = await ImageBody.ReadAsync(context.Request, cancellation);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            throw new BadHttpRequestException($"Expected the image within {limits.Timeout} seconds.", StatusCodes.Status408RequestTimeout);
        }

        return Results.Ok(await classifier.ClassifyAsync(body.Image, body.Labels, body.Template, cancellation));
    });

    private async Task<IResult> AnswerAsync(HttpContext context, Func<CancellationToken, Task<IResult>> work)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        timeout.CancelAfter(TimeSpan.FromSeconds(limits.Timeout));
        try
        {
            return await work(timeout.Token);
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
            return Busy(context, StatusCodes.Status503ServiceUnavailable);
        }
    }

    public static IResult Busy(HttpContext context, int status)
    {
        context.Response.Headers.RetryAfter = "1";
        return Results.Problem("The server is busy: try again.", statusCode: status);
    }

    /// <summary>What the page shows before it is asked anything.</summary>
    /// <param name="Engine">What computes.</param>
    /// <param name="Images">How many there are to search.</param>
    /// <param name="Example">A text to search for; null if none is known.</param>
    /// <param name="Labels">Those that the model was saved with.</param>
    /// <param name="MaxText">Characters of a text.</param>
    /// <param name="MaxBytes">Bytes of an image to classify.</param>
    internal sealed record AboutAnswer(
        string Engine, int Images, string? Example, IReadOnlyList<string> Labels, int MaxText, int MaxBytes);
}
