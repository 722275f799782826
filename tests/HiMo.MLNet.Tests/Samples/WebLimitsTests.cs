using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using HiMo.MLNet.Tests.Images;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The web API sample with clients that mean no good, and with more of them than it serves.</summary>
public sealed class WebLimitsTests : IDisposable
{
    private readonly ToyImages _images = new();
    private WebProgram? _web;

    public void Dispose()
    {
        _web?.Dispose();
        _images.Dispose();
    }

    // Limits that only what a test does can reach, however slow the machine is.
    private WebProgram Web(params string[] limits)
    {
        string[] wide = ["--concurrency", "1", "--timeout", "600", "--minrate", "1", .. limits];
        return _web ??= new(WebProgramTests.SaveModel(_images), wide);
    }

    private byte[] Image => File.ReadAllBytes(_images.Rows[0].ImagePath);

    private static byte[] Noise(int side)
    {
        var random = new Random(1);
        byte[][] rows = [.. Enumerable.Range(0, side).Select(_ => new byte[3 * side])];
        Array.ForEach(rows, random.NextBytes);
        return PngFile.Create(side, 8, 2, rows);
    }

    private static async Task Refused(HttpResponseMessage response, HttpStatusCode status, string detail)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Contains(detail, JsonDocument.Parse(text).RootElement.TryGetProperty("detail", out JsonElement found) ? found.GetString() : "", StringComparison.Ordinal);
        Assert.DoesNotContain(Path.GetTempPath(), text, StringComparison.Ordinal);
        Assert.DoesNotContain(".cs", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_wrong_with_a_request_is_told_without_a_path()
    {
        HttpClient client = Web("--maxbytes", "100000", "--maxpixels", "4096").Client;
        async Task Refuses(byte[] body, string? type, HttpStatusCode status, string detail)
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
            using HttpRequestMessage request = new(HttpMethod.Post, "/classify") { Content = content, Headers = { ExpectContinue = true } };
            await Refused(await client.SendAsync(request), status, detail);
        }

        await Refuses(Image, "text/plain", HttpStatusCode.UnsupportedMediaType, "image/*");
        await Refuses(Image, "application/json", HttpStatusCode.UnsupportedMediaType, "multipart/form-data");
        await Refuses(Image, "multipart/form-data", HttpStatusCode.BadRequest, "boundary");
        await Refuses(Encoding.ASCII.GetBytes("--x\r\nno end"), "multipart/form-data; boundary=x", HttpStatusCode.BadRequest, "malformed");
        await Refuses(Encoding.ASCII.GetBytes("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n"), "multipart/form-data; boundary=x", HttpStatusCode.BadRequest, "no file");
        await Refuses(Image[..^40], "image/png", HttpStatusCode.BadRequest, "could not be read");
        await Refuses(Noise(65), null, HttpStatusCode.RequestEntityTooLarge, "at most 4,096 pixels");
        await Refuses(new byte[100_001], "image/png", HttpStatusCode.RequestEntityTooLarge, "100000");
        await Refused(await client.GetAsync("/no/such"), HttpStatusCode.NotFound, "");
        await Refused(await client.GetAsync("/classify"), HttpStatusCode.MethodNotAllowed, "");
        using HttpResponseMessage still = await client.PostAsync("/classify", new ByteArrayContent(Image));
        Assert.Equal(HttpStatusCode.OK, still.StatusCode);
    }

    [Fact]
    public async Task More_than_it_takes_on_is_told_to_come_back_and_what_it_took_on_is_answered()
    {
        WebProgram web = Web("--queue", "1");
        using HeldUpload? first = await HeldUpload.BeginAsync(web.Client.BaseAddress!, Image), second = await HeldUpload.BeginAsync(web.Client.BaseAddress!, Image);

        using HttpResponseMessage third = await web.Client.PostAsync("/classify", new ByteArrayContent(Image)), health = await web.Client.GetAsync("/health/ready");

        await Refused(third, HttpStatusCode.TooManyRequests, "busy");
        Assert.Equal(TimeSpan.FromSeconds(1), third.Headers.RetryAfter?.Delta);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        Assert.Equal(200, (await first!.FinishAsync()).Status);
        Assert.Equal(200, (await second!.FinishAsync()).Status);
        using HttpResponseMessage fourth = await web.Client.PostAsync("/classify", new ByteArrayContent(Image));
        Assert.Equal(HttpStatusCode.OK, fourth.StatusCode);
    }

    [Fact]
    public async Task An_upload_that_does_not_end_is_cut_off()
    {
        WebProgram web = Web("--timeout", "1");
        using HeldUpload? upload = await HeldUpload.BeginAsync(web.Client.BaseAddress!, Image);

        (int status, string text) = await upload!.FinishAsync(sendRest: false);

        Assert.Equal(408, status);
        Assert.Contains("within 1 seconds", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upload_slower_than_the_least_rate_is_cut_off()
    {
        WebProgram web = Web("--minrate", "1000000000");                     // so that a machine of any speed is slower
        using HeldUpload? upload = await HeldUpload.BeginAsync(web.Client.BaseAddress!, Image);

        (int status, string text) = await upload!.FinishAsync(sendRest: false);

        Assert.Equal(408, status);
        Assert.Contains("too slowly", text, StringComparison.Ordinal);
        Assert.Equal("Healthy", await web.Client.GetStringAsync("/health/ready"));
    }

    [Fact]
    public async Task A_body_of_untold_length_is_read_no_further_than_the_limit()
    {
        WebProgram web = Web("--maxbytes", "100000");
        using HeldUpload? within = await HeldUpload.BeginAsync(web.Client.BaseAddress!, Image, chunked: true),
            beyond = await HeldUpload.BeginAsync(web.Client.BaseAddress!, new byte[100_002], chunked: true);

        (int status, string text) = await beyond!.FinishAsync(sendRest: false);

        Assert.Equal(413, status);
        Assert.Contains("100000", text, StringComparison.Ordinal);
        Assert.Equal(200, (await within!.FinishAsync()).Status);
    }

    [Fact]
    public async Task No_file_is_written()
    {
        WebProgram web = Web();
        var written = new ConcurrentQueue<string?>();
        using var watcher = new FileSystemWatcher(web.Folder) { IncludeSubdirectories = true };
        var sentinel = new TaskCompletionSource();
        watcher.Created += (_, created) =>
        {
            written.Enqueue(created.Name);
            if (created.Name == "sentinel")
            {
                sentinel.TrySetResult();
            }
        };
        watcher.EnableRaisingEvents = true;

        byte[] large = Noise(256);                                            // beyond what a form's file has in memory by default
        using var form = new MultipartFormDataContent { { new ByteArrayContent(large), "image", "toy.png" } };
        using HttpResponseMessage asForm = await web.Client.PostAsync("/classify", form), asBody = await web.Client.PostAsync("/classify", new ByteArrayContent(large)),
            broken = await web.Client.PostAsync("/classify", new ByteArrayContent(large[..^1000]));

        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.BadRequest], new[] { asForm, asBody, broken }.Select(response => response.StatusCode));
        File.WriteAllText(Path.Combine(web.Folder, "sentinel"), "");         // told after all that came before it
        await sentinel.Task;
        Assert.Equal(["sentinel"], written);
    }

    [Fact]
    public async Task Tells_that_it_lives_and_is_ready()
    {
        HttpClient client = Web().Client;

        Assert.Equal("Healthy", await client.GetStringAsync("/health/live"));
        Assert.Equal("Healthy", await client.GetStringAsync("/health/ready"));
    }

    [Fact]
    public async Task What_it_took_on_is_answered_before_it_stops()
    {
        if (OperatingSystem.IsWindows())
        {
            return;                                                           // there are no signals to send
        }

        WebProgram web = Web();
        using HeldUpload? upload = await HeldUpload.BeginAsync(web.Client.BaseAddress!, Image);
        web.Stop();
        await RefusesConnections(web.Client.BaseAddress!);

        (int status, string text) = await upload!.FinishAsync();

        Assert.Equal(200, status);
        Assert.Contains("\"label\"", text, StringComparison.Ordinal);
        await web.Process.WaitForExitAsync();
        Assert.Equal(0, web.Process.ExitCode);
    }

    private static async Task RefusesConnections(Uri server)
    {
        while (true)
        {
            using var connection = new TcpClient();
            try
            {
                await connection.ConnectAsync(server.Host, server.Port);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    [Theory]
    [InlineData("no-such.zip", "", 1, "no-such.zip")]
    [InlineData("", "--images no-such-folder", 1, "--images: expected a folder, found no 'no-such-folder'")]
    [InlineData("", "--queue none", 2, "--queue: expected a number of at least 1, found 'none'")]
    public void What_it_cannot_start_with_is_one_line(string model, string arguments, int exitCode, string expected)
    {
        using System.Diagnostics.Process web = BuiltProgram.Start("src/HiMo.MLNet.Samples.Web", "himo-web.dll", _images.Folder,
            ["--model", model.Length > 0 ? model : WebProgramTests.SaveModel(_images), "--urls", "http://127.0.0.1:0", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        var result = ProgramResult.Of(web);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(expected, Assert.Single(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_model_it_says_where_one_comes_from()
    {
        using System.Diagnostics.Process web = BuiltProgram.Start("src/HiMo.MLNet.Samples.Web", "himo-web.dll", _images.Folder);

        var result = ProgramResult.Of(web);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("run './himo demo' first", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Takes_the_model_of_the_demo_where_the_user_stands()
    {
        Directory.CreateDirectory(Path.Combine(_images.Folder, "himo-demo"));
        File.WriteAllText(Path.Combine(_images.Folder, "himo-demo", "emoji-model.zip"), "no model");
        using System.Diagnostics.Process web = BuiltProgram.Start("src/HiMo.MLNet.Samples.Web", "himo-web.dll", _images.Folder);

        var result = ProgramResult.Of(web);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("emoji-model.zip", Assert.Single(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public void Images_that_cannot_be_read_are_told_one_by_one()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_images.Folder, "broken")).FullName;
        File.WriteAllText(Path.Combine(folder, "first.png"), "no image");
        File.WriteAllText(Path.Combine(folder, "second.jpg"), "");
        using System.Diagnostics.Process web = BuiltProgram.Start("src/HiMo.MLNet.Samples.Web", "himo-web.dll", _images.Folder,
            "--model", WebProgramTests.SaveModel(_images), "--images", folder);

        var result = ProgramResult.Of(web);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("first.png' could not be read: it is not an image of a known format", result.Errors, StringComparison.Ordinal);
        Assert.Contains("second.jpg' could not be read: it is empty", result.Errors, StringComparison.Ordinal);
        Assert.Contains("himo-web: Expected images to search, found none that can be read.", result.Errors, StringComparison.Ordinal);
    }
}
