using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>An upload that the server has accepted and that is held before its last byte.</summary>
internal sealed class HeldUpload : IDisposable
{
    private readonly TcpClient _connection = new();
    private byte[] _rest = [];

    /// <param name="server">Where to.</param>
    /// <param name="body">What to upload.</param>
    /// <param name="chunked">As one chunk of a body whose length the head does not tell.</param>
    /// <returns>Null if the server refused it.</returns>
    public static async Task<HeldUpload?> BeginAsync(Uri server, byte[] body, bool chunked = false)
    {
        var upload = new HeldUpload();
        await upload._connection.ConnectAsync(server.Host, server.Port);
        NetworkStream stream = upload._connection.GetStream();
        string length = chunked ? "Transfer-Encoding: chunked" : $"Content-Length: {body.Length}";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST /classify HTTP/1.1\r\nHost: {server.Authority}\r\nConnection: close\r\nExpect: 100-continue\r\n"
            + $"Content-Type: image/png\r\n{length}\r\n\r\n"));
        // The server says so when the application begins to read the body.
        const string go = "HTTP/1.1 100 Continue\r\n\r\n";
        byte[] answer = new byte[go.Length];
        if (await stream.ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false) < answer.Length || Encoding.ASCII.GetString(answer) != go)
        {
            upload.Dispose();
            return null;
        }

        if (chunked)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{body.Length:x}\r\n"));
        }

        await stream.WriteAsync(body.AsMemory(..^1));
        upload._rest = chunked ? [body[^1], .. "\r\n0\r\n\r\n"u8] : body[^1..];
        return upload;
    }

    /// <summary>Sends the last byte, unless the answer is awaited without.</summary>
    /// <returns>The status and the whole answer.</returns>
    public async Task<(int Status, string Text)> FinishAsync(bool sendRest = true)
    {
        NetworkStream stream = _connection.GetStream();
        if (sendRest)
        {
            await stream.WriteAsync(_rest);
        }

        using var reader = new StreamReader(stream);
        string text = await reader.ReadToEndAsync();
        return (int.Parse(text.Split(' ')[1], CultureInfo.InvariantCulture), text);
    }

    public void Dispose() => _connection.Dispose();
}
