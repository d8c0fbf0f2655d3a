using System.Net;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Tests;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Http;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>A disk that is full or fails: imports, backups, deletions, the reserve, and the words for it.</summary>
[Trait("takes", "long")]
public sealed class FullDiskTests
{
    private const int NoSpace = 28, ReadOnly = 30;
    private const long Mebibyte = 1 << 20;

    [Theory]
    [InlineData(Fault.Once, 0)]
    [InlineData(Fault.FromThenOn, NoSpace)]
    public async Task Import_FailingAtEveryCallInTurn_LeavesNothingAndWorksAfterwards(Fault fault, int errorNumber)
    {
        var disk = new FailingFileLayer(int.MaxValue, fault, errorNumber);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        Dictionary<string, byte[]> files = Product.TinyModel();
        var models = product.Get<ModelService>();
        disk.FailAt(int.MaxValue);
        await models.DeleteAsync((await models.ImportAsync("whole", Uploaded(files))).Id);
        int calls = disk.Calls;
        Assert.InRange(calls, 15, 100);
        for (int n = 1; n <= calls; n++)
        {
            disk.FailAt(n);
            bool imported = false;
            try
            {
                Model model = await models.ImportAsync("tiny", Uploaded(files));
                imported = true;
                // The last calls are those of its deletion, which never fails because the disk does not let go of the files at once.
                await models.DeleteAsync(model.Id);
            }
            catch (IOException)
            {
                Assert.False(imported);
            }
            disk.FailAt(int.MaxValue);
            product.Get<StorageHealth>().Look();
            Assert.Empty(product.Under("incoming"));
            Assert.Empty(product.Under("models"));
            Assert.Empty(await models.ListAsync());
        }
        Assert.Equal("tiny", (await models.ImportAsync("tiny", Uploaded(files))).Name);
    }

    /// <summary>Found in an attack: a backup on a full disk answered 500 and left a <c>.partial</c>.</summary>
    [Theory]
    [InlineData(Fault.Once, 0)]
    [InlineData(Fault.FromThenOn, NoSpace)]
    public async Task Backup_FailingAtEveryCallInTurn_LeavesNothingAndWorksAfterwards(Fault fault, int errorNumber)
    {
        var disk = new FailingFileLayer(int.MaxValue, fault, errorNumber);
        await using ProductServices product = await ProductServices.CreateAsync(disk);
        var housekeeping = product.Get<Housekeeping>();
        disk.FailAt(int.MaxValue);
        housekeeping.DeleteBackup((await housekeeping.BackUpAsync()).Name);
        int calls = disk.Calls - 1;
        Assert.Equal(4, calls);
        for (int n = 1; n <= calls; n++)
        {
            disk.FailAt(n);
            IOException refused = await Assert.ThrowsAnyAsync<IOException>(() => housekeeping.BackUpAsync());
            if (errorNumber == NoSpace)
                Assert.Matches(@"^The disk is full: a backup needs (up to )?[\d,]+ bytes and [\d,]+ are free\.", refused.Message);
            disk.FailAt(int.MaxValue);
            product.Get<StorageHealth>().Look();
            Assert.Empty(product.Under("backups"));
        }
        Assert.Equal((await housekeeping.BackUpAsync()).Name, housekeeping.Backups().Single().Name);
    }

    [Fact]
    public async Task Start_AfterACut_SweepsPartialFiles()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        string dataset = Path.Combine(product.Root, "datasets", Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(dataset);
        Directory.CreateDirectory(Path.Combine(product.Root, "backups"));
        string[] halves = [Path.Combine(dataset, "train.tokens.partial"), Path.Combine(product.Root, "backups", "webdistill-x.db.partial"),
            Path.Combine(product.Root, "reserve.partial")];
        foreach (string half in halves)
            File.WriteAllText(half, "half");
        File.WriteAllText(Path.Combine(dataset, "train.tokens"), "whole");
        product.Get<DataFolder>().RemoveCutOffWrites();
        Assert.All(halves, half => Assert.False(File.Exists(half)));
        Assert.True(File.Exists(Path.Combine(dataset, "train.tokens")));
    }

    [Fact]
    public async Task Reserve_GivenUpAndRoomAgain_IsLaidAgainOnlyWhenTwiceAsMuchIsFree()
    {
        var disk = new SmallDisk { Free = 100 * Mebibyte };
        await using ProductServices product = await ProductServices.CreateAsync(disk, 4 * Mebibyte);
        var reserve = product.Get<DiskReserve>();
        Assert.Equal(4 * Mebibyte, new FileInfo(reserve.File).Length);
        Assert.True(reserve.GiveUp());
        Assert.False(File.Exists(reserve.File));
        Assert.True(product.Get<StorageHealth>().IsFull);
        Assert.False(reserve.GiveUp());
        disk.Free = 8 * Mebibyte - 1;
        Assert.False(reserve.Lay());
        // While it is given up nothing large begins.
        Assert.True(Assert.Throws<StorageRefusedException>(product.Get<StorageHealth>().RequireRoom).IsFull);
        disk.Free = 8 * Mebibyte;
        product.Get<StorageHealth>().RequireRoom();
        Assert.Equal(4 * Mebibyte, new FileInfo(reserve.File).Length);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(6, 3)]
    [InlineData(1000, 4)]
    public async Task Reserve_LittleRoom_TakesHalfOfItAtMost(long freeMebibytes, long expectedMebibytes)
    {
        var disk = new SmallDisk { Free = freeMebibytes * Mebibyte };
        await using ProductServices product = await ProductServices.CreateAsync(disk, 4 * Mebibyte);
        var file = new FileInfo(product.Get<DiskReserve>().File);
        Assert.Equal(expectedMebibytes * Mebibyte, file.Exists ? file.Length : 0);
    }

    /// <summary>Found in an attack: on a full disk nothing could be freed; delete, rename and pause all answered 500.</summary>
    [Fact]
    public async Task DatabaseFull_DeleteAndRename_WorkBecauseTheReserveIsGivenUp()
    {
        var disk = new SmallDisk { Free = 100 * Mebibyte };
        await using ProductServices product = await ProductServices.CreateAsync(disk, 2 * Mebibyte);
        var reserve = product.Get<DiskReserve>();
        Guid run = await AddRunAsync(product);
        // Full for as long as the reserve stands, as on a disk that it fills.
        product.Database.IsFullWhile = () => File.Exists(reserve.File);
        disk.Free = 0;
        // A name too long for the page that holds the row, so that the database has to grow.
        await product.Get<DatabaseWriter>().WriteAsync(async db =>
        {
            for (int i = 0; i < 100; i++)
                db.LogLines.Add(new LogLine { RunId = run, At = DateTime.UtcNow, Text = new string('x', 500) });
            await db.SaveChangesAsync();
        });
        Assert.False(File.Exists(reserve.File));
        await product.Get<RunService>().RenameAsync(run, "renamed");
        await product.Get<RunService>().DeleteAsync(run);
        Assert.Empty(await product.ReadAsync(db => db.Runs.ToListAsync()));
        // What is much and can wait is not given the reserve's room.
        StorageRefusedException refused = await Assert.ThrowsAsync<StorageRefusedException>(() => product.Get<Housekeeping>().BackUpAsync());
        Assert.True(refused.IsFull);
        disk.Free = 100 * Mebibyte;
        product.Get<StorageHealth>().Look();
        Assert.True(File.Exists(reserve.File));
        Assert.Null(product.Get<StorageHealth>().Problem);
        product.Database.IsFullWhile = null;
        await product.Get<Housekeeping>().BackUpAsync();
    }

    /// <summary>Without a reserve, or when it is not enough, the files go first and make the room.</summary>
    [Fact]
    public async Task DatabaseFull_DeleteWithoutAReserve_RemovesTheFilesFirst()
    {
        await using ProductServices product = await ProductServices.CreateAsync(FileLayer.Disk);
        Guid run = await AddRunAsync(product);
        string folder = Path.Combine(product.Root, "runs", run.ToString("N"));
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "weights"), "x");
        bool refused = false;
        await product.Get<StorageHealth>().DeleteAsync(async () =>
        {
            if (Directory.Exists(folder))
            {
                refused = true;
                throw new DbUpdateException("no room", new SqliteException("database or disk is full", 13));
            }
            await product.Get<RunService>().DeleteAsync(run);
        }, folder);
        Assert.True(refused);
        Assert.Empty(await product.ReadAsync(db => db.Runs.ToListAsync()));
        Assert.Empty(product.Under("incoming"));
    }

    public static TheoryData<string, Exception, HttpStatusCode> Refusals { get; } = new()
    {
        { "file", new IOException("No space left on device", NoSpace), HttpStatusCode.InsufficientStorage },
        { "quota", new IOException("Disk quota exceeded", 122), HttpStatusCode.InsufficientStorage },
        { "row", new DbUpdateException("x", new SqliteException("database or disk is full", 13)), HttpStatusCode.InsufficientStorage },
        { "several", new AggregateException(new InvalidOperationException(), new IOException("x", NoSpace)), HttpStatusCode.InsufficientStorage },
        { "read-only files", new IOException("Read-only file system", ReadOnly), HttpStatusCode.ServiceUnavailable },
        { "read-only rows", new DbUpdateException("x", new SqliteException("attempt to write a readonly database", 8)), HttpStatusCode.ServiceUnavailable },
        { "device", new SqliteException("disk I/O error", 10), HttpStatusCode.ServiceUnavailable },
        { "others", new IOException("broken pipe", 32), HttpStatusCode.InternalServerError },
        { "constraint", new SqliteException("constraint failed", 19), HttpStatusCode.InternalServerError },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Describe_WhatTheDiskRefuses_SaysSoWithTheBytesThatAreFree(string what, Exception problem, HttpStatusCode status)
    {
        await using ProductServices product = await ProductServices.CreateAsync(new SmallDisk { Free = 12_345_678 });
        Microsoft.AspNetCore.Mvc.ProblemDetails details = ErrorResponses.Describe(problem, product.Get<StorageHealth>());
        Assert.True((int)status == details.Status, $"{what}: {details.Status} {details.Detail}");
        if (status == HttpStatusCode.InsufficientStorage)
            Assert.Contains("12,345,678 bytes are free", details.Detail);
        // Names no place on the server.
        Assert.DoesNotContain(product.Root, details.Detail);
    }

    private static async Task<Guid> AddRunAsync(ProductServices product)
    {
        var run = new Run { Id = Guid.CreateVersion7(), Name = "old", Status = RunStatus.Stopped, OptionsJson = "{}" };
        await product.Get<DatabaseWriter>().WriteAsync(db =>
        {
            db.Runs.Add(run);
            return db.SaveChangesAsync();
        });
        return run.Id;
    }

    private static async IAsyncEnumerable<UploadedFile> Uploaded(Dictionary<string, byte[]> files)
    {
        foreach ((string name, byte[] content) in files)
            yield return new UploadedFile(name, new MemoryStream(content));
        await Task.CompletedTask;
    }

    /// <summary>A disk that says what is free.</summary>
    private sealed class SmallDisk : FileLayer
    {
        private long _free;

        public long Free
        {
            get => Volatile.Read(ref _free);
            set => Volatile.Write(ref _free, value);
        }

        public override long FreeBytes(string folder) => Free;
    }
}
