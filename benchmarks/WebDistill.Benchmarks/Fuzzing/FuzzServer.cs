using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Reflection;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>The real server in a process of its own, on a free loopback port and a fresh data folder; killed when disposed.</summary>
internal sealed class FuzzServer : IAsyncDisposable
{
    private const string Announcement = "WebDistill listens on ";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private FuzzServer(Process process, DirectoryInfo folder)
    {
        _process = process;
        Folder = folder;
        _log = new StreamWriter(LogFile) { AutoFlush = true };
        process.OutputDataReceived += (_, line) => Hear(line.Data);
        process.ErrorDataReceived += (_, line) => Hear(line.Data);
        process.Exited += (_, _) => _address.TrySetException(new InvalidOperationException($"The server ended before it listened; see {LogFile}."));
        process.EnableRaisingEvents = true;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Holds data/ and the log.</summary>
    public DirectoryInfo Folder { get; }

    /// <summary>What the server printed, warnings and worse.</summary>
    public string LogFile => Path.Combine(Folder.FullName, "server.log");

    public Uri Address { get; private set; } = null!;

    public bool HasExited => _process.HasExited;

    /// <summary>Memory that the process holds now.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.HasExited ? 0 : _process.WorkingSet64;
        }
    }

    /// <summary>What stands in incoming/.</summary>
    public string[] Incoming => [.. new DirectoryInfo(Path.Combine(Folder.FullName, "data", "incoming"))
        .EnumerateFileSystemInfos("*", SearchOption.AllDirectories).Select(entry => entry.Name)];

    public static async Task<FuzzServer> StartAsync()
    {
        string assembly = typeof(FuzzServer).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ServerAssembly").Value!;
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-fuzz-");
        var start = new ProcessStartInfo("dotnet",
            [assembly, "--urls", $"http://127.0.0.1:{FreePort()}", "--Storage:Root", Path.Combine(folder.FullName, "data"), "--QuickStart:Stories", "50",
                "--Logging:LogLevel:Default", "Warning"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetDirectoryName(assembly),
        };
        var server = new FuzzServer(Process.Start(start)!, folder);
        try
        {
            server.Address = await server._address.Task.WaitAsync(Patience);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    // Chosen here: a server that starts itself anew must be found where it was.
    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
        await _log.DisposeAsync();
    }

    private void Hear(string? line)
    {
        if (line is null)
            return;
        lock (_log)
            _log.WriteLine(line);
        if (line.StartsWith(Announcement, StringComparison.Ordinal))
            _address.TrySetResult(new Uri(line[Announcement.Length..]));
    }
}
