using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Formats;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Reliability;

namespace WebDistill.Web.Tests.Headless;

/// <summary>A backup takes the database's place, from the page's API and from the command line, and what it replaces is kept.</summary>
[Trait("takes", "long")]
public sealed class RestoreTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("webdistill-");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task RestoreOverHttp_WhileARunTrains_StartsAnewWithTheBackupAndKeepsWhatItReplaced()
    {
        string address = $"http://127.0.0.1:{FreePort()}";
        Guid dataset, early, late;
        string backup;
        await using (var app = new WebDistillApp(_root.FullName))
            dataset = await app.ReadyDatasetAsync();
        await using ServerProcess server = await ServerProcess.StartAsync(_root.FullName, "--urls", address);
        early = await server.CreateRunAsync(Options(dataset, 1));
        await server.CompletedAsync(early);
        using (HttpResponseMessage made = await server.Http.PostAsync("/api/storage/backups", null))
            backup = (await made.JsonAsync()).GetProperty("name").GetString()!;
        late = await server.CreateRunAsync(Options(dataset, 100_000));
        await server.WaitAsync(late, r => r.GetProperty("step").GetInt32() > 5);

        using (HttpResponseMessage answer = await server.Http.PostAsync($"/api/storage/backups/{backup}/restore", null))
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        await AnsweringAsync(server, async () => (await server.GetAsync("/api/runs")).GetArrayLength() == 1);
        Assert.Equal("Completed", (await server.GetAsync($"/api/runs/{early}")).GetProperty("status").GetString());
        // The later run's state was saved first, and can be taken back.
        JsonElement item = (await server.GetAsync("/api/storage/trash")).EnumerateArray().Single();
        Assert.Equal(late, item.GetProperty("id").GetGuid());
        Assert.True(item.GetProperty("canBeTakenBack").GetBoolean(), item.ToString());
        string[] backups = [.. (await server.GetAsync("/api/storage/backups")).EnumerateArray().Select(b => b.GetProperty("name").GetString()!)];
        string replaced = Assert.Single(backups, name => name != backup);

        // And back again: what was replaced is a backup like any other.
        using (HttpResponseMessage answer = await server.Http.PostAsync($"/api/storage/backups/{replaced}/restore", null))
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        await AnsweringAsync(server, async () => (await server.GetAsync("/api/runs")).GetArrayLength() == 2);
        Assert.Empty((await server.GetAsync("/api/storage/trash")).EnumerateArray());
        JsonElement again = await server.GetAsync($"/api/runs/{late}");
        Assert.Equal("Stopped", again.GetProperty("status").GetString());
        Assert.Contains("restored", again.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty((await server.GetAsync($"/api/runs/{late}/checkpoints")).EnumerateArray());
    }

    [Fact]
    public async Task RestoreCommand_GoodFile_ReplacesTheDatabaseAndKeepsIt()
    {
        Guid dataset;
        string copy = Path.Combine(_root.FullName, "elsewhere.db");
        await using (var app = new WebDistillApp(_root.FullName))
        {
            dataset = await app.ReadyDatasetAsync();
            await app.Http.PostAsync("/api/storage/backups", null);
            File.Copy(app.Service<Housekeeping>().BackupFile(app.Service<Housekeeping>().Backups().Single().Name), copy);
            await app.Http.DeleteAsync($"/api/datasets/{dataset}");
        }
        (int code, string output, string error) = await RestoreAsync(copy);
        Assert.True(code == 0, output + error);
        Assert.Contains("backups/webdistill-", output, StringComparison.Ordinal);
        await using (var app = new WebDistillApp(_root.FullName))
        {
            Assert.Equal(dataset, (await app.GetAsync("/api/datasets")).EnumerateArray().Single().GetProperty("id").GetGuid());
            Assert.Equal(2, app.Service<Housekeeping>().Backups().Count);
        }
    }

    [Theory]
    [InlineData("missing", "There is no file copy.db")]
    [InlineData("folder", "copy.db is a folder, expected a file: a copy of webdistill.db")]
    [InlineData("text", "cannot be read as a database")]
    [InlineData("other", "none of WebDistill")]
    [InlineData("damaged", "copy.db")]
    [InlineData("newer", "written by a newer WebDistill")]
    public async Task RestoreCommand_FileThatIsNoGood_SaysWhyAndChangesNothing(string file, string expected)
    {
        MigratedDatabase.WriteTo(_root.FullName);
        string database = Path.Combine(_root.FullName, "webdistill.db"), copy = Path.Combine(_root.FullName, "copy.db");
        byte[] before = await File.ReadAllBytesAsync(database);
        switch (file)
        {
            case "folder":
                Directory.CreateDirectory(copy);
                break;
            case "text":
                await File.WriteAllTextAsync(copy, string.Concat(Enumerable.Repeat("This is no database. ", 100)));
                break;
            case "damaged":
                byte[] damaged = [.. before];
                damaged.AsSpan(4096, 3 * 4096).Fill(0xA5);
                await File.WriteAllBytesAsync(copy, damaged);
                break;
            case "other" or "newer":
                if (file == "newer")
                    await File.WriteAllBytesAsync(copy, before);
                using (var connection = new SqliteConnection($"Data Source={copy};Pooling=False"))
                {
                    await connection.OpenAsync();
                    using SqliteCommand command = connection.CreateCommand();
                    command.CommandText = file == "newer"
                        ? "INSERT INTO __EFMigrationsHistory VALUES ('29990101000000_FromTheFuture', '99.0')"
                        : "CREATE TABLE Recipes (Name TEXT)";
                    await command.ExecuteNonQueryAsync();
                }
                break;
        }
        (int code, string output, string error) = await RestoreAsync(copy);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(database));
        Assert.Empty(Directory.GetFiles(_root.FullName, "restore-*"));
    }

    /// <summary>A kill between the moves of a restore: the next start takes it up, whichever files had been moved.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Restore_CutOffBetweenItsMoves_IsTakenUpByTheNextStart(int moves)
    {
        await using (var app = new WebDistillApp(_root.FullName))
            await app.Http.PostAsync("/api/storage/backups", null);
        Guid dataset;
        await using (var app = new WebDistillApp(_root.FullName))
            dataset = await app.ReadyDatasetAsync();
        SqliteConnection.ClearAllPools();
        using (var folder = new DataFolder(_root.FullName, FileLayer.Disk))
            await DatabaseRestore.StageAsync(folder, Directory.GetFiles(folder.Backups).Single());
        string staged = Directory.GetFiles(_root.FullName, "restore-*.db").Single();
        string replaced = Path.Combine(_root.FullName, "backups", Path.GetFileName(staged).Replace("restore-", "webdistill-", StringComparison.Ordinal)
            .Replace(".db", "-replaced.db", StringComparison.Ordinal));
        foreach (string suffix in new[] { "-shm", "-wal", "" }.Take(moves))
        {
            if (File.Exists(Path.Combine(_root.FullName, "webdistill.db" + suffix)))
                File.Move(Path.Combine(_root.FullName, "webdistill.db" + suffix), replaced + suffix);
        }
        await using (var app = new WebDistillApp(_root.FullName))
        {
            Assert.Empty((await app.GetAsync("/api/datasets")).EnumerateArray());
            Assert.Equal(1, app.Service<TrashBin>().Count);
        }
        SqliteConnection.ClearAllPools();
        await using WebDistillDb kept = SqliteDatabase.OpenReadOnly(replaced);
        Assert.Equal(dataset, kept.Datasets.Single().Id);
    }

    private Task<(int Code, string Output, string Error)> RestoreAsync(string file) =>
        ServerProcess.RunToEndAsync(["restore", file, "--Storage:Root", _root.FullName]);

    private static JsonElement Options(Guid dataset, int epochs) =>
        JsonSerializer.SerializeToElement(Product.TinyTraining(dataset, epochs), WebJson.Options);

    // The old server may still answer, then nobody does, then the new one: only its own answer counts.
    private static async Task AnsweringAsync(ServerProcess server, Func<Task<bool>> expected)
    {
        for (int i = 0; ; i++)
        {
            try
            {
                if (await expected())
                    return;
            }
            catch (HttpRequestException) when (i < 600)
            {
                // Between two servers.
            }
            Assert.True(i < 600, "The server did not come back with the restored database in a minute.");
            await Task.Delay(100);
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
