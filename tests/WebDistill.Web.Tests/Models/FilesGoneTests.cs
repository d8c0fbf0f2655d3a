using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Models;

/// <summary>
/// The finding that a model whose folder is gone was downloaded as an empty archive, and that generation and preview answered 500: whoever
/// reads the files of a row finds them missing or damaged, and says so with what to do.
/// </summary>
public sealed class FilesGoneTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Theory]
    [InlineData("folder")]
    [InlineData("config.json")]
    [InlineData("model.safetensors")]
    [InlineData("damaged")]
    public async Task Model_WithoutItsFiles_IsSaidByEveryReader(string fault)
    {
        Model model = await SmallModels.ImportAsync(app, "Gone model", 5), other = await SmallModels.ImportAsync(app, "Whole model", 6);
        string folder = Path.Combine(app.Root, "models", model.Id.ToString("N"));
        Spoil(folder, fault, "model.safetensors");

        await GoneAsync(await app.Http.PostAsJsonAsync("/api/generate", new { modelId = model.Id, prompt = "a" }));
        await GoneAsync(await app.Http.PostAsJsonAsync("/api/generate", new { modelId = model.Id, prompt = "a", stream = true }));
        await GoneAsync(await app.Http.PostAsJsonAsync("/api/compare-tokens", new { teacherId = other.Id, studentId = model.Id, text = "a bird" }));
        await GoneAsync(await app.Http.PostAsJsonAsync("/api/compare-tokens", new { teacherId = model.Id, studentId = other.Id, text = "a bird" }));
        if (fault is "folder" or "config.json")
        {
            await GoneAsync(await app.Http.GetAsync($"/api/models/{model.Id}/download"));
            await RefusedAsync("modelId", await app.Http.PostAsJsonAsync("/api/evaluations", new { modelId = model.Id, set = "speed" }));
            Guid dataset = await app.ReadyDatasetAsync();
            RunOptions options = Product.TinyTraining(dataset).With(o => o with { Teacher = o.Teacher with { ModelId = model.Id.ToString() },
                Objective = o.Objective.With(ce: 1) });
            await RefusedAsync("teacher.modelId", await app.Http.PostAsJsonAsync("/api/runs/plan", options, WebJson.Options));
            await RefusedAsync("teacher.modelId", await app.Http.PostAsJsonAsync("/api/runs", options, WebJson.Options));
        }
        using HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/models/{model.Id}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
    }

    [Theory]
    [InlineData("folder")]
    [InlineData("train.tokens")]
    [InlineData("vocab.json")]
    [InlineData("damaged")]
    public async Task Dataset_WithoutItsFiles_IsSaidByEveryReader(string fault)
    {
        Guid dataset = await app.ReadyDatasetAsync();
        Spoil(Path.Combine(app.Root, "datasets", dataset.ToString("N")), fault, "train.tokens");
        await GoneAsync(await app.Http.GetAsync($"/api/datasets/{dataset}/preview"));
        if (fault == "vocab.json")
            return;
        await RefusedAsync("data.datasetId", await app.Http.PostAsJsonAsync("/api/runs/plan", Product.TinyTraining(dataset), WebJson.Options));
        await RefusedAsync("data.datasetId", await app.Http.PostAsJsonAsync("/api/runs", Product.TinyTraining(dataset), WebJson.Options));
    }

    [Fact]
    public async Task Checkpoint_WithoutItsFolder_IsSaidByEveryReader()
    {
        RunOptions options = Product.TinyTraining(await app.ReadyDatasetAsync());
        Guid run = await app.StartAsync(options);
        await app.EndOfRunAsync(run);
        JsonElement checkpoint = (await app.GetAsync($"/api/runs/{run}/checkpoints"))[0];
        int step = checkpoint.GetProperty("step").GetInt32();
        Directory.Delete(Path.Combine(app.Root, "runs", run.ToString("N")), recursive: true);

        await GoneAsync(await app.Http.GetAsync($"/api/runs/{run}/checkpoints/{step}/files"));
        await GoneAsync(await app.Http.PostAsJsonAsync($"/api/runs/{run}/checkpoints/{step}/branch", options, WebJson.Options));
        await GoneAsync(await app.Http.PostAsJsonAsync("/api/generate", new { modelId = checkpoint.GetProperty("id").GetGuid(), prompt = "a" }));
    }

    private static void Spoil(string folder, string fault, string file)
    {
        if (fault == "folder")
            Directory.Delete(folder, recursive: true);
        else if (fault == "damaged")
            File.WriteAllBytes(Path.Combine(folder, file), [1, 2, 3]);
        else
            File.Delete(Path.Combine(folder, fault));
    }

    private async Task GoneAsync(HttpResponseMessage response)
    {
        using (response)
        {
            JsonElement problem = await response.ProblemAsync(HttpStatusCode.Gone);
            Assert.Contains("are gone or damaged", problem.GetProperty("detail").GetString());
            Assert.DoesNotContain(app.Root, problem.ToString());
        }
    }

    private async Task RefusedAsync(string field, HttpResponseMessage response)
    {
        using (response)
        {
            JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
            Assert.Equal([field], problem.Fields());
            Assert.Contains("are gone or damaged", problem.GetProperty("detail").GetString());
            Assert.DoesNotContain(app.Root, problem.ToString());
        }
    }
}
