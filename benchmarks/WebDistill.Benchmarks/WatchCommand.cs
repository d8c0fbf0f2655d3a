using System.CommandLine;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace WebDistill.Benchmarks;

/// <summary>
/// What watchers cost a training: tokens per second of a run on a running server, without and with clients of its live wire, in alternating
/// phases. The slow client never reads an answer. Pages are tabs of a headless Chromium that show the run.
/// </summary>
internal static class WatchCommand
{
    private const byte RecordSeparator = 0x1E;
    private static readonly TimeSpan s_settle = TimeSpan.FromSeconds(2);

    public static Command Create()
    {
        var server = new Option<string>("--server") { DefaultValueFactory = _ => "http://127.0.0.1:5080", Description = "address of a server" };
        var watchers = new Option<int>("--watchers") { DefaultValueFactory = _ => 20, Description = "clients that read" };
        var slow = new Option<int>("--slow") { DefaultValueFactory = _ => 1, Description = "clients that never read" };
        var pages = new Option<int>("--pages") { DefaultValueFactory = _ => 0, Description = "pages of the run in a headless Chromium" };
        var seconds = new Option<double>("--seconds") { DefaultValueFactory = _ => 20, Description = "length of a phase" };
        var pairs = new Option<int>("--pairs") { DefaultValueFactory = _ => 6, Description = "phases of each kind" };
        var command = new Command("watch", "Training speed of the running run of a server, without and with watchers.")
        {
            server, watchers, slow, pages, seconds, pairs,
        };
        command.SetAction((parsed, cancel) => MeasureAsync(
            new Uri(parsed.GetValue(server)!), parsed.GetValue(watchers), parsed.GetValue(slow), parsed.GetValue(pages),
            TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(pairs), cancel));
        return command;
    }

    private static async Task<int> MeasureAsync(
        Uri server, int watchers, int slow, int pages, TimeSpan phase, int pairs, CancellationToken cancel)
    {
        using var http = new HttpClient { BaseAddress = server };
        if (await LiveTraining.FindAsync(http, cancel) is not JsonElement run)
            return 2;
        Guid id = run.GetProperty("id").GetGuid();
        int attempt = run.GetProperty("attempt").GetInt32();
        List<double> alone = [], watched = [];
        long messages = 0;
        TimeSpan clientsProcessorTime = default, browsersProcessorTime = default;
        await using OpenPages? open = pages > 0 ? await OpenPages.StartAsync(pages) : null;
        for (int pair = 0; pair < pairs; pair++)
        {
            alone.Add(await LiveTraining.TokensPerSecondAsync(http, id, phase, cancel));
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            // As a page does that has read the history: from the latest update on.
            int step = (await http.GetFromJsonAsync<JsonElement>($"/api/runs/{id}", cancel)).GetProperty("step").GetInt32();
            Task<long>[] clients = [.. Enumerable.Range(0, watchers + slow).Select(i => WatchAsync(server, id, step, attempt, reads: i < watchers, ended.Token))];
            if (open is not null)
                await open.GoAsync(new Uri(server, $"/runs/{id:N}").AbsoluteUri);
            // Opening them is over, and what the collector makes of it.
            await Task.Delay(s_settle, cancel);
            TimeSpan before = Environment.CpuUsage.TotalTime, browsersBefore = OpenPages.ProcessorTime;
            watched.Add(await LiveTraining.TokensPerSecondAsync(http, id, phase, cancel));
            clientsProcessorTime += Environment.CpuUsage.TotalTime - before;
            browsersProcessorTime += OpenPages.ProcessorTime - browsersBefore;
            if (open is not null)
                await open.LeaveAsync();
            await ended.CancelAsync();
            messages += (await Task.WhenAll(clients)).Sum();
            await Task.Delay(s_settle, cancel);
        }
        double without = Report.Median(alone), with = Report.Median(watched);
        double[] ratios = [.. alone.Zip(watched, (a, w) => w / a)];
        Report.Line(new
        {
            measurement = "watch",
            watchers,
            slowWatchers = slow,
            pages,
            pairs,
            phaseSeconds = phase.TotalSeconds,
            tokensPerSecondAlone = Report.Rounded(without),
            tokensPerSecondWatched = Report.Rounded(with),
            medianRatio = Report.Rounded(Report.Median(ratios)),
            smallestRatio = Report.Rounded(ratios.Min()),
            largestRatio = Report.Rounded(ratios.Max()),
            messagesReceived = messages,
            // Where server and clients share a machine, the training loses this as well.
            clientsShareOfProcessors = Report.Rounded(clientsProcessorTime / (pairs * phase * Environment.ProcessorCount)),
            browsersShareOfProcessors = Report.Rounded(browsersProcessorTime / (pairs * phase * Environment.ProcessorCount)),
        });
        return 0;
    }

    /// <summary>Reads the live wire of a run until it is told to end.</summary>
    /// <returns>The messages that came.</returns>
    public static async Task<long> WatchAsync(
        Uri server, Guid run, int afterStep, int attempt, bool reads, CancellationToken ended)
    {
        using var socket = new ClientWebSocket();
        long messages = 0;
        try
        {
            await socket.ConnectAsync(new UriBuilder(server) { Scheme = "ws", Path = "/hubs/curves" }.Uri, ended);
            await SendAsync("""{"protocol":"json","version":1}""");
            await SendAsync($$"""{"type":4,"invocationId":"1","target":"Watch","arguments":["{{run}}",{{afterStep}},{{attempt}}]}""");
            var buffer = new byte[64 << 10];
            if (!reads)
                await Task.Delay(Timeout.Infinite, ended);
            while (true)
            {
                WebSocketReceiveResult received = await socket.ReceiveAsync(buffer, ended);
                messages += received.EndOfMessage ? 1 : 0;
                // The server drops clients that it has not heard of for half a minute.
                if (messages % 20 == 19 && received.EndOfMessage)
                    await SendAsync("""{"type":6}""");
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            return messages; // The phase is over.
        }

        Task SendAsync(string json) => socket.SendAsync(
            (byte[])[.. Encoding.UTF8.GetBytes(json), RecordSeparator], WebSocketMessageType.Text, endOfMessage: true, ended);
    }
}
