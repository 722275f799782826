using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>Checkpoints from a server: hashes, interruptions, what is not there.</summary>
public sealed class DownloadCommandTests : IDisposable
{
    private const string Repository = "/someone/a-model";

    private readonly string _folder = Directory.CreateTempSubdirectory("himo-download").FullName;
    private readonly HttpListener _server = new();
    private readonly Dictionary<string, byte[]> _files = [];
    private readonly ConcurrentQueue<string> _ranges = [];
    private readonly byte[] _weights = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 31 / 7))];

    /// <summary>Bytes after which the next answers break off.</summary>
    private readonly ConcurrentQueue<int> _breaks = [];
    private bool _tellsHashes = true;

    public DownloadCommandTests()
    {
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            Endpoint = $"http://localhost:{((IPEndPoint)free.LocalEndpoint).Port}";
        }

        _server.Prefixes.Add(Endpoint + "/");
        _server.Start();
        _ = Task.Run(ServeAsync);
    }

    private string Endpoint { get; }

    private string At(string name) => Path.Combine(_folder, name);

    private static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public void Dispose()
    {
        _server.Close();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ServeAsync()
    {
        while (_server.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _server.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            Answer(context.Request, context.Response);
        }
    }

    // As the hub does: a large file is elsewhere, and the answer that leads there tells its hash.
    private void Answer(HttpListenerRequest request, HttpListenerResponse response)
    {
        string path = request.Url!.AbsolutePath;
        if (path.StartsWith(Repository + "/resolve/main/", StringComparison.Ordinal) && path.EndsWith(".pt", StringComparison.Ordinal)
            && _files.TryGetValue(path, out byte[]? large))
        {
            if (_tellsHashes)
            {
                response.Headers["X-Linked-Etag"] = $"\"{Sha256(large)}\"";
            }

            response.Redirect("/elsewhere" + path);
            response.Close();
            return;
        }

        if (!_files.TryGetValue(path.Replace("/elsewhere", ""), out byte[]? content))
        {
            response.StatusCode = 404;
            response.Close();
            return;
        }

        if (path.EndsWith(".json", StringComparison.Ordinal))
        {
            response.Headers["ETag"] = $"\"{Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]))}\"";
        }

        int from = request.Headers["Range"] is { } range ? int.Parse(range["bytes=".Length..^1]) : 0;
        response.StatusCode = from > 0 ? 206 : 200;
        response.ContentLength64 = content.Length - from;
        if (request.HttpMethod == "HEAD")
        {
            response.Close();
            return;
        }

        if (path.EndsWith(".pt", StringComparison.Ordinal))
        {
            _ranges.Enqueue(request.Headers["Range"] ?? "");
        }

        bool breaks = _breaks.TryDequeue(out int length);
        response.OutputStream.Write(content, from, breaks ? length : content.Length - from);
        if (breaks)
        {
            response.OutputStream.Flush();
            response.Abort();
        }
        else
        {
            response.Close();
        }
    }

    private ProgramResult Download(params string[] arguments) =>
        HimoProgram.Run(["download", .. arguments, "--endpoint", Endpoint, "--output", _folder]);

    [Fact]
    public void A_file_that_breaks_off_is_gone_on_with()
    {
        _files[Repository + "/resolve/main/a.pt"] = _weights;
        _breaks.Enqueue(100_000);

        ProgramResult result = Download("someone/a-model/a.pt");

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains($"SHA-256 {Sha256(_weights)}", result.Output, StringComparison.Ordinal);
        Assert.Equal(_weights, File.ReadAllBytes(At("a.pt")));
        Assert.Equal(["", "bytes=100000-"], _ranges);
        Assert.Equal([At("a.pt")], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Another_run_goes_on_where_the_first_one_stopped()
    {
        _files[Repository + "/resolve/main/a.pt"] = _weights;
        File.WriteAllBytes(At($"a.pt.{Sha256(_weights)[..8]}.partial"), _weights[..200_000]);

        Assert.Equal(0, Download("someone/a-model/a.pt").ExitCode);

        Assert.Equal(["bytes=200000-"], _ranges);
        Assert.Equal(_weights, File.ReadAllBytes(At("a.pt")));
        Assert.Contains("was there", Download("someone/a-model/a.pt").Output, StringComparison.Ordinal);
        Assert.Single(_ranges);
    }

    [Fact]
    public void A_file_of_another_hash_is_not_put_in_place()
    {
        // The hash of OpenAI's checkpoint is known, and this is not it.
        _files["/clip/models/afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762/RN50.pt"] = _weights;
        File.WriteAllText(At("RN50.pt"), "older");

        ProgramResult result = Download("RN50");

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("expected a file of SHA-256 afeb0e10", result.Errors, StringComparison.Ordinal);
        Assert.Contains($"found one of SHA-256 {Sha256(_weights)}", result.Errors, StringComparison.Ordinal);
        Assert.Equal("older", File.ReadAllText(At("RN50.pt")));
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void What_is_not_there_is_named()
    {
        ProgramResult result = Download("someone/a-model/b.pt");

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Equal($"himo: '{Endpoint}{Repository}/resolve/main/b.pt': expected a file, found 404 Not Found.", result.Errors.Trim());
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_file_without_a_hash_to_check_it_by_is_not_fetched()
    {
        _files[Repository + "/resolve/main/a.pt"] = _weights;
        _tellsHashes = false;

        ProgramResult result = Download("someone/a-model/a.pt");

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("expected a hash in the server's answer", result.Errors, StringComparison.Ordinal);
        Assert.Empty(_ranges);
    }

    [Fact]
    public void A_repository_gives_its_weights_once_and_what_describes_them()
    {
        _files["/api/models" + Repository] = Encoding.UTF8.GetBytes("""
            {"siblings": [{"rfilename": "README.md"}, {"rfilename": "config.json"}, {"rfilename": "weights.pt"}, {"rfilename": "pytorch_model.bin"},
                          {"rfilename": "onnx/model.onnx"}, {"rfilename": "../out.json"}, {"rfilename": "..\\out.json"}]}
            """);
        _files[Repository + "/resolve/main/config.json"] = "{}"u8.ToArray();
        _files[Repository + "/resolve/main/weights.pt"] = _weights;

        ProgramResult result = Download("someone/a-model", "--json");

        Assert.Equal(["config.json", "weights.pt"], result.Json.EnumerateArray().Select(file => Path.GetFileName(file.GetProperty("file").GetString())));
        Assert.Equal([At("config.json"), At("weights.pt")], Directory.GetFiles(_folder).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("no-such-name")]
    [InlineData("someone/../x")]
    public void A_name_that_is_none_is_a_usage_error(string name)
    {
        ProgramResult result = Download(name);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains($"found '{name}'", result.Errors, StringComparison.Ordinal);
    }
}
