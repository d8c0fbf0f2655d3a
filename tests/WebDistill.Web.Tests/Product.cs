using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests;

/// <summary>What a client of the product does, over HTTP, with models and texts so small that it takes a moment.</summary>
internal static class Product
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(180);

    /// <summary>A few hundred short documents.</summary>
    public static string Text { get; } = string.Concat(
        Enumerable.Range(0, 400)
            .Select(i => $"The {(i % 3 == 0 ? "red" : "blue")} bird number {i % 17} sat on the {(i % 2 == 0 ? "wall" : "tree")} and "
            + "sang.\n\n"));

    /// <summary>A run from scratch that takes a second: one layer of width 16.</summary>
    public static RunOptions TinyTraining(Guid datasetId, int epochs = 1, string name = "tiny") => new()
    {
        Name = name,
        Data = new() { DatasetId = datasetId.ToString(), ContextLength = 16 },
        Student = new() { Initialisation = "random", LayerCount = 1, Width = 16, Heads = 2, Dropout = 0 },
        Objective = Terms.Of(ce: 0, clm: 1, cos: 0),
        Schedule = new() { Epochs = epochs, BatchSize = 8, ValidationIntervalSteps = 20, ValidationMaxTokens = 256 },
        Checkpoints = new() { IntervalSteps = 0 },
    };

    /// <summary>Uploads a text and waits until it is prepared.</summary>
    public static async Task<Guid> ReadyDatasetAsync(this WebDistillApp app, string? text = null)
    {
        using HttpResponseMessage response = await app.UploadAsync(Encoding.UTF8.GetBytes(text ?? Text), ("vocabularySize", "300"));
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.Equal("Ready", dataset.GetProperty("state").GetString());
        return id;
    }

    public static async Task<HttpResponseMessage> UploadAsync(this WebDistillApp app, byte[] text,
        params (string Name, string Value)[] fields)
    {
        using var form = new MultipartFormDataContent();
        foreach ((string name, string value) in fields)
            form.Add(new StringContent(value), name);
        form.Add(new ByteArrayContent(text), "file", "birds.txt");
        return await app.Http.PostAsync("/api/datasets", form);
    }

    public static async Task<Guid> StartAsync(this WebDistillApp app, RunOptions options)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs", options, WebJson.Options);
        JsonElement run = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, run.ToString());
        Assert.Equal($"/api/runs/{run.GetProperty("id").GetGuid()}", response.Headers.Location!.ToString());
        return run.GetProperty("id").GetGuid();
    }

    /// <summary>Asks for a run that is refused for one field, whose problem says that.</summary>
    public static async Task RefusedAsync(this WebDistillApp app, RunOptions options, string field, string said)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/runs", options, WebJson.Options);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal([field], problem.Fields());
        Assert.Contains(said, problem.GetProperty("errors").GetProperty(field)[0].GetString());
    }

    /// <summary>Waits until a run has come to an end and returns it.</summary>
    public static Task<JsonElement> EndOfRunAsync(this WebDistillApp app, Guid id) =>
        app.PollAsync($"/api/runs/{id}", run => run.GetProperty("status").GetString() is "Completed" or "Stopped" or "Failed" or "Interrupted");

    public static async Task<JsonElement> PollAsync(this WebDistillApp app, string path, Func<JsonElement, bool> isDone)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            JsonElement answer = await app.GetAsync(path);
            if (isDone(answer))
                return answer;
            Assert.True(Stopwatch.GetElapsedTime(began) < _patience, $"{path} did not come to the expected state in {_patience}: {answer}");
            await Task.Delay(50);
        }
    }

    public static Task<JsonElement> GetAsync(this WebDistillApp app, string path) => app.Http.WholeAsync(path);

    /// <summary>An answer of the API; of a list every piece, followed by its Link headers and put together.</summary>
    public static async Task<JsonElement> WholeAsync(this HttpClient http, string path)
    {
        List<JsonElement> entries = [];
        for (string? next = path; ;)
        {
            using HttpResponseMessage response = await http.GetAsync(next);
            JsonElement answer = await response.JsonAsync();
            Assert.True(response.IsSuccessStatusCode, $"{next}: {response.StatusCode} {answer}");
            next = response.Headers.TryGetValues("Link", out IEnumerable<string>? links) ? links.Single().Split('<', '>')[1] : null;
            if (entries.Count == 0 && next is null)
                return answer;
            entries.AddRange(answer.EnumerateArray());
            if (next is null)
                return JsonSerializer.SerializeToElement(entries);
        }
    }

    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response) =>
        JsonSerializer.Deserialize<JsonElement>(await response.Content.ReadAsStringAsync());

    /// <summary>Asserts that a response is problem details of that status and returns them.</summary>
    public static async Task<JsonElement> ProblemAsync(this HttpResponseMessage response, HttpStatusCode status)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == status, $"Expected {status}, got {response.StatusCode}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        JsonElement problem = JsonSerializer.Deserialize<JsonElement>(body);
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        return problem;
    }

    /// <summary>The fields that problem details complain about, in order.</summary>
    public static string[] Fields(this JsonElement problem) =>
        [.. problem.GetProperty("errors").EnumerateObject().Select(error => error.Name).Order()];

    /// <summary>Writes a model of random weights as a Hugging Face folder and returns its files' bytes by name.</summary>
    public static Dictionary<string, byte[]> TinyModel(bool withTokenizer = true, int layers = 1, int width = 16, int vocabulary = 300)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-model-");
        try
        {
            Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train([Text], 300);
            RunOptions options = TinyTraining(Guid.Empty).With(o => o with { Student = o.Student with { LayerCount = layers, Width = width } });
            using (TextModel model = StudentInits.Create(options, null, vocabulary))
                ModelFiles.Save(model, folder.FullName, FileLayer.Disk);
            if (withTokenizer)
                tokenizer.Save(folder.FullName, FileLayer.Disk);
            return folder.EnumerateFiles().ToDictionary(file => file.Name, file => File.ReadAllBytes(file.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public static async Task<HttpResponseMessage> ImportAsync(this WebDistillApp app, IReadOnlyDictionary<string, byte[]> files,
        string? name = null)
    {
        using var form = new MultipartFormDataContent();
        foreach ((string file, byte[] content) in files)
            form.Add(new ByteArrayContent(content), "files", file);
        if (name is not null)
            form.Add(new StringContent(name), "name");
        return await app.Http.PostAsync("/api/models", form);
    }

    public static async Task<Guid> ImportedModelAsync(this WebDistillApp app, bool withTokenizer = true)
    {
        using HttpResponseMessage response = await app.ImportAsync(TinyModel(withTokenizer), "tiny");
        JsonElement model = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, model.ToString());
        return model.GetProperty("id").GetGuid();
    }
}
