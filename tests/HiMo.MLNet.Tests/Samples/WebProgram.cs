using System.Collections.Concurrent;
using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The web API sample in a process of its own, on a free port of this machine.</summary>
internal sealed class WebProgram : IDisposable
{
    private const string Listening = "Now listening on: ";

    /// <param name="model">The model zip.</param>
    /// <param name="arguments">More arguments: limits.</param>
    public WebProgram(string model, params string[] arguments)
    {
        // Temporary files would lie here, with the working folder's.
        Folder = Directory.CreateTempSubdirectory("himo-web").FullName;
        ProcessStartInfo start = BuiltProgram.StartInfo("src/HiMo.MLNet.Samples.Web", "himo-web.dll", Folder, ["--model", model, "--urls", "http://127.0.0.1:0", .. arguments]);
        foreach (string variable in (string[])["TMPDIR", "TEMP", "TMP", "ASPNETCORE_TEMP"])
        {
            start.Environment[variable] = Folder;
        }

        start.Environment["DOTNET_EnableDiagnostics"] = "0";                  // its sockets would lie there, too
        Process = Process.Start(start)!;
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

    public HttpClient Client { get; } = new() { Timeout = TimeSpan.FromMinutes(5) };

    /// <summary>Its working folder and that of its temporary files, empty at first.</summary>
    public string Folder { get; }

    /// <summary>What it wrote since it listens: warnings and errors.</summary>
    public ConcurrentQueue<string> Log { get; } = [];

    /// <summary>Asks it to stop, as a system does that shuts down.</summary>
    public void Stop() => Process.Start("kill", ["-TERM", Process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExit();

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
        Directory.Delete(Folder, recursive: true);
    }
}
