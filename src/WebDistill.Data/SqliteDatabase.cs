using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.DependencyInjection;

namespace WebDistill.Data;

/// <summary>The embedded default: one SQLite file in WAL mode.</summary>
public static class SqliteDatabase
{
    // Of EF Core: a row in this table keeps other processes from migrating, and stays when its process is killed.
    private const string MigrationsLock = "__EFMigrationsLock";

    private static readonly TimeSpan MigrationsLockPatience = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Registers the context factory and the writer on the database file <paramref name="path"/>, whose folder must exist.
    /// </summary>
    /// <param name="makeRoom">Given what a change failed with, says whether there is room now that there was not; null makes none.</param>
    public static IServiceCollection AddSqliteDatabase(
        this IServiceCollection services, string path, Func<IServiceProvider, Func<Exception, bool>>? makeRoom = null)
    {
        services.AddDbContextFactory<WebDistillDb>(options =>
            Use(options, new SqliteConnectionStringBuilder { DataSource = path, ForeignKeys = true }));
        services.AddSingleton(provider =>
            new DatabaseWriter(provider.GetRequiredService<IDbContextFactory<WebDistillDb>>(), makeRoom?.Invoke(provider)));
        return services;
    }

    /// <summary>
    /// Creates the file if there is none, applies the migrations that it lacks and turns WAL on. The caller must be the only process that
    /// uses the data folder: a lock of an earlier one, which was killed while it migrated, is removed.
    /// </summary>
    /// <exception cref="ForeignDatabaseException">Another program made it; nothing is changed.</exception>
    /// <exception cref="DatabaseTooNewException">It holds migrations that this version does not know; nothing is changed.</exception>
    /// <exception cref="IOException">Another program holds the lock of the migrations.</exception>
    public static async Task MigrateAsync(IDbContextFactory<WebDistillDb> contexts)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        RollBack(db.Database.GetConnectionString()!);
        await RequireOursAsync(db);
        await RequireKnownAsync(db);
        if (await db.Database.SqlQueryRaw<int>($"""SELECT COUNT(*) AS "Value" FROM sqlite_master WHERE name = '{MigrationsLock}'""").SingleAsync() > 0)
            await db.Database.ExecuteSqlRawAsync($"""DELETE FROM "{MigrationsLock}";""");
        // EF Core waits without end for the lock. Whoever can be given it here can be given it again at once.
        using (var patience = new CancellationTokenSource(MigrationsLockPatience))
        {
            try
            {
                await using IMigrationsDatabaseLock _ = await db.GetService<IHistoryRepository>().AcquireDatabaseLockAsync(patience.Token);
            }
            catch (OperationCanceledException e)
            {
                throw new IOException($"Another program has been changing {Path.GetFileName(db.Database.GetDbConnection().DataSource)} for "
                    + $"{MigrationsLockPatience.TotalSeconds} s. Wait until it has ended, or end it, and start again.", e);
            }
        }
        await db.Database.MigrateAsync();
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL;");
    }

    /// <summary>Opens any file without changing it; for a look at a copy.</summary>
    public static WebDistillDb OpenReadOnly(string path) => new(Use(new DbContextOptionsBuilder<WebDistillDb>(),
        new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }).Options);

    /// <summary>Brings what stands in the log of changes into the database file itself, which then is all there is.</summary>
    public static void WriteLogIntoFile(string path)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE;";
        command.ExecuteNonQuery();
    }

    /// <summary>Whether the database records migrations of this product, of whichever version.</summary>
    public static async Task<bool> IsOursAsync(WebDistillDb db) =>
        (await db.Database.GetAppliedMigrationsAsync()).FirstOrDefault() == db.Database.GetMigrations().First();

    private static TBuilder Use<TBuilder>(TBuilder options, SqliteConnectionStringBuilder connection) where TBuilder : DbContextOptionsBuilder
    {
        options.UseSqlite(connection.ToString(), sqlite => sqlite.MigrationsAssembly("WebDistill.Migrations.Sqlite"))
            .AddInterceptors(new ConnectionPragmas());
        return options;
    }

    // A start that was killed in the middle of a migration leaves a journal to be rolled back, which EF Core's own look at the file, through a
    // connection that only reads, cannot do. Not through EF Core either: it would log of a damaged file what the caller tells in a sentence.
    private static void RollBack(string connectionString)
    {
        using var connection = new SqliteConnection(connectionString);
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM sqlite_master";
        command.ExecuteScalar();
    }

    // One without tables is nobody's yet: also a start that was cut off may have left it, with EF Core's two at most.
    private static async Task RequireOursAsync(WebDistillDb db)
    {
        if (await IsOursAsync(db))
            return;
        bool isRecorded = (await db.Database.GetAppliedMigrationsAsync()).Any();
        List<string> tables = await db.Database.SqlQueryRaw<string>(
            """
            SELECT name AS "Value" FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '__EFMigrations*'
            """).ToListAsync();
        if (isRecorded || tables.Count > 0)
            throw new ForeignDatabaseException(Path.GetFileName(db.Database.GetDbConnection().DataSource), tables.FirstOrDefault("__EFMigrationsHistory"));
    }

    /// <summary>Throws unless every migration that the database holds is known here.</summary>
    /// <exception cref="DatabaseTooNewException">It holds another one.</exception>
    public static async Task RequireKnownAsync(WebDistillDb db)
    {
        IEnumerable<string> applied = await db.Database.GetAppliedMigrationsAsync();
        if (applied.Except(db.Database.GetMigrations()).LastOrDefault() is string unknown)
            throw new DatabaseTooNewException(unknown);
    }

    /// <summary>Reads every page of the database and every reference between tables; empty when all is sound.</summary>
    public static async Task<IReadOnlyList<string>> CheckIntegrityAsync(WebDistillDb db, CancellationToken cancel)
    {
        List<string> problems = await db.Database.SqlQueryRaw<string>("""SELECT integrity_check AS "Value" FROM pragma_integrity_check""")
            .ToListAsync(cancel);
        problems.Remove("ok");
        problems.AddRange(await db.Database.SqlQueryRaw<string>(
            """SELECT 'A row of ' || "table" || ' refers to a row of ' || "parent" || ' that is missing' AS "Value" FROM pragma_foreign_key_check""")
            .ToListAsync(cancel));
        return problems;
    }

    /// <summary>Writes a compact copy of the database, as of now, into a new file.</summary>
    public static Task CopyAsync(WebDistillDb db, string path, CancellationToken cancel) =>
        db.Database.ExecuteSqlAsync($"VACUUM INTO {path}", cancel);

    /// <summary>Whether <paramref name="problem"/> says that there is no room for the database to grow.</summary>
    public static bool IsFull(Exception problem)
    {
        const int full = 13; // SQLITE_FULL
        return problem is SqliteException { SqliteErrorCode: full } || problem.InnerException is Exception inner && IsFull(inner);
    }

    // Unlike the journal mode, which the file remembers, this one belongs to the connection. Under WAL, NORMAL could lose the last
    // transactions in a power cut, and a checkpoint would then be newer than the rows of its updates. FULL waits for the disk at every
    // transaction; the steps of a run come in one every 200 ms, and not on the thread that trains.
    private sealed class ConnectionPragmas : DbConnectionInterceptor
    {
        private const string Pragmas = "PRAGMA synchronous=FULL;";

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
        {
            using DbCommand command = connection.CreateCommand();
            command.CommandText = Pragmas;
            command.ExecuteNonQuery();
            AddFunctions(connection);
        }

        public override async Task ConnectionOpenedAsync(
            DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            await using DbCommand command = connection.CreateCommand();
            command.CommandText = Pragmas;
            await command.ExecuteNonQueryAsync(cancellationToken);
            AddFunctions(connection);
        }

        private static void AddFunctions(DbConnection connection)
        {
            var sqlite = (SqliteConnection)connection;
            // SQLite's own knows the 26 letters of ASCII: a filter would not find "Übung" by "übung".
            sqlite.CreateFunction("upper", (string? text) => text?.ToUpperInvariant(), isDeterministic: true);
            sqlite.CreateFunction(PackedNumbers.SqlFunction, PackedNumbers.PackColumns, isDeterministic: true);
        }
    }
}
