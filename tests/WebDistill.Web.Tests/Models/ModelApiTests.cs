using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;

namespace WebDistill.Web.Tests.Models;

public sealed class ModelApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Import_HuggingFaceFolder_ComesBackByteForByte()
    {
        Dictionary<string, byte[]> files = Product.TinyModel();
        using HttpResponseMessage response = await app.ImportAsync(
            new Dictionary<string, byte[]>(files) { ["README.md"] = "ignored"u8.ToArray() }, "../../evil \"name\" 🙂");
        JsonElement model = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, model.ToString());
        Assert.Equal("../../evil \"name\" 🙂", model.GetProperty("name").GetString());
        Assert.Equal("Imported", model.GetProperty("origin").GetString());
        Assert.True(model.GetProperty("hasTokenizer").GetBoolean());

        byte[] zip = await app.Http.GetByteArrayAsync($"/api/models/{model.GetProperty("id").GetGuid()}/download");
        using var archive = new ZipArchive(new MemoryStream(zip));
        Assert.Equal(files.Keys.Order(), archive.Entries.Select(entry => entry.FullName).Order());
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using var content = new MemoryStream();
            await using Stream stream = entry.Open();
            await stream.CopyToAsync(content);
            Assert.Equal(files[entry.FullName], content.ToArray());
        }
    }

    [Fact]
    public async Task Import_WithoutTokenizer_SaysSoAndRefusesText()
    {
        Guid id = await app.ImportedModelAsync(withTokenizer: false);
        Assert.False((await app.GetAsync($"/api/models/{id}")).GetProperty("hasTokenizer").GetBoolean());
        using HttpResponseMessage response =
            await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("tokenizerModelId", id.ToString()));
        Assert.Equal(["tokenizerModelId"], (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task Patch_Name_IsCheckedAndWhatWasMeasuredFollows()
    {
        Guid id = await app.ImportedModelAsync();
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Evaluations.Add(new Evaluation
            {
                Id = Guid.NewGuid(), Key = $"renamed {id}", Set = "text", ModelId = id, ModelName = "before", WeightsSha256 = "w", SourceName = "tale.txt",
                ReferenceModelId = id, ReferenceName = "before", Status = EvaluationStatus.Completed, CreatedAt = DateTime.UtcNow,
            });
            await db.SaveChangesAsync();
        });
        using HttpResponseMessage renamed = await app.Http.PatchAsJsonAsync($"/api/models/{id}", new { name = "  after  " });
        Assert.Equal("after", (await renamed.JsonAsync()).GetProperty("name").GetString());
        await using WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        Evaluation evaluation = await db.Evaluations.SingleAsync(e => e.Key == $"renamed {id}");
        Assert.Equal(("after", "after"), (evaluation.ModelName, evaluation.ReferenceName));

        using HttpResponseMessage blank = await app.Http.PatchAsJsonAsync($"/api/models/{id}", new { name = " " });
        Assert.Equal(["name"], (await blank.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage long_ = await app.Http.PatchAsJsonAsync($"/api/models/{id}", new { name = new string('x', 201) });
        Assert.Equal(["name"], (await long_.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage nobody = await app.Http.PatchAsJsonAsync($"/api/models/{Guid.NewGuid()}", new { name = "x" });
        Assert.Equal(HttpStatusCode.NotFound, nobody.StatusCode);
        Assert.Equal("after", (await app.GetAsync($"/api/models/{id}")).GetProperty("name").GetString());
    }

    [Fact]
    public async Task Delete_ToTrash_ComesBackWithItsNameFilesAndRun()
    {
        Guid id = await app.ImportedModelAsync();
        await app.Http.PatchAsJsonAsync($"/api/models/{id}", new { name = "Kept name" });
        JsonElement before = await app.GetAsync($"/api/models/{id}");
        Assert.Equal(HttpStatusCode.NoContent, (await app.Http.DeleteAsync($"/api/models/{id}?toTrash=true")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await app.Http.GetAsync($"/api/models/{id}")).StatusCode);
        JsonElement item = Assert.Single((await app.GetAsync("/api/storage/trash")).EnumerateArray(), item => item.GetProperty("id").GetGuid() == id);
        Assert.StartsWith("Kept name: ", item.GetProperty("contents").GetString());
        using HttpResponseMessage back = await app.Http.PostAsync($"/api/storage/trash/{item.GetProperty("name").GetString()}/take-back", null);
        Assert.Equal(HttpStatusCode.NoContent, back.StatusCode);
        Assert.Equal(before.ToString(), (await app.GetAsync($"/api/models/{id}")).ToString());
        Assert.Empty(Directory.GetFiles(Path.Combine(app.Root, "trash")));

        // For good, and nothing of it is left.
        await app.Http.DeleteAsync($"/api/models/{id}?toTrash=true");
        string name = (await app.GetAsync("/api/storage/trash"))[0].GetProperty("name").GetString()!;
        Assert.Equal(HttpStatusCode.NoContent, (await app.Http.DeleteAsync($"/api/storage/trash/{name}")).StatusCode);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(app.Root, "trash")));
    }

    [Fact]
    public async Task Card_SaysWhatIsStored()
    {
        Guid id = await app.ImportedModelAsync();
        await app.Http.PatchAsJsonAsync($"/api/models/{id}", new { name = "A <b>bold</b> | name" });
        JsonElement model = await app.GetAsync($"/api/models/{id}");
        using HttpResponseMessage answer = await app.Http.GetAsync($"/api/models/{id}/card.md");
        Assert.Equal("text/markdown", answer.Content.Headers.ContentType!.MediaType);
        string card = await answer.Content.ReadAsStringAsync();
        Assert.Contains("# A &lt;b>bold&lt;/b> \\| name\n", card);
        Assert.Contains(model.GetProperty("weightsSha256").GetString()!, card);
        Assert.Contains($"| Layers | {model.GetProperty("layers").GetInt32()} |", card);
        Assert.Contains("GPT2Tokenizer.from_pretrained", card);
        Assert.Contains("Nothing has been measured yet.", card);
    }

    public static TheoryData<string> Faults =>
        ["truncated weights", "heads", "no config", "no weights", "one tokenizer file", "other tokenizer", "path", "backslash "
        + "path", "pickle"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Import_BadFiles_IsRefusedAndLeavesNothing(string fault)
    {
        Dictionary<string, byte[]> files = Product.TinyModel();
        string expected = Spoil(files, fault);
        int models = (await app.GetAsync("/api/models")).GetArrayLength();
        using HttpResponseMessage response = await app.ImportAsync(files, fault);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["files"], problem.Fields());
        Assert.Contains(expected, problem.GetProperty("detail").GetString());
        Assert.Equal(models, (await app.GetAsync("/api/models")).GetArrayLength());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    private static string Spoil(Dictionary<string, byte[]> files, string fault)
    {
        switch (fault)
        {
            case "truncated weights":
                files["model.safetensors"] = files["model.safetensors"][..^100];
                return "model.safetensors";
            case "heads":
                files["config.json"] =
                    Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(files["config.json"]).Replace("\"n_head\": 2", "\"n_head\": 3"));
                return "n_head";
            case "no config":
                files.Remove("config.json");
                return "config.json";
            case "no weights":
                files.Remove("model.safetensors");
                return "model.safetensors";
            case "one tokenizer file":
                files.Remove("merges.txt");
                return "merges.txt";
            case "other tokenizer":
                DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-tokenizer-");
                WebDistill.Distillation.Text.Gpt2Tokenizer.Train([Product.Text], 280).Save(folder.FullName, FileLayer.Disk);
                files["vocab.json"] = File.ReadAllBytes(Path.Combine(folder.FullName, "vocab.json"));
                files["merges.txt"] = File.ReadAllBytes(Path.Combine(folder.FullName, "merges.txt"));
                folder.Delete(recursive: true);
                return "280";
            case "path":
                files["../../config.json"] = [];
                return "no place in a model folder";
            case "backslash path":
                files["..\\config.json"] = [];
                return "no place in a model folder";
            default:
                files["pytorch_model.bin"] = [0x80];
                return "pytorch_model.bin";
        }
    }

    [Fact]
    public async Task Import_UnknownField_IsRefusedAndLeavesNothing()
    {
        using var form = new MultipartFormDataContent { { new StringContent("x"), "nmae" } };
        foreach ((string name, byte[] content) in Product.TinyModel())
            form.Add(new ByteArrayContent(content), "files", name);
        using HttpResponseMessage response = await app.Http.PostAsync("/api/models", form);
        Assert.Equal(["nmae"], (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    [Fact]
    public async Task Delete_TeacherOfAQueuedRun_IsRefused()
    {
        Guid model = await app.ImportedModelAsync();
        using HttpResponseMessage upload =
            await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("tokenizerModelId", model.ToString()));
        Guid dataset = (await upload.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{dataset}", d => d.GetProperty("state").GetString() == "Ready");
        Guid run = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000).With(o => o with
        {
            Teacher = o.Teacher with { ModelId = model.ToString() },
            Student = o.Student with { Initialisation = "random", Width = null, Heads = null },
            Objective = o.Objective.With(ce: 1),
        }));
        using HttpResponseMessage refused = await app.Http.DeleteAsync($"/api/models/{model}");
        await refused.ProblemAsync(HttpStatusCode.Conflict);
        using HttpResponseMessage stop = await app.Http.PostAsync($"/api/runs/{run}/stop", null);
        await app.EndOfRunAsync(run);
        using HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/models/{model}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using HttpResponseMessage gone = await app.Http.GetAsync($"/api/models/{model}");
        await gone.ProblemAsync(HttpStatusCode.NotFound);
    }
}
