using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;

namespace WebDistill.Data.Tests;

public sealed class WebDistillDbTests : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("webdistill-data-");
    private readonly ServiceProvider _services;
    private readonly IDbContextFactory<WebDistillDb> _contexts;

    public WebDistillDbTests()
    {
        _services = new ServiceCollection().AddSqliteDatabase(Path.Combine(_folder.FullName, "test.db")).BuildServiceProvider();
        _contexts = _services.GetRequiredService<IDbContextFactory<WebDistillDb>>();
    }

    public Task InitializeAsync() => SqliteDatabase.MigrateAsync(_contexts);

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Model_ComparedWithTheMigrations_HasNoPendingChanges()
    {
        using WebDistillDb db = _contexts.CreateDbContext();
        Assert.False(db.Database.HasPendingModelChanges(), "The entities changed: dotnet ef migrations add "
            + "NameOfTheChange --project migrations/Sqlite");
        Assert.NotEmpty(db.Database.GetAppliedMigrations());
    }

    /// <summary>Else `dotnet ef migrations remove` and rebuilt tables would take an older model for the present one.</summary>
    [Fact]
    public void Model_OfTheLastMigration_IsThatOfTheEntities()
    {
        using WebDistillDb db = _contexts.CreateDbContext();
        var migrations = db.GetService<IMigrationsAssembly>();
        Migration last = migrations.CreateMigration(migrations.Migrations.Last().Value, db.Database.ProviderName!);
        IRelationalModel recorded = db.GetService<IModelRuntimeInitializer>().Initialize(last.TargetModel).GetRelationalModel();
        IRelationalModel present = db.GetService<IDesignTimeModel>().Model.GetRelationalModel();
        Assert.Empty(db.GetService<IMigrationsModelDiffer>().GetDifferences(recorded, present));
    }

    [Fact]
    public async Task Migrate_DatabaseThatIsUpToDate_KeepsItsRows()
    {
        Guid id = await AddRunAsync();
        await SqliteDatabase.MigrateAsync(_contexts);
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        Assert.Equal(id, (await db.Runs.SingleAsync()).Id);
    }

    [Fact]
    public async Task Migrate_DatabaseOfTheFirstVersion_KeepsRunsStepsAndLog()
    {
        await using (WebDistillDb db = await _contexts.CreateDbContextAsync())
        {
            await db.Database.EnsureDeletedAsync();
            await db.GetService<IMigrator>().MigrateAsync("Initial");
            await db.Database.ExecuteSqlRawAsync("""
                INSERT INTO Runs (Id, Name, Kind, Status, Step, TotalSteps, OptionsJson, QueueOrder, CreatedAt)
                VALUES ('00000000-0000-0000-0000-00000000000A', 'old', 'Training', 'Completed', 2, 2, '{{}}', 1, '2026-11-01');
                INSERT INTO StepMetrics (RunId, Step, Epoch, TokensSeen, TotalLoss, LearningRate, GradientNorm, TokensPerSecond, StepSeconds, MemoryBytes)
                VALUES ('00000000-0000-0000-0000-00000000000A', 1, 0.5, 10, 3, 1, 1, 100, 1.5, 1), ('00000000-0000-0000-0000-00000000000A', 2, 1, 20, 2, 1, 1, 100, 2.5, 1);
                INSERT INTO LogLines (RunId, At, Text) VALUES ('00000000-0000-0000-0000-00000000000A', '2026-11-01', 'hello');
                """);
        }
        await SqliteDatabase.MigrateAsync(_contexts);
        await using WebDistillDb migrated = await _contexts.CreateDbContextAsync();
        Assert.Equal(4, (await migrated.Runs.SingleAsync()).TrainedSeconds);
        Assert.Equal([3, 2], await migrated.StepRows.OrderBy(step => step.Step).Select(step => step.TotalLoss).ToListAsync());
        Assert.Equal(LogSeverity.Information, (await migrated.LogLines.SingleAsync()).Severity);
        Assert.Empty(await SqliteDatabase.CheckIntegrityAsync(migrated, default));
    }

    /// <summary>What earlier versions told by sentences and by a search in the options' text.</summary>
    [Theory]
    [InlineData("Failed", "Update 3: the loss ''clm'' is NaN, expected a finite number. The run was stopped", RunErrorCause.Diverged)]
    [InlineData("Failed", "There is not enough memory.", RunErrorCause.Other)]
    [InlineData("Paused", "The disk is full. Nothing is lost; the run goes on by itself when the disk takes it.", RunErrorCause.Disk)]
    [InlineData("Paused", "The server ended while this run was training, after 3 recorded updates.", RunErrorCause.Other)]
    [InlineData("Completed", null, null)]
    public async Task Migrate_RunOfAnEarlierVersion_SaysWhatItsErrorIsAboutAndWhatItBeginsWith(string status, string? error, RunErrorCause? cause)
    {
        Guid model = Guid.Parse("0123abcd-0000-4000-8000-00000000000f");
        string[] options =
        [
            .. new[] { "D", "N", "B", "P" }.Select(form => $$"""{"studentInitialisation":"checkpoint","studentModelId":"{{model.ToString(form)}}"}"""),
            $$"""{"studentInitialisation":"random","studentModelId":"{{model}}"}""", """{"studentInitialisation":"checkpoint"}""", "{}", "",
        ];
        await using (WebDistillDb db = await _contexts.CreateDbContextAsync())
        {
            await db.Database.EnsureDeletedAsync();
            await db.GetService<IMigrator>().MigrateAsync("LossesBesidePerplexities");
            for (int i = 0; i < options.Length; i++)
            {
                string sql = "INSERT INTO Runs (Id, Name, Kind, Status, Error, Step, TotalSteps, OptionsJson, QueueOrder, CreatedAt, Attempt, "
                    + $"AttemptFromStep, TrainedSeconds, FruitlessAttempts) VALUES ('{Guid.NewGuid().ToString().ToUpperInvariant()}', 'old', 'Training', "
                    + $"'{status}', {(error is null ? "NULL" : $"'{error}'")}, 2, 2, {{0}}, {i}, '2026-11-01', 1, 0, 1, 0)";
                await db.Database.ExecuteSqlRawAsync(sql, options[i]);
            }
        }
        await SqliteDatabase.MigrateAsync(_contexts);
        await using WebDistillDb migrated = await _contexts.CreateDbContextAsync();
        List<Run> runs = await migrated.Runs.OrderBy(run => run.QueueOrder).ToListAsync();
        Assert.All(runs, run => Assert.Equal(cause, run.ErrorCause));
        Assert.Equal([model, model, model, model, null, null, null, null], runs.Select(run => run.FirstModelId));
        Assert.Equal(4, await migrated.Runs.CountAsync(run => run.FirstModelId == model));
    }

    [Theory]
    [InlineData("journal_mode", "wal")]
    [InlineData("synchronous", "2")]
    [InlineData("foreign_keys", "1")]
    public async Task Connection_Opened_HasItsPragma(string pragma, string expected)
    {
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        await db.Database.OpenConnectionAsync();
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = $"PRAGMA {pragma};";
        Assert.Equal(expected, (await command.ExecuteScalarAsync())!.ToString());
    }

    [Fact]
    public async Task Run_SavedAndRead_KeepsItsValues()
    {
        DateTime now = DateTime.UtcNow;
        var run = new Run
        {
            Id = Guid.CreateVersion7(), Name = "'); DROP TABLE Runs; -- 🙂", Kind = RunKind.Distillation, Status = RunStatus.Interrupted,
                OptionsJson = "{}",
            CreatedAt = now, ValidationPerplexity = 1.0 / 3, StudentParameters = 1L << 40,
        };
        await using (WebDistillDb db = await _contexts.CreateDbContextAsync())
        {
            db.Runs.Add(run);
            await db.SaveChangesAsync();
        }
        await using WebDistillDb fresh = await _contexts.CreateDbContextAsync();
        Assert.Equivalent(run, await fresh.Runs.SingleAsync(), strict: true);
        Assert.Equal(DateTimeKind.Utc, (await fresh.Runs.SingleAsync()).CreatedAt.Kind);
        Assert.Equal(1, await fresh.Runs.CountAsync(r => r.Status == RunStatus.Interrupted));
    }

    [Fact]
    public async Task StepRow_SameRunAndStepTwice_IsRefused()
    {
        Guid id = await AddRunAsync();
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        db.StepRows.Add(new StepRow { RunId = id, Step = 1 });
        await db.SaveChangesAsync();
        await using WebDistillDb other = await _contexts.CreateDbContextAsync();
        other.StepRows.Add(new StepRow { RunId = id, Step = 1 });
        await Assert.ThrowsAsync<DbUpdateException>(() => other.SaveChangesAsync());
    }

    [Fact]
    public async Task Lowest_ARunWithTiesAndOneWithoutAny_TheEarliestAndNothing()
    {
        Guid id = await AddRunAsync(), unmeasured = await AddRunAsync(), other = await AddRunAsync();
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        (Guid Run, int Step, double? Perplexity)[] steps =
            [(id, 1, 9), (id, 2, null), (id, 3, 4.5), (id, 4, 4.5), (id, 5, 7), (unmeasured, 1, null), (other, 1, 2)];
        db.StepRows.AddRange(steps.Select(step => new StepRow { RunId = step.Run, Step = step.Step }));
        db.Measurements.AddRange(steps.Where(step => step.Perplexity is not null).Select(step => new Measurement
        {
            RunId = step.Run, Step = step.Step, Name = "perplexity", Value = step.Perplexity!.Value,
        }));
        db.Measurements.Add(new Measurement { RunId = id, Step = 2, Name = "something else", Value = 1 });
        await db.SaveChangesAsync();
        IReadOnlyDictionary<Guid, MeasuredPair> lowest = await db.LowestAsync([id, unmeasured], "perplexity", "nats");
        Assert.Equal(new MeasuredPair(id, 3, 4.5, null), Assert.Single(lowest, run => run.Key == id).Value);
        Assert.Single(lowest);
    }

    [Fact]
    public async Task Numbers_ThatAreNotFinite_ComeBackAsTheyWere()
    {
        Guid id = await AddRunAsync();
        await using (WebDistillDb db = await _contexts.CreateDbContextAsync())
        {
            db.StepRows.AddRange(
                new StepRow { RunId = id, Step = 1, TotalLoss = double.NaN, Values = PackedNumbers.Pack(double.NaN, 1.0 / 3) },
                new StepRow { RunId = id, Step = 2, TotalLoss = double.PositiveInfinity, Values = PackedNumbers.Pack(double.PositiveInfinity, -0.0) },
                new StepRow { RunId = id, Step = 3, TotalLoss = 1, Values = PackedNumbers.Pack((double?)null) });
            db.Measurements.AddRange(
                new Measurement { RunId = id, Step = 1, Name = "x", Value = double.NaN },
                new Measurement { RunId = id, Step = 2, Name = "x", Value = double.PositiveInfinity });
            await db.SaveChangesAsync();
        }
        await using WebDistillDb fresh = await _contexts.CreateDbContextAsync();
        StepRow[] read = await fresh.StepRows.AsNoTracking().OrderBy(row => row.Step).ToArrayAsync();
        Assert.Equal([double.NaN, double.PositiveInfinity, 1], read.Select(row => row.TotalLoss));
        Assert.Equal([double.NaN, double.PositiveInfinity, null], read.Select(row => PackedNumbers.At(row.Values, 0)));
        // A row from before a series was added is shorter.
        Assert.Equal([1.0 / 3, -0.0, null], read.Select(row => PackedNumbers.At(row.Values, 1)));
        Assert.Equal([double.NaN, double.PositiveInfinity], await fresh.Measurements.OrderBy(one => one.Step).Select(one => one.Value).ToListAsync());
        // As other programs read the column.
        Assert.Equal(WebDistillDb.StoredNaN, await fresh.Database.SqlQueryRaw<double>(
            "SELECT TotalLoss AS Value FROM StepRows WHERE Step = 1").SingleAsync());
        Assert.Equal(WebDistillDb.StoredNaN, PackedNumbers.StoredAt(read[0].Values, 0));
    }

    [Fact]
    public async Task Lowest_OverflowedOnesAndNaN_AreNeverBeforeAFiniteOne()
    {
        Guid id = await AddRunAsync(), overflowed = await AddRunAsync(), lost = await AddRunAsync();
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        (Guid Run, int Step, double Nats)[] steps =
        [
            (id, 1, double.NaN), (id, 2, 3000), (id, 3, 2), (overflowed, 1, double.NaN), (overflowed, 2, 3000), (overflowed, 3, 800),
            (overflowed, 4, double.PositiveInfinity), (lost, 1, double.NaN),
        ];
        foreach ((Guid run, int step, double nats) in steps)
            db.Measurements.AddRange(
                new Measurement { RunId = run, Step = step, Name = "perplexity", Value = Math.Exp(nats) },
                new Measurement { RunId = run, Step = step, Name = "nats", Value = nats });
        await db.SaveChangesAsync();
        IReadOnlyDictionary<Guid, MeasuredPair> lowest = await db.LowestAsync([id, overflowed, lost], "perplexity", "nats");
        Assert.Equal(new MeasuredPair(id, 3, Math.Exp(2), 2), lowest[id]);
        Assert.Equal(new MeasuredPair(overflowed, 3, double.PositiveInfinity, 800), lowest[overflowed]);
        Assert.True(double.IsNaN(lowest[lost].Value));
    }

    [Fact]
    public async Task Run_Deleted_TakesItsStepsCheckpointsAndLogWithIt()
    {
        Guid id = await AddRunAsync();
        await using (WebDistillDb db = await _contexts.CreateDbContextAsync())
        {
            db.StepRows.Add(new StepRow { RunId = id, Step = 1 });
            db.Measurements.Add(new Measurement { RunId = id, Step = 1, Name = "x" });
            db.Checkpoints.Add(new Checkpoint { RunId = id, Step = 1, WeightsSha256 = "" });
            db.LogLines.Add(new LogLine { RunId = id, Text = "line" });
            db.Diagnoses.Add(new StoredDiagnosis { RunId = id, Step = 1, Json = "{}" });
            db.SupersededDiagnoses.Add(new SupersededDiagnosis { RunId = id, Step = 1, Attempt = 1, Json = "{}" });
            db.Samples.Add(new Sample { RunId = id, Prompt = "Once", Student = "[]" });
            await db.SaveChangesAsync();
        }
        await using WebDistillDb fresh = await _contexts.CreateDbContextAsync();
        fresh.Runs.Remove(await fresh.Runs.SingleAsync());
        await fresh.SaveChangesAsync();
        Assert.Equal(0, await fresh.StepRows.CountAsync() + await fresh.Measurements.CountAsync() + await fresh.Checkpoints.CountAsync() + await fresh.LogLines.CountAsync()
            + await fresh.Diagnoses.CountAsync() + await fresh.SupersededDiagnoses.CountAsync()
            + await fresh.Samples.CountAsync());
    }

    [Fact]
    public async Task Writer_ManyAtOnceBesideReaders_LosesNoWriteAndMeetsNoLock()
    {
        const int writers = 8, steps = 50;
        Guid id = await AddRunAsync();
        var writer = _services.GetRequiredService<DatabaseWriter>();
        using var finished = new CancellationTokenSource();
        Task readers = Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (!finished.IsCancellationRequested)
            {
                await using WebDistillDb db = await _contexts.CreateDbContextAsync();
                await db.StepRows.CountAsync();
            }
        })));
        await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
        {
            for (int step = 0; step < steps; step++)
            {
                int number = w * steps + step + 1;
                await writer.WriteAsync(async db =>
                {
                    db.StepRows.Add(new StepRow { RunId = id, Step = number });
                    await db.SaveChangesAsync();
                });
            }
        })));
        await finished.CancelAsync();
        await readers;
        await using WebDistillDb fresh = await _contexts.CreateDbContextAsync();
        Assert.Equal(Enumerable.Range(1, writers * steps), await fresh.StepRows.OrderBy(m => m.Step).Select(m => m.Step).ToListAsync());
    }

    private async Task<Guid> AddRunAsync()
    {
        var id = Guid.CreateVersion7();
        await using WebDistillDb db = await _contexts.CreateDbContextAsync();
        db.Runs.Add(new Run { Id = id, Name = "run", OptionsJson = "{}" });
        await db.SaveChangesAsync();
        return id;
    }
}
