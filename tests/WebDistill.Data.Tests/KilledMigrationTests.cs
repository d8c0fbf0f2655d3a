using System.Data.Common;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;

namespace WebDistill.Data.Tests;

/// <summary>
/// A process that is killed while it creates or upgrades the database: at every statement the files are copied as they lie on the disk, which
/// is all that a killed process leaves. Every copy must open, upgrade and hold its rows.
/// </summary>
[Trait("takes", "long")]
public sealed class KilledMigrationTests : IDisposable
{
    private const string Rows = """
        INSERT INTO Runs (Id, Name, Kind, Status, Step, TotalSteps, OptionsJson, QueueOrder, CreatedAt)
        VALUES ('00000000-0000-0000-0000-00000000000A', 'old', 'Training', 'Completed', 2, 2, '{{}}', 1, '2026-11-01');
        INSERT INTO StepMetrics (RunId, Step, Epoch, TokensSeen, TotalLoss, LearningRate, GradientNorm, TokensPerSecond, StepSeconds, MemoryBytes)
        VALUES ('00000000-0000-0000-0000-00000000000A', 1, 0.5, 10, 3, 1, 1, 100, 1.5, 1), ('00000000-0000-0000-0000-00000000000A', 2, 1, 20, 2, 1, 1, 100, 2.5, 1);
        INSERT INTO LogLines (RunId, At, Text) VALUES ('00000000-0000-0000-0000-00000000000A', '2026-11-01', 'hello');
        """;

    private static readonly string[] s_suffixes = ["", "-journal", "-wal"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("webdistill-killed-");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task FirstStart_KilledAtAnyStatement_TheNextStartMakesTheDatabase()
    {
        IReadOnlyList<string> images = await ImagesAsync(Path.Combine(_folder.FullName, "new"), from: null);
        Assert.True(images.Count >= MigrationCount, $"Only {images.Count} states were seen");
        string expected = await SchemaAsync(images[^1]);
        foreach (string image in images)
            Assert.Equal(expected, await SchemaAsync(image));
    }

    [Fact]
    public async Task Upgrade_KilledAtAnyStatement_TheNextStartUpgradesAndKeepsTheRows()
    {
        IReadOnlyList<string> images = await ImagesAsync(Path.Combine(_folder.FullName, "old"), from: "Initial");
        Assert.True(images.Count >= MigrationCount, $"Only {images.Count} states were seen");
        string expected = await SchemaAsync(images[^1]);
        foreach (string image in images)
        {
            Assert.Equal(expected, await SchemaAsync(image));
            await using WebDistillDb db = Open(image).CreateDbContext();
            Run run = await db.Runs.SingleAsync();
            Assert.Equal(("old", 4.0), (run.Name, run.TrainedSeconds));
            List<StepRow> rows = await db.StepRows.OrderBy(row => row.Step).ToListAsync();
            Assert.Equal([3, 2], rows.Select(row => row.TotalLoss));
            Assert.Equal(PackedNumbers.Pack(null, null, null, null, 1, 1, 100, 1, 2.5), rows[1].Values);
            Assert.Equal("hello", (await db.LogLines.SingleAsync()).Text);
            Assert.Empty(await SqliteDatabase.CheckIntegrityAsync(db, default));
        }
    }

    /// <summary>EF Core looks at the file through a connection that only reads, which must not roll back: "attempt to write a readonly database".</summary>
    [Fact]
    public async Task Start_WithTheJournalOfAKilledTransaction_RollsItBack()
    {
        string begun = Path.Combine(_folder.FullName, "begun.db"), killed = Path.Combine(_folder.FullName, "killed.db");
        await using (var connection = new SqliteConnection($"Data Source={begun};Pooling=False"))
        {
            connection.Open();
            // With room for one page in memory, what a transaction changes stands in the file before its end.
            Execute("PRAGMA journal_mode=DELETE; PRAGMA user_version=1; PRAGMA cache_size=1;");
            Execute("BEGIN; CREATE TABLE cut (x BLOB); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO cut SELECT randomblob(4000) FROM n;");
            foreach (string suffix in (string[])["", "-journal"])
                File.Copy(begun + suffix, killed + suffix);
            Execute("ROLLBACK;");

            void Execute(string sql)
            {
                using SqliteCommand command = connection.CreateCommand();
                command.CommandText = sql;
                command.ExecuteNonQuery();
            }
        }
        Assert.Equal(await SchemaAsync(Path.Combine(_folder.FullName, "fresh.db")), await SchemaAsync(killed));
    }

    [Fact]
    public async Task Start_WithTheLockOfAKilledProcess_DoesNotWait()
    {
        string path = Path.Combine(_folder.FullName, "locked.db");
        await SqliteDatabase.MigrateAsync(Open(path));
        await using (WebDistillDb db = Open(path).CreateDbContext())
            await db.Database.ExecuteSqlRawAsync("INSERT INTO __EFMigrationsLock (Id, Timestamp) VALUES (1, '2026-11-01')");
        await SqliteDatabase.MigrateAsync(Open(path)).WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Start_WithADatabaseOfANewerVersion_IsRefusedAndChangesNothing()
    {
        string path = Path.Combine(_folder.FullName, "newer.db");
        await SqliteDatabase.MigrateAsync(Open(path));
        await using WebDistillDb db = Open(path).CreateDbContext();
        await db.Database.ExecuteSqlRawAsync("INSERT INTO __EFMigrationsHistory VALUES ('29990101000000_FromTheFuture', '99.0')");
        string before = await DumpAsync(db);
        DatabaseTooNewException refused = await Assert.ThrowsAsync<DatabaseTooNewException>(() => SqliteDatabase.MigrateAsync(Open(path)));
        Assert.Contains("29990101000000_FromTheFuture", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await DumpAsync(db));
    }

    private static int MigrationCount
    {
        get
        {
            using WebDistillDb db = Open("unused.db").CreateDbContext();
            return db.Database.GetMigrations().Count();
        }
    }

    // Starts as the product does and copies the files before every statement, and once when all is done. Most statements of a transaction
    // leave the disk as it was: each state is kept once.
    private static async Task<IReadOnlyList<string>> ImagesAsync(string folder, string? from)
    {
        string path = Path.Combine(Directory.CreateDirectory(folder).FullName, "test.db");
        if (from is not null)
        {
            await using WebDistillDb db = Open(path).CreateDbContext();
            await db.GetService<IMigrator>().MigrateAsync(from);
            await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL;");
            await db.Database.ExecuteSqlRawAsync(Rows);
        }
        List<string> images = [];
        HashSet<string> states = [];
        await SqliteDatabase.MigrateAsync(Open(path, new EveryStatement(Look)));
        Look();
        return images;

        void Look()
        {
            string state = string.Join("|", s_suffixes.Select(suffix =>
                File.Exists(path + suffix) ? Convert.ToHexString(SHA256.HashData(Read(path + suffix))) : ""));
            if (states.Add(state))
                images.Add(Copy(path, images.Count));
        }
    }

    // Shared with the connection that has it open.
    private static byte[] Read(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private static string Copy(string path, int number)
    {
        string image = Path.Combine(Path.GetDirectoryName(path)!, $"image-{number}.db");
        foreach (string suffix in s_suffixes)
        {
            if (File.Exists(path + suffix))
                File.WriteAllBytes(image + suffix, Read(path + suffix));
        }
        return image;
    }

    private static async Task<string> SchemaAsync(string image)
    {
        await SqliteDatabase.MigrateAsync(Open(image)).WaitAsync(TimeSpan.FromSeconds(10));
        await using WebDistillDb db = Open(image).CreateDbContext();
        Assert.Empty(await db.Database.GetPendingMigrationsAsync());
        return await DumpAsync(db);
    }

    private static async Task<string> DumpAsync(WebDistillDb db) => string.Join("\n", await db.Database.SqlQueryRaw<string>(
        """SELECT name || ': ' || COALESCE(sql, '') AS "Value" FROM sqlite_master ORDER BY name""").ToListAsync());

    private static Contexts Open(string path, EveryStatement? statements = null) => new(path, statements);

    private sealed class Contexts(string path, EveryStatement? statements) : IDbContextFactory<WebDistillDb>
    {
        private readonly ServiceProvider _services = new ServiceCollection().AddSqliteDatabase(path).BuildServiceProvider();

        public WebDistillDb CreateDbContext()
        {
            var options = new DbContextOptionsBuilder<WebDistillDb>(
                _services.GetRequiredService<DbContextOptions<WebDistillDb>>());
            if (statements is not null)
                options.AddInterceptors(statements);
            return new WebDistillDb(options.Options);
        }
    }

    private sealed class EveryStatement(Action before) : DbCommandInterceptor
    {
        public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
            Seen(result);

        public override ValueTask<InterceptionResult<object>> ScalarExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<object> result, CancellationToken cancellationToken = default) =>
            Seen(result);

        public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default) =>
            Seen(result);

        private ValueTask<T> Seen<T>(T result)
        {
            before();
            return ValueTask.FromResult(result);
        }
    }
}
