using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;

namespace WebDistill.Data.Tests;

/// <summary>A database whose numbers stand in a column each, as every version before series had it.</summary>
public sealed class NumbersByNameTests : IAsyncLifetime
{
    private const string Run = "00000000-0000-0000-0000-00000000000A", NotBegun = "00000000-0000-0000-0000-00000000000B";

    // The columns of before in the order in which rows have them now, and what they are called.
    private static readonly (string Column, string Name)[] s_packed =
    [
        ("DistillationCeNatsPerToken", "ce"), ("CausalLmNatsPerToken", "clm"), ("LogitsMse", "mse"), ("CosineDistance", "cos"),
        ("LearningRate", "learningRate"), ("GradientNorm", "gradientNorm"), ("TokensPerSecond", "tokensPerSecond"), ("MemoryBytes", "memoryBytes"),
        ("StepSeconds", "stepSeconds"),
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("webdistill-numbers-");
    private readonly ServiceProvider _services;
    private readonly IDbContextFactory<WebDistillDb> _contexts;

    public NumbersByNameTests()
    {
        _services = new ServiceCollection().AddSqliteDatabase(Path.Combine(_folder.FullName, "test.db")).BuildServiceProvider();
        _contexts = _services.GetRequiredService<IDbContextFactory<WebDistillDb>>();
    }

    public async Task InitializeAsync()
    {
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        await db.GetService<IMigrator>().MigrateAsync("LossesBesidePerplexities");
        await db.Database.ExecuteSqlRawAsync($$$"""
            INSERT INTO Runs (Id, Name, Kind, Status, Step, TotalSteps, OptionsJson, QueueOrder, CreatedAt, Attempt, AttemptFromStep, FruitlessAttempts,
                TrainedSeconds, TeacherPerplexity, TeacherNatsPerToken)
            VALUES ('{{{Run}}}', 'old', 'Distillation', 'Stopped', 3, 9, '{{"alphaCe":0.25,"alphaMse":1e-3}}', 1, '2026-11-01', 2, 1, 0, 3, 9e999, 3000.125),
                ('{{{NotBegun}}}', 'waits', 'Distillation', 'Queued', 0, 0, '{{}}', 2, '2026-11-01', 0, 0, 0, 0, NULL, NULL);
            """);
        foreach ((string table, int attempt) in new[] { ("StepMetrics", 2), ("SupersededSteps", 1) })
        {
            for (int step = 1; step <= 3; step++)
            {
                string columns = string.Join(", ", s_packed.Select(number => number.Column));
                string numbers = string.Join(", ", s_packed.Select((_, place) => Sql(NumberOf(step, place))));
                string insert = $"""
                    INSERT INTO {table} (RunId, Step, Attempt, Epoch, TokensSeen, TotalLoss, ValidationPerplexity, ValidationNatsPerToken, {columns})
                    VALUES ('{Run}', {step}, {attempt}, {Sql(step / 7.0)}, {(1L << 40) + step}, {Sql(LossOf(step))}, {Sql(PerplexityOf(step))}, {Sql(NatsOf(step))}, {numbers})
                    """;
                await db.Database.ExecuteSqlRawAsync(insert);
            }
        }
    }

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Upgrade_RowsWithEveryKindOfNumber_KeepsEachUnderItsName()
    {
        await SqliteDatabase.MigrateAsync(_contexts);
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        Run run = await db.Runs.SingleAsync(r => r.Name == "old");
        Assert.Equal(s_packed.Select(number => number.Name), PackedNames((await db.Series.SingleAsync()).Json));
        AssertRows(await db.StepRows.OrderBy(row => row.Step).ToListAsync(), attempt: 2);
        AssertRows(await db.SupersededRows.OrderBy(row => row.Step).ToListAsync(), attempt: 1);
        AssertMeasured([.. (await db.Measurements.ToListAsync()).Where(one => one.Step > 0)], attempt: 2);
        AssertMeasured(await db.SupersededMeasurements.ToListAsync(), attempt: 1);
        Assert.Equal([("teacherNatsPerToken", 2, 3000.125), ("teacherPerplexity", 2, double.PositiveInfinity)],
            (await db.Measurements.Where(one => one.Step == 0).OrderBy(one => one.Name).ToListAsync()).Select(one => (one.Name, one.Attempt, one.Value)));
        Assert.Equal((double.PositiveInfinity, 3000.125), (run.TeacherPerplexity, run.TeacherNatsPerToken));
        Assert.Empty(await SqliteDatabase.CheckIntegrityAsync(db, default));
    }

    /// <summary>The weights are those of the run's own options; a run that has recorded nothing gets its series when it begins.</summary>
    [Fact]
    public async Task Upgrade_RunsThatBeganAndThatDidNot_HaveTheirSeries()
    {
        await SqliteDatabase.MigrateAsync(_contexts);
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        StoredSeries stored = await db.Series.SingleAsync();
        Assert.Equal(Guid.Parse(Run), stored.RunId);
        JsonElement series = JsonSerializer.Deserialize<JsonElement>(stored.Json);
        Assert.Equal([0.25, 2, 1e-3, 1], series.EnumerateArray().Where(one => one.TryGetProperty("weight", out _)).Select(one => one.GetProperty("weight").GetDouble()));
    }

    private static void AssertRows<T>(IReadOnlyList<T> rows, int attempt) where T : StepNumbers
    {
        Assert.Equal([1, 2, 3], rows.Select(row => row.Step));
        Assert.All(rows, row =>
        {
            Assert.Equal((Guid.Parse(Run), attempt, row.Step / 7.0, (1L << 40) + row.Step, LossOf(row.Step)!.Value),
                (row.RunId, row.Attempt, row.Epoch, row.TokensSeen, row.TotalLoss));
            Assert.Equal(s_packed.Select((_, place) => NumberOf(row.Step, place)), s_packed.Select((_, place) => PackedNumbers.At(row.Values, place)));
            Assert.Equal(sizeof(double) * s_packed.Length, row.Values.Length);
        });
    }

    private static void AssertMeasured<T>(IReadOnlyList<T> measured, int attempt) where T : MeasuredNumber
    {
        Assert.Equal(
            [("validationNatsPerToken", 1, attempt, NatsOf(1)!.Value), ("validationPerplexity", 1, attempt, PerplexityOf(1)!.Value), ("validationPerplexity", 3, attempt, PerplexityOf(3)!.Value)],
            measured.OrderBy(one => one.Name).ThenBy(one => one.Step).Select(one => (one.Name, one.Step, one.Attempt, one.Value)));
    }

    private static IEnumerable<string> PackedNames(string series) => JsonSerializer.Deserialize<JsonElement>(series).EnumerateArray()
        .Where(one => !one.TryGetProperty("cadence", out _)).Select(one => one.GetProperty("name").GetString()!).Where(name => name != "totalLoss");

    private static double? LossOf(int step) => step switch { 1 => 1.0 / 3, 2 => double.NaN, _ => double.PositiveInfinity };

    private static double? PerplexityOf(int step) => step switch { 1 => double.PositiveInfinity, 2 => null, _ => double.NaN };

    private static double? NatsOf(int step) => step == 1 ? 709.9 : null;

    // Missing losses, numbers that are not finite, and digits to the last one; the memory is a whole number.
    private static double? NumberOf(int step, int place) => s_packed[place].Column switch
    {
        "MemoryBytes" => (1L << 42) + step,
        "LogitsMse" => null,
        "DistillationCeNatsPerToken" => step switch { 1 => double.NaN, 2 => null, _ => double.PositiveInfinity },
        "GradientNorm" when step == 2 => 4.9e-324,
        _ => Math.Sqrt(step + 10 * place),
    };

    private static string Sql(double? number) => number switch
    {
        null => "NULL",
        double.NaN => "-9e999",
        double.PositiveInfinity => "9e999",
        double value => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
