using System.Diagnostics;
using System.Globalization;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>PostgreSQL with pgvector in a process of Node: tests/pglite.</summary>
internal sealed class PGliteServer : IDisposable
{
    private readonly Process _node;

    public PGliteServer()
    {
        _node = Process.Start(new ProcessStartInfo("node", [Path.Combine(Folder, "server.mjs")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        string? line = _node.StandardOutput.ReadLine();
        int port = int.Parse(line ?? throw new InvalidOperationException("PGlite ended before it listened."), CultureInfo.InvariantCulture);
        Connection = $"Host=127.0.0.1;Port={port};Username=postgres;Password=postgres;Database=postgres;SSL Mode=Disable;Pooling=false;Timeout=60;Command Timeout=0";
    }

    /// <summary>Whether it can be started, or what is missing.</summary>
    public static string? Missing { get; } = Node.IsThere && Directory.Exists(Path.Combine(Folder, "node_modules", "@electric-sql", "pglite")) ? null
        : "Needs Node 20 or later and PGlite: npm install --prefix tests/pglite";

    private static string Folder => Path.Combine(BuiltProgram.Root, "tests", "pglite");

    /// <summary>How to reach it.</summary>
    public string Connection { get; }

    public void Dispose()
    {
        _node.StandardInput.Close();
        if (!_node.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            _node.Kill();
        }

        _node.Dispose();
    }
}
