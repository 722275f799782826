using System.Net;
using System.Net.Http.Headers;

namespace HiMo.MLNet.Cli;

/// <summary>A file that was fetched, or was there.</summary>
/// <param name="File">Its path.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its hash.</param>
/// <param name="WasThere">It had the hash before.</param>
internal sealed record DownloadedFile(string File, long Bytes, string Sha256, bool WasThere);

/// <summary>Fetches files by HTTP: goes on where it was interrupted, and puts a file in place when its hash is right.</summary>
internal sealed class Downloader : IDisposable
{
    private const int Tries = 5, MaxRedirections = 10;

    /// <summary>How long a server may send nothing.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    // A hub tells the hash where it leads to the file: the answers on the way are looked at.
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false })
    {
        Timeout = Timeout.InfiniteTimeSpan,
        DefaultRequestHeaders = { UserAgent = { new ProductInfoHeaderValue("himo", null) } },
    };

    public void Dispose() => _client.Dispose();

    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    /// <exception cref="IOException">It has no such text.</exception>
    public async Task<string> ReadAsync(string address, CancellationToken cancellation)
    {
        (HttpResponseMessage response, _) = await SendAsync(HttpMethod.Get, address, 0, cancellation);
        using (response)
        {
            return await response.Content.ReadAsStringAsync(cancellation);
        }
    }

    /// <summary>Fetches a file.</summary>
    /// <param name="address">Where from.</param>
    /// <param name="path">Where to. An older file stays until the new one is whole and right.</param>
    /// <param name="sha256">Its hash; null for the one that the server tells.</param>
    /// <param name="report">Receives how many MB are there, of how many.</param>
    /// <param name="cancellation">What has come stays, and is gone on with the next time.</param>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    /// <exception cref="IOException">It has no such file or tells no hash, or stops again and again.</exception>
    /// <exception cref="InvalidDataException">The file has another hash; it is not put in place.</exception>
    public async Task<DownloadedFile> FetchAsync(
        string address, string path, string? sha256, ProgressDisplay.Report report, CancellationToken cancellation)
    {
        FileHash expected = sha256 is not null ? new(sha256) : await ToldAsync(address, cancellation);
        if (File.Exists(path) && await expected.FitsAsync(path, cancellation))
        {
            return new(path, new FileInfo(path).Length, await FileHash.Sha256Async(path, cancellation), WasThere: true);
        }

        // By its hash: what came of another version is no beginning of this one.
        string partial = $"{path}.{expected.Value[..8]}.partial";
        using (FileStream file = new(partial, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None))
        {
            file.Seek(0, SeekOrigin.End);
            await FillAsync(address, file, report, cancellation);
            file.Flush(flushToDisk: true);
        }

        string found = await FileHash.Sha256Async(partial, cancellation);
        if (!await expected.FitsAsync(partial, cancellation))
        {
            File.Delete(partial);
            throw new InvalidDataException(
                $"'{address}': expected a file of {expected}, found one of SHA-256 {found}; it was thrown away.");
        }

        File.Move(partial, path, overwrite: true);
        return new(path, new FileInfo(path).Length, found, WasThere: false);
    }

    private async Task<FileHash> ToldAsync(string address, CancellationToken cancellation)
    {
        (HttpResponseMessage response, FileHash? told) = await SendAsync(HttpMethod.Head, address, 0, cancellation);
        response.Dispose();
        return told ?? throw new IOException($"'{address}': expected a hash in the server's answer, to check the file by, found none.");
    }

    private async Task FillAsync(string address, FileStream file, ProgressDisplay.Report report, CancellationToken cancellation)
    {
        for (int attempt = 1; ; attempt++)
        {
            long before = file.Length;
            try
            {
                await FillOnceAsync(address, file, report, cancellation);
                return;
            }
            catch (Exception e) when (e is HttpRequestException or TimeoutException)
            {
                // Tries count where nothing came: a bad line gets through in the end.
                attempt = file.Length > before ? 1 : attempt;
                if (attempt >= Tries)
                {
                    throw new IOException(
                        $"'{address}' stopped after {file.Length:n0} bytes, which stay for the next time: {e.Message}", e);
                }

                await Task.Delay(TimeSpan.FromSeconds(attempt == 1 ? 0 : Math.Pow(2, attempt - 1)), cancellation);
            }
        }
    }

    private async Task FillOnceAsync(string address, FileStream file, ProgressDisplay.Report report, CancellationToken cancellation)
    {
        (HttpResponseMessage response, _) = await SendAsync(HttpMethod.Get, address, file.Length, cancellation);
        using (response)
        {
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                return;                                                       // all is there, or too much: the hash tells
            }

            if (response.StatusCode != HttpStatusCode.PartialContent)
            {
                file.SetLength(0);
            }

            double total = (file.Length + response.Content.Headers.ContentLength ?? 0) / 1e6;
            using Stream content = await response.Content.ReadAsStreamAsync(cancellation);
            byte[] buffer = new byte[1 << 17];
            for (int read; (read = await ReadAsync(content, buffer, cancellation)) > 0;)
            {
                file.Write(buffer, 0, read);
                report(file.Length / 1e6, Math.Max(total, file.Length / 1e6));
            }
        }
    }

    private static async Task<int> ReadAsync(Stream content, byte[] buffer, CancellationToken cancellation)
    {
        try
        {
            return await content.ReadAsync(buffer, cancellation).AsTask().WaitAsync(s_patience, cancellation);
        }
        catch (IOException e)
        {
            throw new HttpRequestException(e.Message, e);                     // the line's, to be told from the disk's
        }
    }

    /// <summary>Asks, and follows to where the file lies.</summary>
    /// <param name="method">What for.</param>
    /// <param name="address">Where.</param>
    /// <param name="from">The first byte of the file that is wanted.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    /// <exception cref="IOException">The answer is no file.</exception>
    private async Task<(HttpResponseMessage Response, FileHash? Told)> SendAsync(
        HttpMethod method, string address, long from, CancellationToken cancellation)
    {
        var at = new Uri(address);
        FileHash? told = null;
        for (int i = 0; i <= MaxRedirections; i++)
        {
            using var request = new HttpRequestMessage(method, at);
            request.Headers.Range = from > 0 ? new(from, null) : null;
            HttpResponseMessage response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation)
                .WaitAsync(s_patience, cancellation);
            told ??= FileHash.Of(response.Headers);
            if ((int)response.StatusCode is >= 300 and < 400 && response.Headers.Location is { } location)
            {
                response.Dispose();
                at = new Uri(at, location);
                continue;
            }

            if (response.IsSuccessStatusCode || (from > 0 && response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable))
            {
                return (response, told);
            }

            response.Dispose();
            string hint = response.StatusCode == HttpStatusCode.Unauthorized ? ": there is none, or one must sign in for it" : "";
            throw new IOException($"'{address}': expected a file, found {(int)response.StatusCode} {response.ReasonPhrase}{hint}.");
        }

        throw new IOException($"'{address}' leads on and on, to '{at}' at last.");
    }
}
