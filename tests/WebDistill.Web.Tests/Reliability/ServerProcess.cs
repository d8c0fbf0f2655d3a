using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>Tests that assert the clock, or that one thing comes before another which only time separates: they have the machine to themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TheClock
{
    public const string Name = "The clock";
}

/// <summary>The real product in a process of its own, to be killed.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(90);
    private readonly Process _process;

    private ServerProcess(Process process, string address)
    {
        _process = process;
        Address = address;
        Http = new HttpClient { BaseAddress = new Uri(address), Timeout = _patience };
    }

    public string Address { get; }

    public HttpClient Http { get; }

    public int Id => _process.Id;

    /// <summary>Time that it has computed, all its threads together.</summary>
    public TimeSpan ProcessorTime => _process.TotalProcessorTime;

    /// <summary>What starts the server on a free loopback port.</summary>
    public static string[] Arguments(string root) =>
        ["--urls", "http://127.0.0.1:0", "--Storage:Root", root, "--Logging:LogLevel:Default", "Warning", "--Storage:ReserveMegabytes", "0"];

    /// <summary>Starts the server on a free loopback port and returns when it answers.</summary>
    public static async Task<ServerProcess> StartAsync(string root, params string[] settings)
    {
        Process process = Start([.. Arguments(root), .. settings]);
        string? line = null;
        try
        {
            do
                line = await process.StandardOutput.ReadLineAsync().WaitAsync(_patience);
            while (line is not null && !line.StartsWith("WebDistill listens on ", StringComparison.Ordinal));
            if (line is null)
                throw new InvalidOperationException($"The server did not start: {await process.StandardError.ReadToEndAsync()}");
        }
        catch
        {
            // No test may leave a server behind that trains on.
            process.Kill();
            throw;
        }
        // Read on, so that the process never waits for a full pipe.
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        return new ServerProcess(process, line["WebDistill listens on ".Length..]);
    }

    /// <summary>Starts the product with any arguments.</summary>
    /// <param name="folder">Where it is started; null is the repository, whose settings are the product's defaults.</param>
    public static Process Start(IEnumerable<string> arguments, string? folder = null) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? WebDistillApp.RepositoryRoot,
        })!;

    /// <summary>Power off: SIGKILL, no chance to do anything.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Power off, and on again.</summary>
    /// <returns>The server that took its place.</returns>
    public async Task<ServerProcess> KillAndStartAsync(string root)
    {
        await KillAsync();
        ServerProcess next = await StartAsync(root);
        await DisposeAsync();
        return next;
    }

    /// <summary>Sends SIGTERM and waits for the end.</summary>
    /// <returns>How long that took.</returns>
    public async Task<TimeSpan> TerminateAsync()
    {
        var clock = Stopwatch.StartNew();
        await SignalAsync("-TERM", _process.Id);
        await _process.WaitForExitAsync().WaitAsync(_patience);
        return clock.Elapsed;
    }

    public static async Task SignalAsync(string signal, int processId)
    {
        using Process kill = Process.Start("kill", [signal, processId.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    public Task<JsonElement> GetAsync(string path) => Http.WholeAsync(path);

    public Task<Guid> CreateRunAsync(JsonElement options) => SendAsync("/api/runs", JsonContent.Create(options));

    /// <summary>Posts what makes something new and returns its id.</summary>
    public async Task<Guid> SendAsync(string path, HttpContent content)
    {
        using HttpResponseMessage created = await Http.PostAsync(path, content);
        string answer = await created.Content.ReadAsStringAsync();
        Assert.True(created.IsSuccessStatusCode, answer);
        return JsonDocument.Parse(answer).RootElement.GetProperty("id").GetGuid();
    }

    /// <summary>Waits until a run says what is expected.</summary>
    public Task<JsonElement> WaitAsync(Guid run, Func<JsonElement, bool> expected) => UntilAsync($"/api/runs/{run}", expected);

    /// <summary>Waits until an answer says what is expected.</summary>
    public async Task<JsonElement> UntilAsync(string path, Func<JsonElement, bool> expected)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            JsonElement found = await GetAsync(path);
            if (expected(found))
                return found;
            Assert.True(clock.Elapsed < _patience, $"{path} did not come to the expected state in {_patience}: {found}");
            await Task.Delay(25);
        }
    }

    public Task<JsonElement> CompletedAsync(Guid run) => WaitAsync(run, found =>
    {
        string status = found.GetProperty("status").GetString()!;
        Assert.True(status is not "Failed" and not "Stopped", found.ToString());
        return status == "Completed";
    });

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }

    /// <summary>Runs the product with these arguments until it ends by itself, 90 s at most.</summary>
    public static async Task<(int Code, string Output, string Error)> RunToEndAsync(IEnumerable<string> arguments, string? folder = null)
    {
        using Process process = Start(arguments, folder);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(90));
        }
        catch (TimeoutException)
        {
            process.Kill();
            throw;
        }
        return (process.ExitCode, await output, await error);
    }
}
