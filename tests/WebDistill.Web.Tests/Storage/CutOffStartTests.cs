using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Tests;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Storage;

/// <summary>A start that ends at any of its writes to the disk, and the one after it.</summary>
[Trait("takes", "long")]
public sealed class CutOffStartTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("webdistill-");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }

    /// <summary>The first start of all, in a folder that is not there yet.</summary>
    [Theory]
    [InlineData(Fault.Once)]
    [InlineData(Fault.FromThenOn)]
    public async Task FirstStart_CutOffAtAnyWrite_TheNextOneWorks(Fault fault)
    {
        int cuts = await ForEveryCutAsync(fault, _ => { }, root =>
        {
            Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(root, "incoming")));
            Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(root, "trash")));
        });
        Assert.True(cuts > 5, $"Only {cuts} writes were seen.");
    }

    /// <summary>A start that has a backup to restore, folders that no row names and a write that was cut off before.</summary>
    [Theory]
    [InlineData(Fault.Once)]
    [InlineData(Fault.FromThenOn)]
    public async Task Start_WithARestoreAndUnknownFolders_CutOffAtAnyWrite_TheNextOneLosesNothing(Fault fault)
    {
        var id = Guid.CreateVersion7();
        string pristine = Path.Combine(_folder.FullName, "pristine");
        await StartAsync(pristine, FileLayer.Disk);
        string backup = Path.Combine(_folder.FullName, "backup.db");
        await using (WebDistillDb db = SqliteDatabase.OpenReadOnly(Path.Combine(pristine, "webdistill.db")))
            await SqliteDatabase.CopyAsync(db, backup, default);

        int cuts = await ForEveryCutAsync(fault, root =>
        {
            Directory.CreateDirectory(Path.Combine(root, "incoming", Guid.NewGuid().ToString("N")));
            File.WriteAllText(Path.Combine(root, "incoming", "loose"), "cut off");
            Directory.CreateDirectory(Path.Combine(root, "models", id.ToString("N")));
            File.WriteAllText(Path.Combine(root, "models", id.ToString("N"), "config.json"), "whole");
            File.Copy(backup, Path.Combine(root, "webdistill.db"));
            File.Copy(backup, Path.Combine(root, "restore-20261101-000000-000.db"));
        }, root =>
        {
            Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(root, "incoming")));
            string inTrash = Assert.Single(Directory.GetDirectories(Path.Combine(root, "trash")));
            Assert.Equal("whole", File.ReadAllText(Path.Combine(inTrash, "config.json")));
            Assert.Empty(Directory.GetDirectories(Path.Combine(root, "models")));
            Assert.True(File.Exists(Path.Combine(root, "backups", "webdistill-20261101-000000-000-replaced.db")));
            Assert.Empty(Directory.GetFiles(root, "restore-*"));
        });
        Assert.True(cuts > 10, $"Only {cuts} writes were seen.");
    }

    private async Task<int> ForEveryCutAsync(Fault fault, Action<string> arrange, Action<string> assert)
    {
        for (int n = 1; ; n++)
        {
            string root = Path.Combine(_folder.FullName, $"cut-{n}");
            arrange(root);
            var files = new FailingFileLayer(n, fault);
            try
            {
                await StartAsync(root, files);
            }
            catch (IOException)
            {
                // What the cut leaves is for the next start.
            }
            await StartAsync(root, FileLayer.Disk).WaitAsync(TimeSpan.FromMinutes(1)); // The lock of a killed migration is waited for without end.
            assert(root);
            if (files.Calls < n)
                return n - 1;
        }
    }

    // What the product does before it listens.
    private static async Task StartAsync(string root, FileLayer files)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddStorage(new DataFolder(root, files), reserveBytes: 0);
        services.AddTraining();
        await using ServiceProvider provider = services.BuildServiceProvider();
        _ = provider.GetRequiredService<DataFolder>(); // So that its lock is let go of, whatever happens.
        try
        {
            await provider.PrepareStorageAsync();
            await using WebDistillDb db = await provider.GetRequiredService<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
            Assert.Empty(await db.Database.GetPendingMigrationsAsync());
            Assert.Empty(await SqliteDatabase.CheckIntegrityAsync(db, default));
        }
        finally
        {
            SqliteConnection.ClearAllPools();
        }
    }
}
