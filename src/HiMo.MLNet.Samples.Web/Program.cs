using HiMo.MLNet;
using HiMo.MLNet.Samples.Web;

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
if (builder.Configuration["model"] is not { } path)
{
    Console.Error.WriteLine("usage: himo-web --model MODEL.zip [--urls http://localhost:5000]\nThe model is one that was saved with labels, such as the emoji-model.zip of './himo demo'.");
    return 2;
}
using var classifier = new Classifier(path);
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
builder.WebHost.ConfigureKestrel(server => server.Limits.MaxRequestBodySize = Classifier.LargestPicture);

WebApplication app = builder.Build();
app.MapGet("/", () => $"POST a picture to /classify, as the body or as a form's file:\ncurl --data-binary @tom.jpg HOST/classify\ncurl -F picture=@tom.jpg HOST/classify\nLabels: {string.Join(", ", classifier.Labels)}\n");
app.MapPost("/classify", async (HttpRequest request, CancellationToken cancellation) =>
{
    // By its declared type alone, as curl --data-binary declares, every body would be a form.
    if (request.ContentType?.StartsWith("multipart/form-data", StringComparison.OrdinalIgnoreCase) != true)
    {
        return await Classify(request.Body);
    }

    if ((await request.ReadFormAsync(cancellation)).Files is not [var file, ..])
    {
        return Results.Problem("Expected a form with a picture, found no file in it.", statusCode: StatusCodes.Status400BadRequest);
    }

    await using Stream picture = file.OpenReadStream();
    return await Classify(picture);

    async Task<IResult> Classify(Stream picture)
    {
        try
        {
            return Results.Ok(await classifier.ClassifyAsync(picture, cancellation));
        }
        catch (ImageReadException e)
        {
            return Results.Problem($"The picture could not be read: {e.Reason}.", statusCode: StatusCodes.Status400BadRequest);
        }
    }
});
await app.RunAsync();
return 0;
