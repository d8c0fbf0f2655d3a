using System.Net;
using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using WebDistill.Distillation.Files;
using WebDistill.Web.Headless;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Tests.Reliability;

namespace WebDistill.Web.Tests.Headless;

/// <summary>A server that cannot start says why in a sentence, which of the causes it is, and what to do.</summary>
[Trait("takes", "long")]
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

    [Theory]
    [InlineData("CREATE TABLE Recipes (Name TEXT)", "Recipes")]
    [InlineData("CREATE VIEW Answers AS SELECT 42", "Answers")]
    [InlineData("CREATE TABLE __EFMigrationsHistory (MigrationId TEXT PRIMARY KEY, ProductVersion TEXT); "
        + "INSERT INTO __EFMigrationsHistory VALUES ('20200101000000_OfAnotherProgram', '3.1')", "__EFMigrationsHistory")]
    public async Task Start_DatabaseOfAnotherProgram_IsRefusedAndNotChanged(string made, string named)
    {
        string database = Path.Combine(_root.FullName, "webdistill.db");
        using (var connection = new SqliteConnection($"Data Source={database};Pooling=False"))
        {
            await connection.OpenAsync();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = made;
            await command.ExecuteNonQueryAsync();
        }
        byte[] before = await File.ReadAllBytesAsync(database);
        (int code, string output, string error) = await StartAsync();
        Assert.Equal((2, ""), (code, output));
        Assert.Contains($"webdistill.db is the database of another program: it holds '{named}'", error, StringComparison.Ordinal);
        Assert.Contains("set Storage:Root to another folder", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(database));
    }

    /// <summary>With the logging that the product comes with: a stack trace in the log is no sentence either.</summary>
    [Fact]
    public async Task Start_PortInUse_IsASentenceAndNothingIsBegun()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        string address = $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}";
        (int code, string output, string error) = await ServerProcess.RunToEndAsync(["--urls", address, "--Storage:Root", _root.FullName]);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains($"'{address}', where another program listens already. Stop that one, or choose another port", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Empty(_root.EnumerateFileSystemInfos());
    }

    /// <summary>What only the server itself finds: here that an address with TLS has no certificate.</summary>
    [Theory]
    [InlineData("--urls", "https://127.0.0.1:0")]
    [InlineData("--Kestrel:Endpoints:A:Url", "https://127.0.0.1:0", "--Kestrel:Endpoints:A:Certificate:Path", "none.pfx")]
    public async Task Start_NoCertificate_IsASentence(params string[] settings)
    {
        (int code, _, string error) = await ServerProcess.RunToEndAsync(
            [.. settings, "--Storage:Root", _root.FullName, "--Logging:LogLevel:Default", "None", "--Logging:LogLevel:Microsoft.AspNetCore", "None"]);
        Assert.Equal(2, code);
        Assert.Contains("WebDistill cannot listen on https://127.0.0.1:0: ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ not json", "appsettings.json, or the one of the environment, cannot be read")]
    [InlineData("{ \"Logging\": { \"LogLevel\": { \"Default\": \"Loud\" } } }", "Logging:LogLevel:Default is 'Loud', expected one of Trace, ")]
    [InlineData("{ \"Kestrel\": { \"Endpoints\": { \"A\": { \"Protocols\": \"Http1\" } } } }", "Kestrel:Endpoints:A:Url is missing")]
    public async Task Start_SettingsThatCannotBeRead_AreToldInASentence(string settings, string expected)
    {
        await File.WriteAllTextAsync(Path.Combine(_root.FullName, "appsettings.json"), settings);
        foreach (string[] command in new[] { [], ["run", "x.json"], (string[])["restore", "x.db"] })
        {
            (int code, _, string error) = await ServerProcess.RunToEndAsync(command, _root.FullName);
            Assert.Equal(2, code);
            Assert.Contains(expected, error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Start_WordThatIsNoSetting_IsASentence()
    {
        (int code, _, string error) = await StartAsync("-x=1");
        Assert.Equal(2, code);
        Assert.Contains("'-x=1'", error, StringComparison.Ordinal);
        Assert.Contains("A setting is written --Name value", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    /// <summary>Where a file is expected a folder stands, or the other way round.</summary>
    [Theory]
    [InlineData("webdistill.db", true)]
    [InlineData("webdistill.db-wal", true)]
    [InlineData("in-use.lock", true)]
    [InlineData("models", false)]
    [InlineData("incoming", false)]
    [InlineData("backups", false)]
    public void DataFolder_SomethingElseInThePlaceOf_NamesItAndWhatItIs(string name, bool isFolder)
    {
        if (isFolder)
            _root.CreateSubdirectory(name);
        else
            File.WriteAllText(Path.Combine(_root.FullName, name), "x");
        string sentence = StartFailure.Explain(Assert.ThrowsAny<Exception>(() => new DataFolder(_root.FullName, FileLayer.Disk)), _root.FullName)!;
        Assert.Contains($"'{name}' is a {(isFolder ? "folder, expected a file" : "file, expected a folder")}", sentence, StringComparison.Ordinal);
        Assert.Contains("Move it elsewhere.", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("The disk", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("link", "'link' is a link to 'nowhere', which is not there. Create that folder, or remove the link.")]
    [InlineData("file", "'file' is a file, expected a folder.")]
    [InlineData("/proc/webdistill", "set Storage:Root to another folder.")]
    public void DataFolder_ThatCannotBe_IsToldWithTheFix(string name, string expected)
    {
        Directory.CreateSymbolicLink(Path.Combine(_root.FullName, "link"), "nowhere");
        File.WriteAllText(Path.Combine(_root.FullName, "file"), "x");
        string root = Path.Combine(_root.FullName, name);
        string sentence = StartFailure.Explain(Assert.ThrowsAny<Exception>(() => new DataFolder(root, FileLayer.Disk)), root)!;
        Assert.Contains(expected, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("..", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void DataFolder_ThatIsNew_IsClosedToOthersAndOneThatStandsStaysAsItIs()
    {
        if (OperatingSystem.IsWindows())
            return;
        const UnixFileMode mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        string made = Path.Combine(_root.FullName, "above", "made"), stands = Path.Combine(_root.FullName, "stands");
        new DataFolder(made, FileLayer.Disk).Dispose();
        Assert.Equal(mine, File.GetUnixFileMode(made));
        Assert.NotEqual(mine, File.GetUnixFileMode(Path.GetDirectoryName(made)!));
        Directory.CreateDirectory(stands, mine | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
        new DataFolder(stands, FileLayer.Disk).Dispose();
        Assert.Equal(mine | UnixFileMode.GroupRead | UnixFileMode.GroupExecute, File.GetUnixFileMode(stands));
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
        { new SqliteException("SQLite Error 11: 'database disk image is malformed'.", 11), "is damaged" },
        { new SqliteException("file is not a database", 26), "is damaged" },
        { new SqliteException("database is locked", 5), "Another program holds" },
        { new SqliteException("SQLite Error 10: 'disk I/O error'.", 10), "fails" },
        { new InvalidOperationException("outer", new SqliteException("database or disk is full", 13)), "is full" },
    };

    [Theory]
    [MemberData(nameof(Causes), DisableDiscoveryEnumeration = true)]
    public void Explain_EachCause_IsToldApart(Exception problem, string expected)
    {
        string sentence = StartFailure.Explain(problem, _root.FullName)!;
        Assert.Contains(expected, sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("in use by another", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("..", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_AFaultOfTheProgram_IsNotTalkedAway() =>
        Assert.Null(StartFailure.Explain(new InvalidOperationException("a bug"), _root.FullName));

    [Fact]
    public void ExplainListening_AFaultOfTheProgram_IsNotTalkedAway() =>
        Assert.Null(StartFailure.ExplainListening(new InvalidOperationException("a bug"), ["http://127.0.0.1:5080"]));

    private Task<(int Code, string Output, string Error)> StartAsync(params string[] more) => ServerProcess.RunToEndAsync(
        ["--urls", "http://127.0.0.1:0", "--Storage:Root", _root.FullName, "--Logging:LogLevel:Default", "None", .. more]);
}
