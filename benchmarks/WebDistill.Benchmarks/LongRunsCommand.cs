using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;

namespace WebDistill.Benchmarks;

/// <summary>Completed runs of many updates in a data folder, for the figures of docs/evaluation.md under "Comparing many runs".</summary>
internal static class LongRunsCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Required = true, Description = "data folder, which no server may have open" };
        var runs = new Option<int>("--runs") { DefaultValueFactory = _ => 20, Description = "runs" };
        var updates = new Option<int>("--updates") { DefaultValueFactory = _ => 100_000, Description = "updates of each" };
        var command = new Command("long-runs", "Adds long completed runs to a data folder and prints the address at which they are compared.")
        {
            data, runs, updates,
        };
        command.SetAction((parsed, cancel) =>
            AddAsync(parsed.GetRequiredValue(data), parsed.GetValue(runs), parsed.GetValue(updates), cancel));
        return command;
    }

    private static async Task<int> AddAsync(DirectoryInfo folder, int count, int updates, CancellationToken cancel)
    {
        folder.Create();
        await using ServiceProvider services =
            new ServiceCollection().AddSqliteDatabase(Path.Combine(folder.FullName, "webdistill.db")).BuildServiceProvider();
        var contexts = services.GetRequiredService<IDbContextFactory<WebDistillDb>>();
        await SqliteDatabase.MigrateAsync(contexts);
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        DateTime now = DateTime.UtcNow;
        List<Guid> ids = [];
        for (int number = 1; number <= count; number++)
        {
            var options = new RunOptions { Name = string.Create(CultureInfo.InvariantCulture, $"Long run {number}"), LearningRate = number * 1e-4 };
            var run = new Run
            {
                Id = Guid.CreateVersion7(), Name = options.Name, Kind = RunKind.Distillation, Status = RunStatus.Completed, Step = updates,
                TotalSteps = updates, OptionsJson = JsonSerializer.Serialize(options, WebJson.Options),
                QueueOrder = number,
                CreatedAt = now.AddSeconds(number), StartedAt = now, FinishedAt = now, Attempt = 1, TrainedSeconds = 5000,
            };
            ids.Add(run.Id);
            db.Runs.Add(run);
            db.Series.Add(new StoredSeries { RunId = run.Id, Json = RunSeries.Begin(null, LoopSeries.Of(options, hasTeacher: true)) });
            await db.SaveChangesAsync(cancel);
            // ce, clm, cos, learningRate, gradientNorm, tokensPerSecond, memoryBytes, stepSeconds.
            await db.Database.ExecuteSqlAsync($"""
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {updates})
                INSERT INTO StepRows (RunId, Step, Attempt, Epoch, TokensSeen, TotalLoss, "Values")
                SELECT {run.Id}, i, 1, i / 1e5, i * 2048, 3 + 60.0 / (i + 10 * {number}) + abs(random() % 1000) / 3000.0, pack_numbers(
                    2 + 40.0 / (i + 10 * {number}) + abs(random() % 1000) / 4000.0, 1 + 20.0 / (i + 10 * {number}) + abs(random() % 1000) / 5000.0,
                    0.1 + 1.0 / i, {number} * 1e-4, 1 + abs(random() % 1000) / 900.0, 41000 + random() % 3000, 600000000 + i, 0.05 + abs(random() % 1000) / 1e5)
                FROM n
                """, cancel);
            await db.Database.ExecuteSqlAsync($"""
                INSERT INTO Measurements (RunId, Name, Step, Attempt, "Value")
                SELECT RunId, 'validationPerplexity', Step, 1, 15 + {number} + 9000.0 / Step FROM StepRows WHERE RunId = {run.Id} AND Step % 500 = 0
                """, cancel);
        }
        Console.WriteLine($"/compare?runs={string.Join(',', ids.Select(id => id.ToString("N")))}");
        return 0;
    }
}
