using System.Net;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using WebDistill.Distillation.Files;
using WebDistill.Web.Formats;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Settings;

/// <summary>A start with a missing, empty or older database loses nothing: what it does not name is kept, shown and taken back.</summary>
[Trait("takes", "long")]
public sealed class TrashBinTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("webdistill-");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData("missing")]
    [InlineData("empty")]
    public async Task Start_WithoutTheDatabase_KeepsEveryFileAndTakesItBack(string database)
    {
        (Guid dataset, Guid run) = await FillAsync();
        string[] before = Files();
        LoseDatabase();
        if (database == "empty")
            await File.WriteAllBytesAsync(Path.Combine(_root.FullName, "webdistill.db"), []);
        await using var app = new WebDistillApp(_root.FullName);
        Assert.Equal(before, Files());
        JsonElement[] trash = [.. (await app.GetAsync("/api/storage/trash")).EnumerateArray()];
        Assert.Equal(["Dataset", "Model", "Run"], trash.Select(item => item.GetProperty("kind").GetString()).Order());
        Assert.All(trash, item =>
        {
            Assert.True(item.GetProperty("canBeTakenBack").GetBoolean(), item.ToString());
            Assert.True(item.GetProperty("bytes").GetInt64() > 0);
            Assert.True(DateTime.UtcNow - item.GetProperty("movedAt").GetDateTime() < TimeSpan.FromMinutes(5));
        });

        using HttpResponseMessage all = await app.Http.PostAsync("/api/storage/trash/take-back", null);
        Assert.Equal(3, (await all.JsonAsync()).GetProperty("takenBack").GetInt32());
        Assert.Empty((await app.GetAsync("/api/storage/trash")).EnumerateArray());
        JsonElement back = await app.GetAsync($"/api/runs/{run}");
        Assert.Equal(("Completed", "birds"), (back.GetProperty("status").GetString(), back.GetProperty("name").GetString()));
        Assert.Equal(back.GetProperty("totalSteps").GetInt32(), back.GetProperty("step").GetInt32());
        Assert.NotEmpty((await app.GetAsync($"/api/runs/{run}/checkpoints")).EnumerateArray());
        Assert.Equal("Ready", (await app.GetAsync($"/api/datasets/{dataset}")).GetProperty("state").GetString());
        Assert.NotEmpty((await app.GetAsync($"/api/datasets/{dataset}/preview")).EnumerateArray());

        // What came back is whole: a student of that teacher can be trained on that text.
        Guid student = await app.StartAsync(Product.TinyTraining(dataset).With(o => o with
        {
            Teacher = o.Teacher with { ModelId = run.ToString() },
            Student = o.Student with { Initialisation = "teacher-layers", LayerCount = 1, Width = null, Heads = null },
            Objective = o.Objective.With(ce: 1),
        }));
        Assert.Equal("Completed", (await app.EndOfRunAsync(student)).GetProperty("status").GetString());
    }

    /// <summary>The folder of labelled examples says itself how they are read and what is held out.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Start_WithoutTheDatabase_TakesBackLabelledExamplesWithTheirClasses(bool hasHeldOutFile)
    {
        const string examples = "mood,words\nglad,the sun is out\nsad,it rains today\nglad,the sun again\nsad,it rains again\n";
        JsonElement before, first;
        Guid id;
        await using (var app = new WebDistillApp(_root.FullName))
        {
            using var form = new MultipartFormDataContent
            {
                { new StringContent("words"), "textColumn" }, { new StringContent("mood"), "labelColumn" }, { new StringContent("257"), "vocabularySize" }, { new StringContent(examples), "file", "moods.csv" },
            };
            if (hasHeldOutFile)
                form.Add(new StringContent("mood,words\nsad,no sun\n"), "heldOut", "test.csv");
            else
                form.Add(new StringContent("0.5"), "validationProportion");
            using HttpResponseMessage made = await app.Http.PostAsync("/api/datasets", form);
            id = (await made.JsonAsync()).GetProperty("id").GetGuid();
            before = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() == "Ready");
            first = await app.GetAsync($"/api/datasets/{id}/examples?split=heldOut");
        }
        LoseDatabase();
        await using var again = new WebDistillApp(_root.FullName);
        JsonElement inTrash = (await again.GetAsync("/api/storage/trash")).EnumerateArray().Single();
        Assert.Contains("examples of 2 classes to train on", inTrash.ToString());
        using HttpResponseMessage all = await again.Http.PostAsync("/api/storage/trash/take-back", null);
        Assert.Equal(1, (await all.JsonAsync()).GetProperty("takenBack").GetInt32());
        JsonElement back = await again.GetAsync($"/api/datasets/{id}");
        foreach (string field in (string[])["examples", "labelled", "task", "fileName", "heldOutFileName", "validationProportion", "bytes", "sha256", "tokenizerSha256", "format", "state"])
            Assert.Equal(before.GetProperty(field).ToString(), back.GetProperty(field).ToString());
        Assert.Equal(first.ToString(), (await again.GetAsync($"/api/datasets/{id}/examples?split=heldOut")).ToString());
    }

    [Fact]
    public async Task Start_WithTheProductsOwnOlderBackup_KeepsWhatIsNewerAndGivesItBackWhenTheNewerDatabaseReturns()
    {
        string newer = Path.Combine(_root.FullName, "newer.db");
        Guid dataset, run;
        await using (var app = new WebDistillApp(_root.FullName))
            using (HttpResponseMessage backup = await app.Http.PostAsync("/api/storage/backups", null))
                Assert.Equal(HttpStatusCode.Created, backup.StatusCode);
        (dataset, run) = await FillAsync();
        string[] before = Files();
        SqliteConnection.ClearAllPools();
        File.Move(Path.Combine(_root.FullName, "webdistill.db"), newer);
        LoseDatabase();
        File.Copy(Directory.EnumerateFiles(Path.Combine(_root.FullName, "backups")).Single(), Path.Combine(_root.FullName, "webdistill.db"));
        await using (var app = new WebDistillApp(_root.FullName))
        {
            Assert.Equal(before, Files());
            Assert.Equal(3, (await app.GetAsync("/api/storage/trash")).GetArrayLength());
        }
        SqliteConnection.ClearAllPools();
        LoseDatabase();
        File.Move(newer, Path.Combine(_root.FullName, "webdistill.db"));
        await using (var app = new WebDistillApp(_root.FullName))
        {
            Assert.Empty((await app.GetAsync("/api/storage/trash")).EnumerateArray());
            Assert.Equal("Completed", (await app.GetAsync($"/api/runs/{run}")).GetProperty("status").GetString());
            Assert.NotEmpty((await app.GetAsync($"/api/datasets/{dataset}/preview")).EnumerateArray());
        }
    }

    [Fact]
    public async Task TakeBack_ARunThatWasCut_GoesOnFromItsCheckpoint()
    {
        Guid dataset, run;
        await using (var app = new WebDistillApp(_root.FullName))
        {
            dataset = await app.ReadyDatasetAsync();
            run = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
            await app.PollAsync($"/api/runs/{run}", r => r.GetProperty("step").GetInt32() > 5);
            await app.Http.PostAsync($"/api/runs/{run}/stop", null);
            await app.EndOfRunAsync(run);
        }
        LoseDatabase();
        await using (var app = new WebDistillApp(_root.FullName))
        {
            await app.Http.PostAsync("/api/storage/trash/take-back", null);
            JsonElement back = await app.GetAsync($"/api/runs/{run}");
            int step = back.GetProperty("step").GetInt32();
            Assert.Equal("Stopped", back.GetProperty("status").GetString());
            Assert.InRange(step, 5, back.GetProperty("totalSteps").GetInt32() - 1);
            using HttpResponseMessage resumed = await app.Http.PostAsync($"/api/runs/{run}/resume", null);
            Assert.True(resumed.IsSuccessStatusCode, await resumed.Content.ReadAsStringAsync());
            await app.PollAsync($"/api/runs/{run}", r => r.GetProperty("step").GetInt32() > step + 5);
            // The checkpoint of a run that was stopped between an update and its report holds the report as well.
            Assert.InRange((await app.GetAsync($"/api/runs/{run}/steps")).EnumerateArray().First().GetProperty("step").GetInt32(), step, step + 1);
            await app.Http.PostAsync($"/api/runs/{run}/stop", null);
            await app.EndOfRunAsync(run);
        }
    }

    [Fact]
    public async Task TakeBack_DamagedOrUnknown_IsRefusedWithTheReasonAndStaysUntilDeleted()
    {
        (_, Guid run) = await FillAsync();
        LoseDatabase();
        File.Delete(Path.Combine(_root.FullName, "models", run.ToString("N"), "model.safetensors"));
        await using var app = new WebDistillApp(_root.FullName);
        JsonElement model = (await app.GetAsync("/api/storage/trash")).EnumerateArray().Single(item => item.GetProperty("kind").GetString() == "Model");
        string address = $"/api/storage/trash/{model.GetProperty("name").GetString()}";
        using (HttpResponseMessage refused = await app.Http.PostAsync($"{address}/take-back", null))
            Assert.Contains("model.safetensors", (await refused.ProblemAsync(HttpStatusCode.Conflict)).GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(3, (await app.GetAsync("/api/storage/trash")).GetArrayLength());
        using (HttpResponseMessage elsewhere = await app.Http.DeleteAsync("/api/storage/trash/..%2Fmodels"))
            await elsewhere.ProblemAsync(HttpStatusCode.NotFound);
        Assert.Equal(HttpStatusCode.NoContent, (await app.Http.DeleteAsync(address)).StatusCode);
        Assert.Equal(2, (await app.GetAsync("/api/storage/trash")).GetArrayLength());
        Assert.Equal(2, app.Service<TrashBin>().Count);
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(_root.FullName, "trash")).Length);
    }

    [Fact]
    public void Lock_FileDeletedByHand_ASecondServerIsStillRefused()
    {
        using var first = new DataFolder(_root.FullName, FileLayer.Disk);
        File.Delete(Path.Combine(_root.FullName, "in-use.lock"));
        Assert.Throws<FolderInUseException>(() => new DataFolder(_root.FullName, FileLayer.Disk));
        first.Dispose();
        new DataFolder(_root.FullName, FileLayer.Disk).Dispose();
    }

    // A data set, a run that is complete, and its model.
    private async Task<(Guid Dataset, Guid Run)> FillAsync()
    {
        await using var app = new WebDistillApp(_root.FullName);
        Guid dataset = await app.ReadyDatasetAsync();
        Guid run = await app.StartAsync(Product.TinyTraining(dataset, name: "birds"));
        Assert.Equal("Completed", (await app.EndOfRunAsync(run)).GetProperty("status").GetString());
        return (dataset, run);
    }

    private void LoseDatabase()
    {
        foreach (FileInfo file in _root.EnumerateFiles("webdistill.db*"))
            file.Delete();
    }

    // Names and sizes of all that is not the database, wherever it lies.
    private string[] Files() =>
    [
        .. _root.EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(file => file.Extension is ".safetensors" or ".json" or ".tokens" or ".txt")
            .Select(file => $"{file.Name} {file.Length}").Order(StringComparer.Ordinal),
    ];
}
