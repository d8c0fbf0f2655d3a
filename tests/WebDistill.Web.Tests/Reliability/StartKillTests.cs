using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>The real server, killed while it makes its database or brings an older one up to date: the next start works.</summary>
[Trait("needs", "kill")]
public sealed class StartKillTests
{
    // What the next start is promised to take at most, also after a kill that left the database's migration lock behind. By the clock in a soak,
    // which has the machine to itself. Beside other tests the clock would measure them: there it is what the start computes, and one that waits
    // for a lock is no start, because the product gives up after five seconds of that.
    private static readonly TimeSpan _startLimit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task FirstStart_KilledAtRandomMoments_TheNextOneWorksWithinTenSeconds()
    {
        var kills = new Kills("first start", ordinarily: 2);
        string expected = "";
        TimeSpan duration = TimeSpan.Zero;
        // The first round is not cut: it says what a start leaves and how long it takes.
        for (int kill = 0; kill <= kills.Count; kill++)
        {
            DirectoryInfo root = kills.Root.CreateSubdirectory(kill.ToString(CultureInfo.InvariantCulture));
            string moment = kill == 0 ? "" : await CutStartAsync(root, kills, duration, kill);
            duration = await StartAsync(root, kills, duration);
            string found = await DumpAsync(root);
            if (kill == 0)
                expected = found;
            else
                kills.Note(moment, expected, found);
        }
        kills.Finish();
    }

    /// <summary>What was not settled by the attack: a kill inside an upgrade between two real versions of the database.</summary>
    [Fact]
    public async Task Upgrade_KilledAtRandomMoments_TheNextStartFinishesItAndEveryRowIsWhole()
    {
        var kills = new Kills("upgrade", ordinarily: 2);
        string older = await OlderDatabaseAsync(kills.Root);
        string expected = "";
        TimeSpan duration = TimeSpan.Zero;
        for (int kill = 0; kill <= kills.Count; kill++)
        {
            DirectoryInfo root = kills.Root.CreateSubdirectory(kill.ToString(CultureInfo.InvariantCulture));
            File.Copy(older, Database(root));
            string moment = kill == 0 ? "" : await CutStartAsync(root, kills, duration, kill);
            duration = await StartAsync(root, kills, duration);
            string found = await DumpAsync(root);
            if (kill == 0)
                expected = found;
            else
                kills.Note(moment, expected, found);
        }
        kills.Finish();
    }

    private static string Database(DirectoryInfo root) => Path.Combine(root.FullName, "webdistill.db");

    /// <summary>Begins a start and ends it by SIGKILL: every second time within the migrations, else anywhere.</summary>
    private static async Task<string> CutStartAsync(DirectoryInfo root, Kills kills, TimeSpan duration, int kill)
    {
        using Process process = ServerProcess.Start(ServerProcess.Arguments(root.FullName));
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        var clock = Stopwatch.StartNew();
        TimeSpan delay;
        if (kill % 2 == 1)
        {
            // The journal appears with the first change, and all of them are made within the next tenths of a second.
            while (!File.Exists(Database(root) + "-wal") && !File.Exists(Database(root) + "-journal") && !process.HasExited)
                await Task.Delay(1);
            delay = kills.Moment(TimeSpan.FromMilliseconds(300));
        }
        else
        {
            delay = kills.Moment(duration);
        }
        await Task.Delay(delay);
        process.Kill();
        await process.WaitForExitAsync();
        long milliseconds = clock.ElapsedMilliseconds;
        return $"after {milliseconds} ms, {await AppliedAsync(root)}";
    }

    /// <summary>Starts the server, asserts that it is in time, kills it and says how long the start took.</summary>
    private static async Task<TimeSpan> StartAsync(DirectoryInfo root, Kills kills, TimeSpan before)
    {
        var clock = Stopwatch.StartNew();
        await using ServerProcess server = await ServerProcess.StartAsync(root.FullName);
        TimeSpan took = clock.Elapsed, measured = kills.IsSoak ? took : server.ProcessorTime;
        Assert.True(measured < _startLimit, $"The start took {took} and computed for {server.ProcessorTime}; seed {kills.Seed}.");
        Assert.Equal("Healthy", await server.Http.GetStringAsync("/healthz"));
        return before > TimeSpan.Zero ? before : took;
    }

    /// <summary>How far the migrations had come, read from a copy: opening the database itself would already repair it.</summary>
    private static async Task<string> AppliedAsync(DirectoryInfo root)
    {
        if (!File.Exists(Database(root)))
            return "there was no database";
        DirectoryInfo copy = root.CreateSubdirectory("copy");
        foreach (FileInfo file in root.EnumerateFiles("webdistill.db*"))
            file.CopyTo(Path.Combine(copy.FullName, file.Name));
        try
        {
            await using SqliteConnection connection = await OpenAsync(copy);
            string[] tables = [.. await ReadAsync(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")];
            string applied = tables.Contains("__EFMigrationsHistory")
                ? (await ReadAsync(connection, "SELECT COUNT(*) FROM __EFMigrationsHistory")).Single() : "0";
            bool isLocked = tables.Contains("__EFMigrationsLock")
                && (await ReadAsync(connection, "SELECT COUNT(*) FROM __EFMigrationsLock")).Single() != "0";
            return $"{applied} migrations were applied{(isLocked ? ", their lock was taken" : "")}";
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    /// <summary>A database as the first version left it, with a run, its curve and its log.</summary>
    private static async Task<string> OlderDatabaseAsync(DirectoryInfo root)
    {
        string path = Path.Combine(root.FullName, "older.db");
        await using ServiceProvider services = new ServiceCollection().AddSqliteDatabase(path).BuildServiceProvider();
        await using (WebDistillDb db = await services.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync())
        {
            await db.GetService<IMigrator>().MigrateAsync("Initial");
            await db.Database.ExecuteSqlRawAsync("""
                INSERT INTO Runs (Id, Name, Kind, Status, Step, TotalSteps, OptionsJson, QueueOrder, CreatedAt)
                VALUES ('00000000-0000-0000-0000-00000000000A', 'old', 'Training', 'Completed', 20000, 20000, '{{}}', 1, '2026-11-01');
                WITH RECURSIVE steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < 20000)
                INSERT INTO StepMetrics (RunId, Step, Epoch, TokensSeen, TotalLoss, LearningRate, GradientNorm, TokensPerSecond, StepSeconds, MemoryBytes)
                SELECT '00000000-0000-0000-0000-00000000000A', n, n / 20000.0, 10 * n, 7.0 / n, 0.001, 1, 100, 1.5, 1 FROM steps;
                WITH RECURSIVE lines(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM lines WHERE n < 1000)
                INSERT INTO LogLines (RunId, At, Text) SELECT '00000000-0000-0000-0000-00000000000A', '2026-11-01', 'line ' || n FROM lines;
                """);
        }
        SqliteConnection.ClearAllPools();
        return path;
    }

    /// <summary>The schema and a hash of every row of every table, once SQLite itself finds the database sound.</summary>
    private static async Task<string> DumpAsync(DirectoryInfo root)
    {
        await using SqliteConnection connection = await OpenAsync(root);
        Assert.Equal(["ok"], await ReadAsync(connection, "PRAGMA integrity_check"));
        Assert.Empty(await ReadAsync(connection, "PRAGMA foreign_key_check"));
        var dump = new StringBuilder(Kills.TextSha256(string.Join('\n', await ReadAsync(connection, "SELECT sql FROM sqlite_master ORDER BY name"))));
        foreach (string table in await ReadAsync(connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"))
        {
            List<string> rows = await ReadAsync(connection, $"SELECT * FROM \"{table}\" ORDER BY 1, 2");
            dump.Append(CultureInfo.InvariantCulture, $"\n{table}: {rows.Count} rows, {Kills.TextSha256(string.Join('\n', rows))}");
        }
        return dump.ToString();
    }

    private static async Task<SqliteConnection> OpenAsync(DirectoryInfo folder)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Database(folder), Pooling = false }.ToString());
        await connection.OpenAsync();
        return connection;
    }

    private static async Task<List<string>> ReadAsync(SqliteConnection connection, string sql)
    {
        await using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        await using SqliteDataReader reader = await command.ExecuteReaderAsync();
        List<string> rows = [];
        while (await reader.ReadAsync())
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture))));
        return rows;
    }
}
