using System.CommandLine;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.Playwright;

namespace WebDistill.Benchmarks;

/// <summary>
/// From a saved update to its pixel: how long after the transaction that holds an update the charts of an open page have drawn it, while others watch
/// too. The moment of the transaction is seen from outside, by a connection that looks at the database file every two milliseconds; the moment
/// of the pixel by the page itself, in the frame after its charts were drawn. Both are of this machine's one clock.
/// </summary>
internal static class PixelsCommand
{
    private static readonly TimeSpan s_between = TimeSpan.FromMilliseconds(2);

    // Each frame notes the newest update that has been drawn, once its drawing is over.
    private const string Notes = """
        window.drawnUpdates = [];
        let draws = 0;
        const look = () => {
          const curves = window.webdistillCurves;
          if (curves && curves.draws !== draws) { draws = curves.draws; window.drawnUpdates.push([performance.timeOrigin + performance.now(), curves.lastStep]); }
          requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
        """;

    public static Command Create()
    {
        var server = new Option<string>("--server") { DefaultValueFactory = _ => "http://127.0.0.1:5080", Description = "address of a server on this machine" };
        var database = new Option<string>("--database") { DefaultValueFactory = _ => "data/webdistill.db", Description = "its database file" };
        var watchers = new Option<int>("--watchers") { DefaultValueFactory = _ => 20, Description = "clients of the live wire that read beside the page" };
        var seconds = new Option<double>("--seconds") { DefaultValueFactory = _ => 60, Description = "length of the measurement" };
        var command = new Command("pixels", "Time from an update's transaction to its pixel on an open page, with watchers.") { server, database, watchers, seconds };
        command.SetAction((parsed, cancel) => MeasureAsync(new Uri(parsed.GetValue(server)!), parsed.GetValue(database)!, parsed.GetValue(watchers),
            TimeSpan.FromSeconds(parsed.GetValue(seconds)), cancel));
        return command;
    }

    private static async Task<int> MeasureAsync(Uri server, string database, int watchers, TimeSpan length, CancellationToken cancel)
    {
        using var http = new HttpClient { BaseAddress = server };
        if (await LiveTraining.FindAsync(http, cancel) is not JsonElement run)
            return 2;
        Guid id = run.GetProperty("id").GetGuid();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await using OpenPages pages = await OpenPages.StartAsync(1);
        await pages.Front.AddInitScriptAsync(Notes);
        await pages.GoAsync(new Uri(server, $"/runs/{id:N}").AbsoluteUri);
        int step = (await http.GetFromJsonAsync<JsonElement>($"/api/runs/{id}", cancel)).GetProperty("step").GetInt32();
        Task<long>[] clients = [.. Enumerable.Range(0, watchers)
            .Select(_ => WatchCommand.WatchAsync(server, id, step, run.GetProperty("attempt").GetInt32(), reads: true, ended.Token))];
        List<(double Milliseconds, int Step)> saved = await SeeTransactionsAsync(database, id, length, cancel);
        await ended.CancelAsync();
        await Task.WhenAll(clients);
        double[][] drawn = await pages.Front.EvaluateAsync<double[][]>("() => window.drawnUpdates");
        double[] waits = [.. saved.Select(one => drawn.FirstOrDefault(frame => frame[1] >= one.Step) is double[] frame ? frame[0] - one.Milliseconds : double.NaN)
            .Where(double.IsFinite).Order()];
        Report.Line(new
        {
            measurement = "pixels",
            watchers,
            transactions = saved.Count,
            drawn = waits.Length,
            medianMilliseconds = Report.Rounded(Report.Median(waits)),
            p95Milliseconds = Report.Rounded(waits[(int)(0.95 * (waits.Length - 1))]),
            p99Milliseconds = Report.Rounded(waits[(int)(0.99 * (waits.Length - 1))]),
            largestMilliseconds = Report.Rounded(waits[^1]),
        });
        return 0;
    }

    private static async Task<List<(double Milliseconds, int Step)>> SeeTransactionsAsync(string database, Guid run, TimeSpan length, CancellationToken cancel)
    {
        List<(double, int)> saved = [];
        await using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = database, Mode = SqliteOpenMode.ReadOnly }.ToString());
        await connection.OpenAsync(cancel);
        await using SqliteCommand newest = connection.CreateCommand();
        newest.CommandText = "SELECT COALESCE(MAX(Step), 0) FROM StepRows WHERE RunId = $run";
        newest.Parameters.AddWithValue("$run", run);
        int last = Convert.ToInt32(await newest.ExecuteScalarAsync(cancel));
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < length)
        {
            int step = Convert.ToInt32(await newest.ExecuteScalarAsync(cancel));
            if (step > last)
                saved.Add(((DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds, last = step));
            await Task.Delay(s_between, cancel);
        }
        // What came last is drawn after the end.
        await Task.Delay(TimeSpan.FromSeconds(2), cancel);
        return saved;
    }
}
