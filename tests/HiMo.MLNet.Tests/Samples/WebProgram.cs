using System.Collections.Concurrent;
using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The web API sample in a process of its own, on a free port of this machine.</summary>
internal sealed class WebProgram : IDisposable
{
    private const string Listening = "Now listening on: ";

    public WebProgram(string model)
    {
        Process = BuiltProgram.Start("src/HiMo.MLNet.Samples.Web", "himo-web.dll", Path.GetDirectoryName(model), "--model", model, "--urls", "http://127.0.0.1:0");
        string? line;
        do
        {
            line = Process.StandardOutput.ReadLine() ?? throw new InvalidOperationException(Process.StandardError.ReadToEnd());
        }
        while (!line.Contains(Listening, StringComparison.Ordinal));
        Client.BaseAddress = new Uri(line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..].Trim());
        Read(Process.StandardOutput);
        Read(Process.StandardError);
    }

    public Process Process { get; }

    public HttpClient Client { get; } = new();

    /// <summary>What it wrote since it listens: warnings and errors.</summary>
    public ConcurrentQueue<string> Log { get; } = [];

    private async void Read(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            Log.Enqueue(line);
        }
    }

    public void Dispose()
    {
        Client.Dispose();
        Process.Kill();
        Process.WaitForExit();
        Process.Dispose();
    }
}
