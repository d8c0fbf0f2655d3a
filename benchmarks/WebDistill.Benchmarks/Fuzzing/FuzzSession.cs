using System.Collections.Concurrent;
using System.Diagnostics;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>
/// Servers one after the other, each fuzzed until the time is up or it is broken, and then looked at when it is at rest. Findings go to
/// <paramref name="findings"/>.
/// </summary>
internal sealed class FuzzSession(FuzzFindings findings, FuzzLimits limits, int clients, int seed)
{
    private const int MostFailedRounds = 10;

    // What an idle server has to give memory back: its collector works when something is asked of it, so now and then something is.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(60), ShortSettling = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RoundInterval = TimeSpan.FromSeconds(1), SampleInterval = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<int, byte> _inFlight = new();
    private int _requests, _starts;
    private long _peakBytes;

    /// <summary>Fuzzes for a time; preparations and the rest at the end are not counted in.</summary>
    public async Task RunAsync(TimeSpan duration, CancellationToken cancel)
    {
        TimeSpan fuzzed = TimeSpan.Zero;
        while (fuzzed < duration && !cancel.IsCancellationRequested)
        {
            int before = findings.Count;
            await using FuzzServer server = await FuzzServer.StartAsync();
            fuzzed += await FuzzAsync(server, duration - fuzzed, cancel);
            await server.KillAsync();
            if (findings.Count == before)
                server.Folder.Delete(recursive: true);
            else
                Console.Error.WriteLine($"The data folder and the log of the server that was fuzzed are kept: {server.Folder.FullName}");
        }
        Report.Line(new
        {
            measurement = "fuzz", seed, seconds = Report.Rounded(fuzzed.TotalSeconds), clients, serverStarts = _starts, requests = _requests,
            requestsPerSecond = Report.Rounded(_requests / fuzzed.TotalSeconds), peakMegabytes = _peakBytes / 1_000_000,
        });
    }

    /// <summary>Sends the request of one seed to a fresh server and prints both.</summary>
    public async Task RepeatAsync(int only)
    {
        await using FuzzServer server = await FuzzServer.StartAsync();
        using var library = new FuzzLibrary(server);
        await library.KeepAsync();
        FuzzRequest request = new RequestFuzzer(await library.DocumentAsync(), library).Create(only);
        long before = server.ResidentBytes;
        FuzzAnswer answer = await RawHttp.SendAsync(server.Address, request, limits.Answer);
        findings.Judge(request, answer, () => []);
        Report.Line(new
        {
            measurement = "fuzzRequest", seed = only, request = request.Line, mutations = request.Mutations, body = request.BodyBeginning, cut = request.Cut,
            answer.Status, seconds = Report.Rounded(answer.Took.TotalSeconds), answer.BodyBytes, answer = answer.Beginning,
            growthMegabytes = (server.ResidentBytes - before) / 1_000_000,
        });
        await server.KillAsync();
        server.Folder.Delete(recursive: true);
    }

    private async Task<TimeSpan> FuzzAsync(FuzzServer server, TimeSpan duration, CancellationToken cancel)
    {
        _starts++;
        using var library = new FuzzLibrary(server);
        await library.KeepAsync();
        ApiDocument document = await library.DocumentAsync();
        var fuzzer = new RequestFuzzer(document, library);
        await WarmUpAsync(server, document, fuzzer, library);
        long restingBytes = await SettledAsync(server, ShortSettling, 0);

        var clock = Stopwatch.StartNew();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        ended.CancelAfter(duration);
        Task keeping = KeepAsync(server, library, ended);
        Task guarding = GuardAsync(server, ended);
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(() => SendAsync(server, fuzzer, ended.Token), CancellationToken.None)));
        await Task.WhenAll(keeping, guarding);
        TimeSpan took = clock.Elapsed;
        if (server.HasExited)
            findings.Add("ended", $"The server's process ended; its log: {server.LogFile}");
        else
            await LookAtRestAsync(server, library, restingBytes);
        return took;
    }

    // Every operation as it should be, some times: code is compiled and buffers are there before memory is looked at.
    private async Task WarmUpAsync(FuzzServer server, ApiDocument document, RequestFuzzer fuzzer, FuzzLibrary library)
    {
        for (int round = 0; round < 3; round++)
        {
            foreach (ApiOperation operation in document.Operations)
            {
                FuzzRequest request = fuzzer.CreateValid(operation, round);
                findings.Judge(request, await RawHttp.SendAsync(server.Address, request, limits.Answer), () => []);
            }
            await library.KeepAsync();
        }
        await library.RestAsync();
        await library.KeepAsync();
    }

    private async Task SendAsync(FuzzServer server, RequestFuzzer fuzzer, CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            FuzzRequest request = fuzzer.Create(Mixed(seed, Interlocked.Increment(ref _requests)));
            _inFlight[request.Seed] = 0;
            FuzzAnswer answer = await RawHttp.SendAsync(server.Address, request, limits.Answer);
            _inFlight.TryRemove(request.Seed, out _);
            if (!server.HasExited)
                findings.Judge(request, answer, () => [.. _inFlight.Keys]);
        }
    }

    // What it made may be deleted by the clients while it looks; the next round makes it again. Round after round cannot fail.
    private async Task KeepAsync(FuzzServer server, FuzzLibrary library, CancellationTokenSource ended)
    {
        int failed = 0;
        while (!ended.IsCancellationRequested)
        {
            try
            {
                await library.KeepAsync();
                failed = 0;
            }
            catch (Exception e) when (e is HttpRequestException or InvalidOperationException or OperationCanceledException)
            {
                if (server.HasExited)
                    return;
                if (++failed == MostFailedRounds)
                    findings.Add("unusable", $"{failed} times in turn the server did not make what requests need: {e.Message}");
            }
            await Task.WhenAny(Task.Delay(RoundInterval, ended.Token));
        }
    }

    private async Task GuardAsync(FuzzServer server, CancellationTokenSource ended)
    {
        while (!ended.IsCancellationRequested)
        {
            long bytes = server.ResidentBytes;
            _peakBytes = Math.Max(_peakBytes, bytes);
            if (bytes > limits.PeakBytes)
            {
                findings.Add("memory", $"{bytes / 1_000_000} MB while these were under way: {string.Join(", ", _inFlight.Keys)}");
                await server.KillAsync();
            }
            if (server.HasExited)
                await ended.CancelAsync();
            await Task.WhenAny(Task.Delay(SampleInterval, ended.Token));
        }
    }

    private async Task LookAtRestAsync(FuzzServer server, FuzzLibrary library, long restingBytes)
    {
        try
        {
            await library.RestAsync();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            findings.Add("busy", $"The server did not come to rest: {e.Message}");
            return;
        }
        var clock = Stopwatch.StartNew();
        long bytes = await SettledAsync(server, Settling, restingBytes + limits.GrowthBytes);
        Report.Line(new
        {
            measurement = "fuzzMemoryAtRest", beforeMegabytes = restingBytes / 1_000_000, afterMegabytes = bytes / 1_000_000,
            growthMegabytes = (bytes - restingBytes) / 1_000_000, settledSeconds = Report.Rounded(clock.Elapsed.TotalSeconds),
        });
        if (bytes > restingBytes + limits.GrowthBytes)
            findings.Add("memory at rest", $"{bytes / 1_000_000} MB, {(bytes - restingBytes) / 1_000_000} MB more than before");
        string[] incoming = server.Incoming;
        Report.Line(new { measurement = "fuzzIncoming", entries = incoming.Length });
        if (incoming.Length > 0)
            findings.Add("incoming", $"{incoming.Length} left in incoming/: {string.Join(", ", incoming.Take(10))}");
    }

    /// <summary>The least memory that the server holds within a time at rest, or what it holds once that is no more than is aimed at.</summary>
    private static async Task<long> SettledAsync(FuzzServer server, TimeSpan patience, long aimBytes)
    {
        using var http = new HttpClient { BaseAddress = server.Address };
        long least = long.MaxValue;
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < patience && least > aimBytes; await Task.Delay(SampleInterval))
        {
            (await http.GetAsync("/healthz")).Dispose();
            least = Math.Min(least, server.ResidentBytes);
        }
        return least;
    }

    // Seeds next to each other must not draw alike (splitmix64).
    private static int Mixed(int seed, int number)
    {
        ulong z = unchecked(((ulong)(uint)seed << 32 | (uint)number) * 0x9E3779B97F4A7C15);
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return (int)((z ^ (z >> 31)) & int.MaxValue);
    }
}
