using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Options;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Numbers;

/// <summary>A finite mean loss whose exponential is beyond the largest number, from the request to the page.</summary>
public sealed class OverflowTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    // A last layer norm so large that the mean loss is thousands of nats per token.
    private const float FarOff = 100_000;

    /// <summary>Finding: one distillation with a teacher whose perplexity overflows made GET /api/runs answer 500 for everybody.</summary>
    [Fact]
    public async Task Teacher_WhosePerplexityOverflows_IsShownAsSuchAndBreaksNoList()
    {
        Guid teacher = await ImportAsync("Far off teacher", FarOff), dataset = await DatasetAsync(teacher);
        Guid id = await app.StartAsync(Distillation(teacher, dataset));
        JsonElement run = await app.EndOfRunAsync(id);
        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        Assert.Equal("Infinity", run.GetProperty("teacherPerplexity").GetString());
        Assert.InRange(run.GetProperty("teacherNatsPerToken").GetDouble(), 710, 1e7);
        JsonElement listed = Assert.Single((await app.GetAsync("/api/runs")).EnumerateArray(), r => r.GetProperty("id").GetGuid() == id);
        Assert.Equal("Infinity", listed.GetProperty("teacherPerplexity").GetString());
        Assert.Contains((await app.GetAsync($"/api/runs/{id}/log")).EnumerateArray(),
            line => line.GetProperty("text").GetString()!.StartsWith("Teacher's perplexity on the held-out text: over 1e308 (", StringComparison.Ordinal));
        Assert.Contains("over 1e308 (", await app.Http.GetStringAsync($"/runs/{id:N}"));
        Assert.Contains(" nats/token)", await app.Http.GetStringAsync($"/runs/{id:N}"));
        Assert.Contains("over 1e308", await app.Http.GetStringAsync("/"));
    }

    /// <summary>Finding: an evaluation of a text without spaces, whose nats per word overflow, failed and lost all its figures.</summary>
    [Fact]
    public async Task Evaluation_OfATextWithoutSpaces_HasAllItsFigures()
    {
        Guid model = await ImportAsync("Reads one long word", 1);
        string folder = app.Service<EvaluationFiles>().Folder;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "one-word.txt"), string.Concat(Enumerable.Repeat("春天来了，河边的柳树发了新芽。", 40)));
        using HttpResponseMessage asked = await app.Http.PostAsJsonAsync("/api/evaluations",
            new { modelId = model, set = "text", fileName = "one-word.txt", contextLength = 16, stride = 8 });
        Guid id = (await asked.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement done = await app.PollAsync($"/api/evaluations/{id}", e => e.GetProperty("status").GetString() is not ("Queued" or "Running"));
        Assert.True(done.GetProperty("status").GetString() == "Completed", done.ToString());
        JsonElement perToken = Figure("Perplexity per token"), perWord = Figure("Perplexity per word");
        Assert.Equal(Math.Exp(perToken.GetProperty("nats").GetDouble()), perToken.GetProperty("value").GetDouble());
        Assert.Equal("Infinity", perWord.GetProperty("value").GetString());
        Assert.InRange(perWord.GetProperty("nats").GetDouble(), 710, 1e6);
        Assert.InRange(Figure("Bits per byte").GetProperty("value").GetDouble(), 1, 20);
        string query = $"/api/reports?models={model:N}";
        Assert.Contains("Infinity", await app.Http.GetStringAsync($"{query}&format=csv"));
        foreach (string format in new[] { "html", "md" })
            Assert.Matches(@"over 1e308 \([0-9.]+ nats per word of the original text\)", await app.Http.GetStringAsync($"{query}&format={format}"));
        Assert.Contains("over 1e308 (", await app.Http.GetStringAsync($"/report?models={model:N}"));

        JsonElement Figure(string name) => done.GetProperty("result").GetProperty("figures").EnumerateArray()
            .Single(figure => figure.GetProperty("name").GetString() == name);
    }

    /// <summary>Finding: a student that begins far off failed at its first validation, with no update recorded and no checkpoint.</summary>
    [Fact]
    public async Task Validation_WhosePerplexityOverflows_DoesNotEndTheRunWhichCanBeContinued()
    {
        Guid teacher = await ImportAsync("Sound teacher", 1), student = await ImportAsync("Far off student", FarOff);
        Guid dataset = await DatasetAsync(teacher);
        Guid id = await app.StartAsync(Distillation(teacher, dataset).With(o => o with
        {
            Student = o.Student with { Initialisation = "checkpoint", ModelId = student.ToString(), LayerCount = null },
            Schedule = o.Schedule with { ValidationIntervalSteps = 2 },
            Objective = o.Objective.With(cos: 0),
            Optimiser = o.Optimiser with { LearningRate = 1e-4 },
            Checkpoints = o.Checkpoints with { IntervalSteps = 2 },
        }));
        JsonElement run = await app.EndOfRunAsync(id);
        Assert.True(run.GetProperty("status").GetString() == "Completed", run.ToString());
        JsonElement[] steps = [.. (await app.GetAsync($"/api/runs/{id}/steps")).EnumerateArray()];
        Assert.Equal(run.GetProperty("totalSteps").GetInt32(), steps.Length);
        Assert.Equal("Infinity", steps[1].GetProperty("values").GetProperty("validationPerplexity").GetString());
        Assert.InRange(steps[1].GetProperty("values").GetProperty("validationNatsPerToken").GetDouble(), 710, 1e7);
        JsonElement checkpoint = (await app.GetAsync($"/api/runs/{id}/checkpoints"))[0];
        Assert.Equal("Infinity", checkpoint.GetProperty("validationPerplexity").GetString());
        Assert.InRange(checkpoint.GetProperty("validationNatsPerToken").GetDouble(), 710, 1e7);
        // It goes on from a checkpoint that holds such numbers.
        using HttpResponseMessage longer = await app.Http.PostAsJsonAsync($"/api/runs/{id}/continue", new { epochs = 1 });
        Assert.Equal(HttpStatusCode.Accepted, longer.StatusCode);
        JsonElement ended = await app.PollAsync($"/api/runs/{id}", r => r.GetProperty("attempt").GetInt32() == 2
            && r.GetProperty("status").GetString() is "Completed" or "Failed");
        Assert.True(ended.GetProperty("status").GetString() == "Completed", ended.ToString());
        Assert.True(ended.GetProperty("step").GetInt32() > steps.Length);
    }

    /// <summary>What somebody asks for is finite: the texts that answers use for other numbers are refused, and the field is named.</summary>
    [Theory]
    [InlineData("/api/runs", """{"learningRate": "Infinity"}""", "optimiser.learningRate")]
    [InlineData("/api/runs", """{"objective": {"ce": {"weight": "NaN"}}}""", "objective.ce.weight")]
    [InlineData("/api/runs", """{"student": {"dropout": 1e999}}""", "student.dropout")]
    [InlineData("/api/runs/plan", """{"temperature": "-Infinity"}""", "objective.ce.temperature")]
    [InlineData("/api/generate", """{"modelId": "0192f3a4-0000-7000-8000-000000000000", "prompt": "a", "temperature": "NaN"}""", "temperature")]
    [InlineData("/api/sweeps", """{"name": "n", "dimensions": [{"name": "r", "range": {"option": "learningRate", "minimum": "-Infinity", "maximum": 1}}]}""",
        "dimensions[0].range.minimum")]
    public async Task Request_WithANumberThatIsNotFinite_IsRefusedByItsField(string path, string body, string field)
    {
        using HttpResponseMessage response = await app.Http.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Contains(field, (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    /// <summary>A model whose predictions are not numbers is refused with a sentence, not answered with an error of the server.</summary>
    [Fact]
    public async Task Playground_ModelWhosePredictionsAreNoNumbers_IsAConflict()
    {
        Guid model = await ImportAsync("Beyond float", 3e38f);
        using HttpResponseMessage written = await app.Http.PostAsJsonAsync("/api/generate", new { modelId = model, prompt = "The red bird" });
        Assert.Contains("expected a finite number", (await written.ProblemAsync(HttpStatusCode.Conflict)).GetProperty("detail").GetString());
        using HttpResponseMessage compared = await app.Http.PostAsJsonAsync("/api/compare-tokens",
            new { teacherId = model, studentId = model, text = "The red bird sat" });
        Assert.Contains("expected a finite number", (await compared.ProblemAsync(HttpStatusCode.Conflict)).GetProperty("detail").GetString());
    }

    private static RunOptions Distillation(Guid teacher, Guid dataset) => new()
    {
        Name = "Overflow",
        Teacher = new() { ModelId = teacher.ToString() },
        Data = new() { DatasetId = dataset.ToString(), ContextLength = 16 },
        Student = new() { LayerCount = 1, Dropout = 0 },
        Schedule = new() { Epochs = 1, BatchSize = 64, ValidationMaxTokens = 256 },
        Checkpoints = new() { IntervalSteps = 0 },
    };

    private async Task<Guid> DatasetAsync(Guid tokenizer)
    {
        using HttpResponseMessage response = await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("tokenizerModelId", tokenizer.ToString()));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        Assert.Equal("Ready", (await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing"))
            .GetProperty("state").GetString());
        return id;
    }

    private async Task<Guid> ImportAsync(string name, float factor)
    {
        Dictionary<string, byte[]> files = Product.TinyModel();
        byte[] weights = files["model.safetensors"];
        int header = (int)BitConverter.ToInt64(weights);
        JsonElement tensor = JsonSerializer.Deserialize<JsonElement>(weights.AsSpan(8, header)).EnumerateObject()
            .Single(entry => entry.Name.EndsWith("ln_f.weight", StringComparison.Ordinal)).Value;
        int begin = 8 + header + tensor.GetProperty("data_offsets")[0].GetInt32(), end = 8 + header + tensor.GetProperty("data_offsets")[1].GetInt32();
        foreach (ref float value in MemoryMarshal.Cast<byte, float>(weights.AsSpan(begin, end - begin)))
            value *= factor;
        using HttpResponseMessage response = await app.ImportAsync(files, name);
        JsonElement model = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, model.ToString());
        return model.GetProperty("id").GetGuid();
    }
}
