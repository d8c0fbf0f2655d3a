using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Datasets;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>The product's services on a data folder whose file layer and database may refuse, without a web host around them.</summary>
internal sealed class ProductServices : IAsyncDisposable
{
    private readonly FileLayer _files;
    private readonly long _reserveBytes;
    private ServiceProvider _services;

    private ProductServices(FileLayer files, long reserveBytes)
    {
        (_files, _reserveBytes) = (files, reserveBytes);
        _services = Build();
    }

    private ServiceProvider Build()
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Critical));
        services.AddSingleton<IHostApplicationLifetime, Microsoft.Extensions.Hosting.Internal.ApplicationLifetime>();
        services.AddSingleton(HostSettings.Read(new ConfigurationBuilder().Build()));
        services.AddStorage(new DataFolder(Root, _files), _reserveBytes);
        services.AddTraining();
        services.AddRuns();
        services.AddModels();
        services.AddDatasets();
        services.AddEvaluations();
        services.ConfigureDbContext<WebDistillDb>(db => db.AddInterceptors(Database, new Recorded(Database.Commands), new SavingHook(Database)));
        return services.BuildServiceProvider();
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("webdistill-").FullName;

    public DatabaseRefusal Database { get; } = new();

    /// <summary>On a new folder, with a database that lacks no migration.</summary>
    public static async Task<ProductServices> CreateAsync(FileLayer files, long reserveBytes = 0)
    {
        var product = new ProductServices(files, reserveBytes);
        MigratedDatabase.WriteTo(product.Root);
        await product._services.PrepareStorageAsync();
        return product;
    }

    /// <summary>The end of this server and the start of the next one on the same folder.</summary>
    public async Task StartAgainAsync()
    {
        await _services.DisposeAsync();
        SqliteConnection.ClearAllPools();
        _services = Build();
        await _services.PrepareStorageAsync();
        await _services.ResumeInterruptedAsync();
    }

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public async Task<T> ReadAsync<T>(Func<WebDistillDb, Task<T>> read)
    {
        await using WebDistillDb db = await Get<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        return await read(db);
    }

    /// <summary>A tiny run that is complete, with all its checkpoints.</summary>
    public async Task<Run> TrainedAsync()
    {
        var datasets = Get<DatasetService>();
        Dataset dataset = await datasets.CreateAsync(
            "birds", "birds.txt", new MemoryStream(System.Text.Encoding.UTF8.GetBytes(Product.Text)), new DatasetOptions { VocabularySize = 300 });
        await WaitAsync(async () => (await datasets.GetAsync(dataset.Id)).State == DatasetState.Ready, "ready");
        Run run = await Get<RunQueue>().EnqueueAsync(
            Product.TinyTraining(dataset.Id).With(o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = 20, KeepLast = 9 } }), default);
        Run ended = (await Get<RunLauncher>().TrainAsync(run.Id))!;
        Assert.True(ended.Status == RunStatus.Completed, ended.Error);
        return ended;
    }

    /// <summary>What stands under a folder of the data folder.</summary>
    public string[] Under(string folder) => Directory.GetFileSystemEntries(Path.Combine(Root, folder));

    /// <summary>Waits until something that happens in the background has happened.</summary>
    public static async Task WaitAsync(Func<Task<bool>> happened, string what)
    {
        DateTime deadline = DateTime.UtcNow.AddSeconds(60);
        while (!await happened())
        {
            Assert.True(DateTime.UtcNow < deadline, $"It did not happen: {what}");
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(Root, recursive: true);
    }
}

/// <summary>A database that refuses by itself: SQLite's own errors for a disk that is full and for one that has become read-only.</summary>
internal sealed class DatabaseRefusal : DbConnectionInterceptor
{
    /// <summary>No page can be added: SQLITE_FULL.</summary>
    public volatile bool IsFull;

    /// <summary>Nothing can be changed: SQLITE_READONLY.</summary>
    public volatile bool IsReadOnly;

    /// <summary>Asked when a connection is opened, instead of <see cref="IsFull"/>.</summary>
    public Func<bool>? IsFullWhile { get; set; }

    /// <summary>Called before changes are saved; may throw what a database would.</summary>
    public Action<DbContext>? Saving { get; set; }

    /// <summary>Every query that was sent.</summary>
    public ConcurrentQueue<string> Commands { get; } = new();

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        using DbCommand command = connection.CreateCommand();
        // Fewer pages than there are means as many as there are.
        command.CommandText = $"PRAGMA max_page_count={(IsFull || IsFullWhile?.Invoke() == true ? 1 : int.MaxValue - 1)}; PRAGMA query_only={IsReadOnly};";
        command.ExecuteNonQuery();
    }

    public override Task ConnectionOpenedAsync(
        DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        ConnectionOpened(connection, eventData);
        return Task.CompletedTask;
    }
}

/// <summary>Keeps the text of every query.</summary>
internal sealed class Recorded(ConcurrentQueue<string> commands) : DbCommandInterceptor
{
    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        commands.Enqueue(command.CommandText);
        return base.ReaderExecutingAsync(command, eventData, result, cancellationToken);
    }
}

/// <summary>Asks <see cref="DatabaseRefusal.Saving"/>.</summary>
internal sealed class SavingHook(DatabaseRefusal database) : SaveChangesInterceptor
{
    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        database.Saving?.Invoke(eventData.Context!);
        return result;
    }

    public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(SavingChanges(eventData, result));
}
