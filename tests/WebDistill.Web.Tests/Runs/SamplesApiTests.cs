using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Tests.Runs;

/// <summary>Samples of real trainings, as the API answers them.</summary>
public sealed class SamplesApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Distillation_WithPrompts_AnswersThemInPieces()
    {
        (Guid id, int total) = await DistilAsync(o => o with { Samples = new() { IntervalSteps = 20, MaxNewTokens = 5, Prompts = ["The green", "A bird\nis"] } });
        JsonElement[] sets = [.. (await app.GetAsync($"/api/runs/{id}/samples")).EnumerateArray()];
        Assert.Equal([0, .. Enumerable.Range(1, total).Where(step => step % 20 == 0 || step == total)], Steps(sets));
        foreach (JsonElement set in sets)
        {
            JsonElement[] answers = [.. set.GetProperty("answers").EnumerateArray()];
            Assert.Equal(["The green", "A bird\nis"], answers.Select(answer => answer.GetProperty("prompt").GetString()));
            Assert.All(answers, answer =>
            {
                Assert.NotNull(answer.GetProperty("teacher").GetString());
                JsonElement[] tokens = [.. answer.GetProperty("student").EnumerateArray()];
                Assert.InRange(tokens.Length, 1, 5);
                Assert.All(tokens, token => Assert.True(token.GetProperty("id").GetInt32() >= 0 && token.GetProperty("text").GetString() != ""));
                Assert.Equal(tokens.Average(token => token.GetProperty("klNats").GetDouble()), answer.GetProperty("meanKlNatsPerToken").GetDouble(), 1e-9);
            });
            Assert.Equal(answers.Average(answer => answer.GetProperty("meanKlNatsPerToken").GetDouble()), set.GetProperty("meanKlNatsPerToken").GetDouble(), 1e-9);
        }
        // A piece of the list, and where the next one begins.
        using HttpResponseMessage piece = await app.Http.GetAsync($"/api/runs/{id}/samples?limit=1");
        Assert.Equal([0], Steps([.. (await piece.JsonAsync()).EnumerateArray()]));
        Assert.Contains("after=0&limit=1", piece.Headers.GetValues("Link").Single());
        Assert.Equal(Steps(sets).Skip(1), Steps([.. (await app.GetAsync($"/api/runs/{id}/samples?after=0")).EnumerateArray()]));
        // The student of the last update is the run's model: what it says there is what it says in the playground.
        JsonElement run = await app.GetAsync($"/api/runs/{id}");
        using HttpResponseMessage generated = await app.Http.PostAsJsonAsync("/api/generate",
            new { modelId = run.GetProperty("studentModelId").GetGuid(), prompt = "The green", greedy = true, maxNewTokens = 5 });
        Assert.Equal((await generated.JsonAsync()).GetProperty("ids").EnumerateArray().Select(token => token.GetInt32()),
            sets[^1].GetProperty("answers")[0].GetProperty("student").EnumerateArray().Select(token => token.GetProperty("id").GetInt32()));
    }

    [Fact]
    public async Task Run_ResumedFromAnEarlierCheckpointAndBranched_HasEachSampleOnce()
    {
        (Guid id, int total) = await DistilAsync(o => o with { Samples = new() { IntervalSteps = 10 }, Checkpoints = o.Checkpoints with { IntervalSteps = 20, KeepLast = 100 } });
        JsonElement before = await app.GetAsync($"/api/runs/{id}/samples");
        RunOptions options = (await app.GetAsync($"/api/runs/{id}")).GetProperty("options").Deserialize<RunOptions>(JsonSerializerOptions.Web)!;
        using HttpResponseMessage created = await app.Http.PostAsJsonAsync($"/api/runs/{id}/checkpoints/20/branch", options with { Name = "branch", Samples = new() { IntervalSteps = 0 } });
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Guid branch = (await created.JsonAsync()).GetProperty("id").GetGuid();
        await app.EndOfRunAsync(branch);
        // Those of the past that they share, and none of its own.
        JsonElement[] copied = [.. (await app.GetAsync($"/api/runs/{branch}/samples")).EnumerateArray()];
        Assert.Equal([0, 10, 20], Steps(copied));
        Assert.Equal(before.EnumerateArray().Take(3).Select(set => set.GetRawText()), copied.Select(set => set.GetRawText()));

        (await app.Http.PostAsJsonAsync($"/api/runs/{id}/resume", new { step = 20 })).EnsureSuccessStatusCode();
        await app.PollAsync($"/api/runs/{id}", run => run.GetProperty("attempt").GetInt32() == 2 && run.GetProperty("status").GetString() == "Completed");
        Assert.Equal(before.GetRawText(), (await app.GetAsync($"/api/runs/{id}/samples")).GetRawText());
        Assert.True(total > 20);
    }

    [Fact]
    public async Task Training_WithoutATeacherAndPrompts_TellsHowHeldOutDocumentsGoOn()
    {
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync()));
        JsonElement run = await app.EndOfRunAsync(id);
        JsonElement[] sets = [.. (await app.GetAsync($"/api/runs/{id}/samples")).EnumerateArray()];
        // So short a run can afford no more than the first and the last.
        Assert.Equal([0, run.GetProperty("totalSteps").GetInt32()], Steps(sets));
        Assert.Equal(JsonValueKind.Null, sets[0].GetProperty("meanKlNatsPerToken").ValueKind);
        Assert.All(sets[0].GetProperty("answers").EnumerateArray(), answer =>
        {
            Assert.Contains(answer.GetProperty("prompt").GetString()!, Product.Text);
            Assert.Equal(JsonValueKind.Null, answer.GetProperty("teacher").ValueKind);
        });
        using (HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/runs/{id}"))
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using HttpResponseMessage gone = await app.Http.GetAsync($"/api/runs/{id}/samples");
        await gone.ProblemAsync(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("""{"intervalSteps": -1}""", "samples.intervalSteps")]
    [InlineData("""{"prompts": "Once"}""", "samples.prompts")]
    [InlineData("""{"prompts": null, "maxNewTokens": 1.5}""", "samples.maxNewTokens samples.prompts")]
    [InlineData("""{"prompts": ["", "x"], "every": 3}""", "samples.every samples.prompts")]
    public async Task Post_BadSamples_NamesTheField(string samples, string fields)
    {
        using var content = new StringContent($$"""
            {"samples": {{samples}}, "data": {"datasetId": "{{await app.ReadyDatasetAsync()}}", "contextLength": 16}, "objective": {"clm": {"weight": 1} },
             "student": {"initialisation": "random", "layerCount": 1, "width": 16, "heads": 2} }
            """, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await app.Http.PostAsync("/api/runs", content);
        Assert.Equal(fields.Split(' '), (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields().Order());
    }

    private async Task<(Guid Id, int Updates)> DistilAsync(Func<RunOptions, RunOptions> change)
    {
        Guid dataset = await app.ReadyDatasetAsync();
        JsonElement teacher = await app.EndOfRunAsync(await app.StartAsync(Product.TinyTraining(dataset).With(o => o with
        {
            Student = o.Student with { LayerCount = 2 }, Samples = new() { IntervalSteps = 0 },
        })));
        Assert.Empty((await app.GetAsync($"/api/runs/{teacher.GetProperty("id").GetGuid()}/samples")).EnumerateArray());
        JsonElement run = await app.EndOfRunAsync(await app.StartAsync(change(Product.TinyTraining(dataset).With(o => o with
        {
            Teacher = o.Teacher with { ModelId = teacher.GetProperty("studentModelId").GetString() },
            Student = o.Student with { Initialisation = "teacher-layers", LayerCount = 1, Width = null, Heads = null },
            Data = o.Data with { ContextLength = null },
            Objective = o.Objective.With(ce: 5, clm: 2, cos: 1),
        }))));
        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        return (run.GetProperty("id").GetGuid(), run.GetProperty("totalSteps").GetInt32());
    }

    private static IEnumerable<int> Steps(IReadOnlyList<JsonElement> sets) => sets.Select(set => set.GetProperty("step").GetInt32());
}
