using Microsoft.Data.Sqlite;
using WebDistill.Distillation;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Reliability;

namespace WebDistill.Web.Tests.Storage;

/// <summary>A server that cannot start says why in a sentence, which of the causes it is, and what to do.</summary>
[Collection(Processes.Name)]
public sealed class StartFailureTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("webdistill-");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Start_DatabaseIsDamaged_NamesTheNewestBackupAndTheCommand(bool hasBackup)
    {
        await using (var app = new WebDistillApp(_root.FullName))
        {
            if (hasBackup)
                await app.Http.PostAsync("/api/storage/backups", null);
        }
        SqliteConnection.ClearAllPools();
        foreach (FileInfo log in _root.EnumerateFiles("webdistill.db-*"))
            log.Delete();
        using (FileStream file = new(Path.Combine(_root.FullName, "webdistill.db"), FileMode.Open))
            file.Write(new byte[8192]);
        (int code, string output, string error) = await StartAsync();
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("webdistill.db is damaged", error, StringComparison.Ordinal);
        Assert.Contains(hasBackup ? "-- restore \"" : "There is no backup", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        if (!hasBackup)
            return;
        string backup = Directory.GetFiles(Path.Combine(_root.FullName, "backups")).Single();
        Assert.Contains(backup, error, StringComparison.Ordinal);
        (code, _, error) = await ServerProcess.RunToEndAsync(["restore", backup, "--Storage:Root", _root.FullName]);
        Assert.True(code == 0, error);
        await using (var app = new WebDistillApp(_root.FullName))
            Assert.Equal(2, app.Service<Housekeeping>().Backups().Count);
    }

    [Fact]
    public async Task Start_DatabaseOfANewerVersion_IsRefusedWithASentence()
    {
        await using (new WebDistillApp(_root.FullName))
        {
        }
        using (var connection = new SqliteConnection($"Data Source={Path.Combine(_root.FullName, "webdistill.db")};Pooling=False"))
        {
            await connection.OpenAsync();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "INSERT INTO __EFMigrationsHistory VALUES ('29990101000000_FromTheFuture', '99.0')";
            await command.ExecuteNonQueryAsync();
        }
        (int code, _, string error) = await StartAsync();
        Assert.Equal(2, code);
        Assert.Contains("written by a newer WebDistill", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_FolderInUse_SaysSoAndNothingElseDoes()
    {
        using var held = new DataFolder(_root.FullName, FileLayer.Disk);
        (int code, _, string error) = await StartAsync();
        Assert.Equal(2, code);
        Assert.Contains("is in use by another WebDistill", error, StringComparison.Ordinal);
    }

    public static TheoryData<Exception, string> Causes => new()
    {
        { new IOException("No space left on device", 28), "is full" },
        { new IOException("Read-only file system", 30), "cannot be written" },
        { new UnauthorizedAccessException("Access to the path is denied."), "cannot be written" },
        { new IOException("Input/output error", 5), "cannot be used" },
        { new SqliteException("database or disk is full", 13), "is full" },
        { new SqliteException("attempt to write a readonly database", 8), "cannot be written" },
        { new SqliteException("unable to open database file", 14), "cannot be written" },
        { new SqliteException("database disk image is malformed", 11), "is damaged" },
        { new SqliteException("file is not a database", 26), "is damaged" },
        { new SqliteException("database is locked", 5), "Another program holds" },
        { new SqliteException("disk I/O error", 10), "fails" },
        { new InvalidOperationException("outer", new SqliteException("database or disk is full", 13)), "is full" },
    };

    [Theory]
    [MemberData(nameof(Causes), DisableDiscoveryEnumeration = true)]
    public void Explain_EachCause_IsToldApart(Exception problem, string expected)
    {
        string sentence = StartFailure.Explain(problem, _root.FullName)!;
        Assert.Contains(expected, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("in use by another", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_AFaultOfTheProgram_IsNotTalkedAway() =>
        Assert.Null(StartFailure.Explain(new InvalidOperationException("a bug"), _root.FullName));

    private Task<(int Code, string Output, string Error)> StartAsync() =>
        ServerProcess.RunToEndAsync(["--urls", "http://127.0.0.1:0", "--Storage:Root", _root.FullName, "--Logging:LogLevel:Default", "None"]);
}
