using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace WebDistill.Data;

/// <summary>The embedded default: one SQLite file in WAL mode.</summary>
public static class SqliteDatabase
{
    /// <summary>
    /// Registers the context factory and the writer on the database file <paramref name="path"/>, whose folder must exist.
    /// </summary>
    public static IServiceCollection AddSqliteDatabase(this IServiceCollection services, string path)
    {
        string connection = new SqliteConnectionStringBuilder { DataSource = path, ForeignKeys = true }.ToString();
        services.AddDbContextFactory<WebDistillDb>(options => options
            .UseSqlite(connection, sqlite => sqlite.MigrationsAssembly("WebDistill.Migrations"))
            .AddInterceptors(new ConnectionPragmas()));
        services.AddSingleton<DatabaseWriter>();
        return services;
    }

    /// <summary>Creates the file if there is none, applies the migrations that it lacks and turns WAL on.</summary>
    public static async Task MigrateAsync(IDbContextFactory<WebDistillDb> contexts)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        await db.Database.MigrateAsync();
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL;");
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
            UnderstandLetters(connection);
        }

        public override async Task ConnectionOpenedAsync(
            DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            await using DbCommand command = connection.CreateCommand();
            command.CommandText = Pragmas;
            await command.ExecuteNonQueryAsync(cancellationToken);
            UnderstandLetters(connection);
        }

        // SQLite's own knows the 26 letters of ASCII: a filter would not find "Übung" by "übung".
        private static void UnderstandLetters(DbConnection connection) =>
            ((SqliteConnection)connection).CreateFunction("upper", (string? text) => text?.ToUpperInvariant(), isDeterministic: true);
    }
}
