using System.CommandLine;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;

namespace WebDistill.Benchmarks;

/// <summary>
/// How long the server takes for each page and each list of the API, and how large the answers are, with thousands of rows in its database. The
/// browser's own work is not in it.
/// </summary>
internal static class PagesCommand
{
    private const string Listens = "WebDistill listens on ";

    public static Command Create()
    {
        var runs = new Option<int>("--runs") { DefaultValueFactory = _ => 1000, Description = "runs in the database, with 40 updates each" };
        var models = new Option<int>("--models") { DefaultValueFactory = _ => 10_000, Description = "models" };
        var evaluations = new Option<int>("--evaluations") { DefaultValueFactory = _ => 300, Description = "evaluations" };
        var times = new Option<int>("--times") { DefaultValueFactory = _ => 9, Description = "requests for each address after the first one" };
        var command = new Command("pages", "Time and size of every page and list with many rows in the database; run it from the repository root.")
        {
            runs, models, evaluations, times,
        };
        command.SetAction((parsed, cancel) => MeasureAsync(
            parsed.GetValue(runs), parsed.GetValue(models), parsed.GetValue(evaluations), parsed.GetValue(times), cancel));
        return command;
    }

    private static async Task<int> MeasureAsync(int runs, int models, int evaluations, int times, CancellationToken cancel)
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-pages-");
        try
        {
            var services = new ServiceCollection();
            services.AddSqliteDatabase(Path.Combine(root.FullName, "webdistill.db"));
            await using (ServiceProvider provider = services.BuildServiceProvider())
            {
                var contexts = provider.GetRequiredService<IDbContextFactory<WebDistillDb>>();
                await SqliteDatabase.MigrateAsync(contexts);
                await ManyRows.FillAsync(contexts, runs, models, evaluations);
            }
            SqliteConnection.ClearAllPools();
            using Process server = Start(root.FullName);
            try
            {
                using var http = new HttpClient { BaseAddress = new Uri(await AddressAsync(server)), Timeout = TimeSpan.FromMinutes(2) };
                foreach (string path in await PathsAsync(http, cancel))
                    await MeasureAsync(http, path, times, cancel);
            }
            finally
            {
                server.Kill();
                await server.WaitForExitAsync(CancellationToken.None);
            }
            return 0;
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    private static Process Start(string root) => Process.Start(new ProcessStartInfo("dotnet",
        [typeof(Web.Formats.WebJson).Assembly.Location, "--urls", "http://127.0.0.1:0", "--Storage:Root", root, "--Logging:LogLevel:Default", "Warning"])
    {
        RedirectStandardOutput = true,
    })!;

    private static async Task<string> AddressAsync(Process server)
    {
        string? line;
        do
            line = await server.StandardOutput.ReadLineAsync();
        while (line is not null && !line.StartsWith(Listens, StringComparison.Ordinal));
        return line?[Listens.Length..] ?? throw new InvalidOperationException("The server did not start: its error output is above.");
    }

    private static async Task<IReadOnlyList<string>> PathsAsync(HttpClient http, CancellationToken cancel)
    {
        async Task<JsonElement[]> ListAsync(string list) => await http.GetFromJsonAsync<JsonElement[]>($"/api/{list}?limit=20", cancel) ?? [];
        static string Id(JsonElement row) => row.GetProperty("id").GetGuid().ToString("N");

        JsonElement[] runs = await ListAsync("runs"), models = await ListAsync("models"), datasets = await ListAsync("datasets"), sweeps = await ListAsync("sweeps");
        string run = Id(runs[0]), model = Id(models[0]);
        return
        [
            "/", "/models", "/datasets", $"/datasets/{Id(datasets[0])}", "/evaluate", $"/evaluate?model={model}", "/sweeps", $"/sweeps/{Id(sweeps[0])}", "/sweeps/new",
            "/compare", $"/compare?runs={string.Join(',', runs.Take(8).Select(Id))}", "/runs/new", $"/runs/{run}", "/playground", "/playground?mode=checkpoints",
            $"/report?models={model},{Id(models[7])}", "/settings",
            "/api/runs", "/api/models", "/api/datasets", "/api/evaluations", "/api/sweeps", $"/api/runs/{run}/steps", $"/api/runs/{run}/log",
            $"/api/runs/{run}/checkpoints", "/api/storage",
        ];
    }

    private static async Task MeasureAsync(HttpClient http, string path, int times, CancellationToken cancel)
    {
        List<double> milliseconds = [];
        int bytes = 0;
        for (int i = 0; i <= times; i++)
        {
            long began = Stopwatch.GetTimestamp();
            byte[] answer = await http.GetByteArrayAsync(path, cancel);
            milliseconds.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            bytes = answer.Length;
            // A page that fails is answered with 200 and says so itself.
            if (answer.AsSpan().IndexOf("This page met an error."u8) >= 0)
                throw new InvalidOperationException($"{path} met an error: see the server's log above.");
        }
        Report.Line(new
        {
            measurement = "pages",
            // Ids say nothing here.
            path = System.Text.RegularExpressions.Regex.Replace(path, "[0-9a-f]{32}(,[0-9a-f]{32})*", "ID"),
            firstMilliseconds = Report.Rounded(milliseconds[0]),
            medianMilliseconds = Report.Rounded(Report.Median(milliseconds.Skip(1))),
            largestMilliseconds = Report.Rounded(milliseconds.Skip(1).Max()),
            kilobytes = Report.Rounded(bytes / 1000.0),
        });
    }
}
