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

    // Unlike the journal mode, which the file remembers, this one belongs to the connection. Under WAL, NORMAL can lose the last
    // transactions in a power cut but never corrupts; FULL would wait for the disk at every batch of steps.
    private sealed class ConnectionPragmas : DbConnectionInterceptor
    {
        private const string Pragmas = "PRAGMA synchronous=NORMAL;";

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
        {
            using DbCommand command = connection.CreateCommand();
            command.CommandText = Pragmas;
            command.ExecuteNonQuery();
        }

        public override async Task ConnectionOpenedAsync(
            DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            await using DbCommand command = connection.CreateCommand();
            command.CommandText = Pragmas;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
