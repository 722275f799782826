using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using HiMo.MLNet.Tests;
using HiMo.MLNet.Tests.Samples;
using Microsoft.ML;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// The web API sample on loopback, at its limit: more clients than it takes on, and others that mean no good. What it accepts
/// it must answer, and rightly; the rest it must refuse for a reason, and go on.
/// </summary>
internal static class WebBenchmark
{
    /// <summary>Two at a time and eight that wait, for 24 clients.</summary>
    private static readonly string[] s_limits = ["--concurrency", "2", "--queue", "8", "--timeout", "10", "--maxbytes", "1000000", "--maxpixels", "1000000"];

    private const int Clients = 24, Most = 10_000_000;

    private static readonly TimeSpan s_backOff = TimeSpan.FromMilliseconds(20);

    /// <returns>Whether no accepted request was lost and no file was left.</returns>
    public static async Task<bool> RunAsync(double minutes)
    {
        using var toys = new ToyImages();
        var counts = new ConcurrentDictionary<string, int>();
        using var web = new WebProgram(SaveModel(toys), s_limits);
        byte[][] images = [.. toys.Rows.Select(row => File.ReadAllBytes(row.ImagePath))];
        string[] expected = new string[images.Length];
        for (int i = 0; i < images.Length; i++)
        {
            using HttpResponseMessage alone = await web.Client.PostAsync("/classify", new ByteArrayContent(images[i]));
            expected[i] = await alone.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
        }

        using var end = new CancellationTokenSource(TimeSpan.FromMinutes(minutes));
        Console.WriteLine($"{Clients} clients and 6 that mean no good, {minutes} minutes: {string.Join(' ', s_limits)}");
        long before = Memory(web);
        IEnumerable<Task> good = Enumerable.Range(0, Clients).Select(client => RepeatAsync(end.Token, counts, n =>
            ClassifyAsync(web, images[(client + n) % images.Length], expected[(client + n) % images.Length])));
        IEnumerable<Task> bad = Attacks(web, images[0]).Select(attack => RepeatAsync(end.Token, counts, _ => attack()));
        await Task.WhenAll([.. good, .. bad, WatchAsync(end.Token, counts, web)]);
        long after = Memory(web);
        await StopAsync(counts, web, images[0]);

        string[] left = Directory.GetFileSystemEntries(web.Folder);
        foreach ((string what, int count) in counts.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"{count,9}  {what}");
        }

        Console.WriteLine($"memory {before / 1e6:f0} MB at first, {after / 1e6:f0} MB at the end; {left.Length} files left behind");
        bool none = !counts.Keys.Any(what => what.StartsWith("LOST", StringComparison.Ordinal)) && left.Length == 0;
        Console.WriteLine(none ? "no accepted request was lost" : "NOT AS PROMISED\n" + string.Join('\n', web.Log.Take(20)));
        return none;
    }

    private static string SaveModel(ToyImages toys)
    {
        var mlContext = new MLContext();
        IDataView data = mlContext.Data.LoadFromEnumerable(toys.Rows);
        using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(toys.Checkpoint(), labels: ["red", "green", "blue"]).Fit(data);
        string zip = Path.Combine(toys.Folder, "model.zip");
        mlContext.Model.Save(model, data.Schema, zip);
        return zip;
    }

    private static long Memory(WebProgram web)
    {
        web.Process.Refresh();
        return web.Process.WorkingSet64;
    }

    private static async Task RepeatAsync(CancellationToken end, ConcurrentDictionary<string, int> counts, Func<int, Task<string>> request)
    {
        for (int n = 0; n < Most && !end.IsCancellationRequested; n++)
        {
            string what;
            try
            {
                what = await request(n);
            }
            catch (Exception e)
            {
                what = $"LOST: {e.GetBaseException().Message}";
            }

            counts.AddOrUpdate(what, 1, (_, count) => count + 1);
            if (!what.StartsWith("answered", StringComparison.Ordinal))
            {
                await Task.Delay(s_backOff, CancellationToken.None);
            }
        }
    }

    private static async Task<string> ClassifyAsync(WebProgram web, byte[] image, string expected)
    {
        using HttpResponseMessage response = await web.Client.PostAsync("/classify", new ByteArrayContent(image));
        string text = await response.Content.ReadAsStringAsync();
        return response.StatusCode switch
        {
            HttpStatusCode.OK when text == expected => "answered 200",
            HttpStatusCode.OK => $"LOST: a wrong answer {text}",
            HttpStatusCode.TooManyRequests when response.Headers.RetryAfter is not null => "refused 429, to come back later",
            _ => $"LOST: {(int)response.StatusCode} {text}",
        };
    }

    private static IEnumerable<Func<Task<string>>> Attacks(WebProgram web, byte[] image)
    {
        Func<Task<string>> Posting(string what, int status, Func<HttpContent> content) => async () =>
        {
            using HttpRequestMessage request = new(HttpMethod.Post, "/classify") { Content = content(), Headers = { ExpectContinue = true } };
            using HttpResponseMessage response = await web.Client.SendAsync(request);
            return response.StatusCode == HttpStatusCode.TooManyRequests || (int)response.StatusCode == status
                ? $"{what}: {(int)response.StatusCode}"
                : $"LOST: {what}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
        };
        byte[] wide = [.. image];
        (wide[18], wide[19], wide[22], wide[23]) = (0xFF, 0xFF, 0xFF, 0xFF);  // the head of a PNG tells 65,535 a side; its check does not fit
        yield return Posting("attack, no image", 400, () => new ByteArrayContent(Encoding.ASCII.GetBytes(new string('x', 10_000))));
        yield return Posting("attack, half an image", 400, () => new ByteArrayContent(image[..(image.Length / 2)]));
        yield return Posting("attack, a head of 65,535 pixels a side", 413, () => new ByteArrayContent(wide));
        yield return Posting("attack, a body too large", 413, () => new ByteArrayContent(new byte[1_000_001]));
        yield return Posting("attack, a form without end", 400, () => Typed("--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n", "multipart/form-data; boundary=x"));
        yield return async () =>
        {
            using HeldUpload? upload = await HeldUpload.BeginAsync(web.Client.BaseAddress!, image);
            if (upload is null)
            {
                return "attack, an upload that does not end: 429";
            }

            (int status, string text) = await upload.FinishAsync(sendRest: false);
            return status == 408 ? "attack, an upload that does not end: 408" : $"LOST: {text}";
        };
    }

    private static ByteArrayContent Typed(string text, string type) =>
        new(Encoding.ASCII.GetBytes(text)) { Headers = { ContentType = System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type) } };

    // Whether it lives, all the while.
    private static async Task WatchAsync(CancellationToken end, ConcurrentDictionary<string, int> counts, WebProgram web)
    {
        var clock = Stopwatch.StartNew();
        while (!end.IsCancellationRequested)
        {
            using HttpResponseMessage health = await web.Client.GetAsync("/health/ready", CancellationToken.None);
            counts.AddOrUpdate(health.IsSuccessStatusCode ? "health 200" : $"LOST: health {(int)health.StatusCode}", 1, (_, count) => count + 1);
            if (clock.Elapsed > TimeSpan.FromMinutes(1))
            {
                clock.Restart();
                Console.WriteLine($"  {counts.GetValueOrDefault("answered 200")} answered, {Memory(web) / 1e6:f0} MB");
            }

            await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
        }
    }

    // What it has accepted when it is asked to stop, it answers.
    private static async Task StopAsync(ConcurrentDictionary<string, int> counts, WebProgram web, byte[] image)
    {
        HeldUpload?[] uploads = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => HeldUpload.BeginAsync(web.Client.BaseAddress!, image)));
        web.Stop();
        foreach (HeldUpload upload in uploads.OfType<HeldUpload>())
        {
            (int status, string text) = await upload.FinishAsync();
            counts.AddOrUpdate(status == 200 ? "answered 200 while stopping" : $"LOST while stopping: {text}", 1, (_, count) => count + 1);
            upload.Dispose();
        }

        await web.Process.WaitForExitAsync();
        counts[web.Process.ExitCode == 0 ? "stopped with exit code 0" : $"LOST: stopped with exit code {web.Process.ExitCode}"] = 1;
    }
}
