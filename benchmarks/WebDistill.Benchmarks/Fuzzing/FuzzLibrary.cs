using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>Ids of what exists, by the segment of the path that they follow; "steps" are those of checkpoints.</summary>
internal sealed record FuzzIds(IReadOnlyDictionary<string, string[]> ByKind)
{
    /// <summary>One of a kind, the first ones more often, or one that does not exist.</summary>
    public string Of(string kind, Random random)
    {
        double share = random.NextDouble() * random.NextDouble();
        return ByKind.GetValueOrDefault(kind) is { Length: > 0 } known ? known[(int)(share * known.Length)] : Guid.Empty.ToString();
    }

    /// <summary>One of any kind.</summary>
    public string Any(Random random) => Of(new[] { "runs", "datasets", "models", "evaluations", "sweeps", "backups" }[random.Next(6)], random);
}

/// <summary>
/// What a server holds: a small data set, a model, a run with checkpoints, a sweep, an evaluation, a backup. Requests delete them: then they are
/// made again; and what requests made is removed before it becomes much.
/// </summary>
internal sealed class FuzzLibrary(FuzzServer server) : IDisposable
{
    private const int MostOfAKind = 8;
    private const int VocabularySize = 300;
    private const string TinyRun = """
        {"name":"tiny","student":{"initialisation":"random","layerCount":1,"width":16,"heads":2,"dropout":0},"data":{"contextLength":16},
         "objective":{"clm":{"weight":1}},"schedule":{"epochs":1,"batchSize":8,"validationIntervalSteps":20,"validationMaxTokens":256},
         "checkpoints":{"intervalSteps":20}}
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] s_kinds = ["runs", "sweeps", "evaluations", "datasets", "models"];
    private static readonly byte[] s_text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 400).Select(i =>
        $"The {(i % 3 == 0 ? "red" : "blue")} bird number {i % 17} sat on the {(i % 2 == 0 ? "wall" : "tree")} and sang.\n\n")));

    private readonly HttpClient _http = new() { BaseAddress = server.Address, Timeout = Patience };
    private readonly IReadOnlyList<FormPart> _model = TinyModel();
    private readonly string _tokenizerSha256 = Tokenizer().Vocabulary.Sha256;

    /// <summary>host:port.</summary>
    public string Host => server.Address.Authority;

    /// <summary>What exists, as of the last look.</summary>
    public FuzzIds Ids { get; private set; } = new(new Dictionary<string, string[]>());

    /// <summary>The API's description.</summary>
    public async Task<ApiDocument> DocumentAsync() => new(await _http.GetFromJsonAsync<JsonElement>("/openapi/v1.json"));

    /// <summary>Makes what is missing, removes what is too much, and looks at what there is then.</summary>
    public async Task KeepAsync()
    {
        foreach (string kind in s_kinds)
        {
            foreach (JsonElement extra in (await ListAsync(kind)).Skip(MostOfAKind))
                await RemoveAsync(kind, extra);
        }
        foreach (string extra in (await BackupsAsync()).Skip(MostOfAKind))
            (await _http.DeleteAsync($"/api/storage/backups/{Uri.EscapeDataString(extra)}")).Dispose();

        Dictionary<string, string[]> ids = [];
        ids["models"] = await IdsOrNewAsync("models", IsOfOurTokenizer, () => PostAsync("/api/models", Content(_model)));
        ids["datasets"] = await IdsOrNewAsync("datasets", d => d.GetProperty("state").GetString() == "Ready" && IsOfOurTokenizer(d),
            () => PostAsync("/api/datasets", Content(Form("DatasetForm", FirstOf(ids), new Random(0))!)));
        ids["runs"] = await IdsOrNewAsync("runs", r => r.GetProperty("status").GetString() == "Completed", () => PostAsync("/api/runs", Accepted("RunOptions", ids)));
        ids["sweeps"] = await IdsOrNewAsync("sweeps", s => s.GetProperty("isAtRest").GetBoolean(), () => PostAsync("/api/sweeps", Accepted("SweepPlan", ids)));
        ids["evaluations"] = await IdsOrNewAsync("evaluations", e => e.GetProperty("status").GetString() is not ("Queued" or "Running"),
            () => PostAsync("/api/evaluations", Accepted("EvaluationRequest", ids)));
        ids["backups"] = await BackupsAsync() is { Length: > 0 } backups ? backups
            : [(await PostAsync("/api/storage/backups", null)).GetProperty("name").GetString()!];
        ids["steps"] = await StepsAsync(ids["runs"]);
        Ids = new FuzzIds(ids);
    }

    /// <summary>Ends and removes everything that works or waits, and waits until nothing does.</summary>
    public async Task RestAsync()
    {
        using var ended = new CancellationTokenSource(Patience);
        foreach (string kind in s_kinds)
        {
            for (JsonElement[] busy; (busy = [.. (await ListAsync(kind)).Where(IsBusy)]).Length > 0; await Task.Delay(200, ended.Token))
            {
                foreach (JsonElement one in busy)
                    await RemoveAsync(kind, one);
            }
        }
    }

    /// <summary>A body that the server accepts; null for a schema that is not known here.</summary>
    public static JsonNode? Accepted(string schema, FuzzIds ids, Random random)
    {
        JsonNode? body = schema switch
        {
            "RunOptions" => Run(),
            "SweepPlan" => new JsonObject
            {
                ["name"] = "sweep",
                ["options"] = Run(),
                ["dimensions"] = JsonNode.Parse("""[{"name":"rate","values":[{"label":"1","changes":{"optimiser.learningRate":0.001}},{"label":"2","changes":{"optimiser.learningRate":0.01}}]}]"""),
            },
            "GenerateRequest" => new JsonObject { ["modelId"] = ids.Of("models", random), ["prompt"] = "The red bird", ["maxNewTokens"] = 4, ["stream"] = false },
            "CompareTokensRequest" => new JsonObject { ["teacherId"] = ids.Of("models", random), ["studentId"] = ids.Of("models", random), ["text"] = "The red bird sat." },
            "EvaluationRequest" => new JsonObject { ["modelId"] = ids.Of("models", random), ["set"] = "text", ["datasetId"] = ids.Of("datasets", random) },
            "ContinueRequest" => new JsonObject { ["epochs"] = 1 },
            "PositionRequest" => new JsonObject { ["position"] = 1 },
            "NameRequest" => new JsonObject { ["name"] = "another name" },
            "ResumeRequest" => new JsonObject { ["step"] = null },
            _ => null,
        };
        return body;

        JsonNode Run()
        {
            JsonNode run = JsonNode.Parse(TinyRun)!;
            run["data"]!["datasetId"] = ids.Of("datasets", random);
            return run;
        }
    }

    /// <summary>A form that the server accepts; null for a schema that is not known here.</summary>
    public List<FormPart>? Form(string schema, FuzzIds ids, Random random) => schema switch
    {
        "ModelForm" => [.. _model],
        "DatasetForm" =>
        [
            new FormPart("name", null, "birds"u8.ToArray()), new FormPart("tokenizerModelId", null, Encoding.UTF8.GetBytes(ids.Of("models", random))),
            new FormPart("validationProportion", null, "0.1"u8.ToArray()), new FormPart("file", "birds.txt", s_text),
        ],
        _ => null,
    };

    public void Dispose() => _http.Dispose();

    private static FuzzIds FirstOf(Dictionary<string, string[]> ids) => new(ids.ToDictionary(kind => kind.Key, kind => kind.Value[..1]));

    private static HttpContent Accepted(string schema, Dictionary<string, string[]> ids) => JsonContent.Create(Accepted(schema, FirstOf(ids), new Random(0)));

    // Data sets and models of one tokenizer can be used together.
    private bool IsOfOurTokenizer(JsonElement one) => one.GetProperty("tokenizerSha256").GetString() == _tokenizerSha256;

    private static bool IsBusy(JsonElement one) => one.TryGetProperty("isAtRest", out JsonElement rest) ? !rest.GetBoolean()
        : Status(one) is "Queued" or "Running" or "Pausing" or "Stopping" or "Preparing" or "Interrupted" or "Waiting";

    private static string? Status(JsonElement one) => one.TryGetProperty("status", out JsonElement status) ? status.GetString()
        : one.TryGetProperty("state", out JsonElement state) ? state.GetString() : null;

    private async Task<JsonElement[]> ListAsync(string kind) => await _http.GetFromJsonAsync<JsonElement[]>($"/api/{kind}") ?? [];

    private async Task<string[]> BackupsAsync() =>
        [.. (await _http.GetFromJsonAsync<JsonElement[]>("/api/storage/backups") ?? []).Select(backup => backup.GetProperty("name").GetString()!)];

    private async Task RemoveAsync(string kind, JsonElement one)
    {
        string path = $"/api/{kind}/{one.GetProperty("id").GetString()}";
        // Refused where it is at rest or gone already: then removing it is what counts.
        (await _http.PostAsync($"{path}/{(kind is "runs" or "sweeps" ? "stop" : "cancel")}", null)).Dispose();
        (await _http.DeleteAsync(kind == "sweeps" ? $"{path}?runs=delete" : path)).Dispose();
    }

    private async Task<string[]> IdsOrNewAsync(string kind, Func<JsonElement, bool> isWhole, Func<Task<JsonElement>> make)
    {
        JsonElement[] found = await ListAsync(kind);
        if (!found.Any(isWhole))
        {
            string id = (await make()).GetProperty("id").GetString()!;
            using var ended = new CancellationTokenSource(Patience);
            // Clients at work may take it away again before it is whole; the next round makes it anew.
            while ((found = await ListAsync(kind)).FirstOrDefault(one => one.GetProperty("id").GetString() == id) is { ValueKind: JsonValueKind.Object } one && IsBusy(one))
                await Task.Delay(50, ended.Token);
        }
        // Whole ones first, so that a fresh server has one at the same place.
        return [.. found.OrderByDescending(isWhole).Select(one => one.GetProperty("id").GetString()!)];
    }

    private async Task<string[]> StepsAsync(string[] runs)
    {
        List<string> steps = [];
        foreach (string run in runs.Take(2))
        {
            using HttpResponseMessage response = await _http.GetAsync($"/api/runs/{run}/checkpoints");
            if (response.IsSuccessStatusCode)
                steps.AddRange((await response.Content.ReadFromJsonAsync<JsonElement[]>())!.Select(c => c.GetProperty("step").GetInt32().ToString(CultureInfo.InvariantCulture)));
        }
        return [.. steps];
    }

    private async Task<JsonElement> PostAsync(string path, HttpContent? content)
    {
        using HttpResponseMessage response = await _http.PostAsync(path, content);
        string answer = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonDocument.Parse(answer).RootElement
            : throw new InvalidOperationException($"What requests need could not be made: POST {path} was answered {(int)response.StatusCode} {answer}");
    }

    private static MultipartFormDataContent Content(IReadOnlyList<FormPart> parts)
    {
        var form = new MultipartFormDataContent();
        foreach (FormPart part in parts)
        {
            if (part.FileName is null)
                form.Add(new ByteArrayContent(part.Content), part.Name);
            else
                form.Add(new ByteArrayContent(part.Content), part.Name, part.FileName);
        }
        return form;
    }

    private static Gpt2Tokenizer Tokenizer() => Gpt2Tokenizer.Train([Encoding.UTF8.GetString(s_text)], VocabularySize);

    private static List<FormPart> TinyModel()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("webdistill-model-");
        try
        {
            Gpt2Tokenizer tokenizer = Tokenizer();
            tokenizer.Save(folder.FullName, FileLayer.Disk);
            using (TextModel model = TextModel.CreateRandom(
                new Gpt2Config { VocabSize = tokenizer.Vocabulary.Size, NPositions = 32, NEmbd = 16, NLayer = 1, NHead = 2, InitializerRange = 0.2 }, seed: 1))
                ModelFiles.Save(model, folder.FullName, FileLayer.Disk);
            return [new FormPart("name", null, "tiny"u8.ToArray()), .. folder.EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal)
                .Select(file => new FormPart("files", file.Name, File.ReadAllBytes(file.FullName)))];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
