using System.Net;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Settings;

public sealed class HousekeepingTests
{
    [Fact]
    public async Task Measure_RunModelAndDataset_AreCountedAsTheyLieOnTheDisk()
    {
        await using var app = new WebDistillApp();
        Guid dataset = await app.ReadyDatasetAsync();
        Guid run = await app.StartAsync(Product.TinyTraining(dataset));
        await app.EndOfRunAsync(run);
        JsonElement use = await app.GetAsync("/api/storage");
        foreach ((string kind, Guid id) in new[] { ("runs", run), ("models", run), ("datasets", dataset) })
        {
            JsonElement entry = use.GetProperty(kind).EnumerateArray().Single();
            Assert.Equal(id, entry.GetProperty("id").GetGuid());
            Assert.Equal(DataFolder.Bytes(Path.Combine(app.Root, kind, id.ToString("N"))), entry.GetProperty("bytes").GetInt64());
        }
        Assert.True(use.GetProperty("freeBytes").GetInt64() > 0);
        Assert.Equal(HttpStatusCode.NoContent, (await app.Http.DeleteAsync($"/api/runs/{run}")).StatusCode);
        Assert.Empty((await app.GetAsync("/api/storage")).GetProperty("runs").EnumerateArray());
        Assert.False(Directory.Exists(Path.Combine(app.Root, "runs", run.ToString("N"))));
    }

    /// <summary>What the fuzzing found: the storage page and list failed when a backup ended while they read its folder.</summary>
    [Trait("takes", "long")]
    [Fact]
    public async Task Measure_FilesComeAndGoMeanwhile_CountsWhatIsThere()
    {
        await using var app = new WebDistillApp();
        string backups = Directory.CreateDirectory(Path.Combine(app.Root, "backups")).FullName, nested = Path.Combine(backups, "nested");
        using var ended = new CancellationTokenSource();
        Task comingAndGoing = Task.Run(() =>
        {
            while (!ended.IsCancellationRequested)
            {
                Directory.CreateDirectory(nested);
                string[] files = [.. Enumerable.Range(0, 20).SelectMany(i => new[] { Path.Combine(nested, $"{i}"), Path.Combine(backups, $"webdistill-{i}.db") })];
                foreach (string file in files)
                    File.WriteAllText(file, "12345");
                foreach (string file in files)
                    File.Delete(file);
                Directory.Delete(nested);
            }
        });
        var housekeeping = app.Service<Housekeeping>();
        for (int i = 0; i < 500; i++)
        {
            Assert.InRange((await housekeeping.MeasureAsync()).BackupBytes, 0, 200);
            Assert.All(housekeeping.Backups(), backup => Assert.InRange(backup.Bytes, 0, 5));
        }
        await ended.CancelAsync();
        await comingAndGoing;
        Assert.Equal(0, DataFolder.Bytes(backups));
        Assert.Equal(0, DataFolder.Bytes(Path.Combine(app.Root, "none")));
    }

    [Fact]
    public async Task Backup_WhileARunTrains_IsWholeAndOpensByItself()
    {
        await using var app = new WebDistillApp();
        Guid run = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000));
        await app.PollAsync($"/api/runs/{run}", r => r.GetProperty("step").GetInt32() > 10);
        using HttpResponseMessage created = await app.Http.PostAsync("/api/storage/backups", null);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        string name = (await created.JsonAsync()).GetProperty("name").GetString()!;
        byte[] file = await app.Http.GetByteArrayAsync(created.Headers.Location);
        string path = Path.Combine(app.Root, "copy.db");
        await File.WriteAllBytesAsync(path, file);
        DbContextOptions<WebDistillDb> options = new DbContextOptionsBuilder<WebDistillDb>().UseSqlite($"Data Source={path}").Options;
        await using (var db = new WebDistillDb(options))
        {
            Assert.Empty(await SqliteDatabase.CheckIntegrityAsync(db, default));
            Assert.Equal(run, (await db.Runs.SingleAsync()).Id);
            Assert.True(await db.StepRows.CountAsync() > 10);
        }
        JsonElement listed = (await app.GetAsync("/api/storage/backups")).EnumerateArray().Single();
        Assert.Equal((name, (long)file.Length), (listed.GetProperty("name").GetString(), listed.GetProperty("bytes").GetInt64()));
        Assert.Equal(HttpStatusCode.NotFound, (await app.Http.GetAsync("/api/storage/backups/..%2Fwebdistill.db")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await app.Http.DeleteAsync($"/api/storage/backups/{name}")).StatusCode);
        Assert.Empty((await app.GetAsync("/api/storage/backups")).EnumerateArray());
        await app.Http.PostAsync($"/api/runs/{run}/stop", null);
        await app.EndOfRunAsync(run);
    }

    [Fact]
    public async Task IntegrityCheck_SoundAndBroken_SaysWhich()
    {
        await using var app = new WebDistillApp();
        async Task<JsonElement> CheckAsync()
        {
            using HttpResponseMessage answer = await app.Http.PostAsync("/api/storage/integrity-check", null);
            return (await answer.JsonAsync()).GetProperty("problems");
        }
        Assert.Empty((await CheckAsync()).EnumerateArray());
        // A step of a run that does not exist, which foreign keys would refuse.
        await using (var connection = new SqliteConnection($"Data Source={Path.Combine(app.Root, "webdistill.db")};Foreign Keys=False"))
        {
            await connection.OpenAsync();
            using SqliteCommand insert = connection.CreateCommand();
            insert.CommandText = "INSERT INTO LogLines (RunId, At, Severity, Step, Text) VALUES ('00000000-0000-0000-0000-00000000000A', '2026-01-01', 'Information', 0, 'x')";
            await insert.ExecuteNonQueryAsync();
        }
        Assert.Contains("A row of LogLines refers to a row of Runs that is missing", (await CheckAsync()).EnumerateArray().Single().GetString());
    }

    /// <summary>Found by fuzzing: two backups of one millisecond had one name, and one of them failed.</summary>
    [Fact]
    public async Task Backup_ManyAtOnce_EachIsWholeAndHasANameOfItsOwn()
    {
        await using var app = new WebDistillApp();
        var housekeeping = app.Service<Housekeeping>();
        Backup[] backups = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => housekeeping.BackUpAsync())));
        Assert.Equal(16, backups.Select(backup => backup.Name).Distinct().Count());
        Assert.Equal(16, housekeeping.Backups().Count);
        Assert.Empty(Directory.GetFiles(Path.Combine(app.Root, "backups"), "*.partial"));
    }
}
