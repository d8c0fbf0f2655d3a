using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Web.Sweeps;

namespace WebDistill.Benchmarks;

/// <summary>
/// <c>memory</c>: what the server keeps of its work. The real server in a process of its own, its resident memory at rest before and after
/// every import of a large model, every run and every evaluation.
/// </summary>
internal static class MemoryCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(20);

    // After an answer the server still closes files and gives memory back.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(3);

    public static Command Create()
    {
        var server = new Option<string>("--server")
        {
            Description = "WebDistill.Web.dll that is started", Required = true,
        };
        var imports = new Option<int>("--imports") { DefaultValueFactory = _ => 10, Description = "models that are imported and deleted" };
        var runs = new Option<int>("--runs") { DefaultValueFactory = _ => 10, Description = "runs that are trained" };
        var evaluations = new Option<int>("--evaluations") { DefaultValueFactory = _ => 10, Description = "evaluations of the trained models" };
        var megabytes = new Option<int>("--megabytes") { DefaultValueFactory = _ => 2048, Description = "size of an imported model" };
        var command = new Command("memory", "Resident memory of a server before and after imports, runs and evaluations.")
        {
            server, imports, runs, evaluations, megabytes,
        };
        command.SetAction((parsed, cancel) => MeasureAsync(
            Path.GetFullPath(parsed.GetValue(server)!), parsed.GetValue(imports), parsed.GetValue(runs), parsed.GetValue(evaluations),
            parsed.GetValue(megabytes), cancel));
        return command;
    }

    private static async Task<int> MeasureAsync(string server, int imports, int runs, int evaluations, int megabytes, CancellationToken cancel)
    {
        DirectoryInfo work = Directory.CreateTempSubdirectory("webdistill-memory-");
        using Process process = Start(server, work.FullName);
        try
        {
            using var http = new HttpClient { BaseAddress = await AddressAsync(process, cancel), Timeout = Patience };
            string model = WriteModel(Path.Combine(work.FullName, "model"), megabytes);
            Guid dataset = await UploadTextAsync(http, cancel);
            // What is compiled, opened and cached by the first of each kind belongs to the server.
            Guid trained = await TrainAsync(http, dataset, cancel);
            await EvaluateAsync(http, trained, dataset, 0, cancel);
            await ImportAsync(http, SmallModel(Path.Combine(work.FullName, "small")), cancel);

            await RepeatAsync("import", imports, process, _ => ImportAsync(http, model, cancel), cancel);
            await RepeatAsync("run", runs, process, async _ => trained = await TrainAsync(http, dataset, cancel), cancel);
            await RepeatAsync("evaluation", evaluations, process, i => EvaluateAsync(http, trained, dataset, i + 1, cancel), cancel);
            return 0;
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            work.Delete(recursive: true);
        }
    }

    /// <summary>One line per repetition, and one for all of them.</summary>
    private static async Task RepeatAsync(string kind, int count, Process process, Func<int, Task> work, CancellationToken cancel)
    {
        if (count == 0)
            return;
        await Task.Delay(Rest, cancel);
        long before = Resident(process), largest = before;
        for (int i = 0; i < count; i++)
        {
            long began = Stopwatch.GetTimestamp();
            await work(i);
            double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            await Task.Delay(Rest, cancel);
            long after = Resident(process);
            largest = Math.Max(largest, after);
            Report.Line(new { measurement = "memory", kind, number = i + 1, seconds = Report.Rounded(seconds), residentBytes = after });
        }
        long end = Resident(process);
        process.Refresh();
        Report.Line(new
        {
            measurement = "memory", kind, repetitions = count, residentBytesBefore = before, residentBytesAfter = end,
            largestResidentBytesAtRest = largest, peakResidentBytes = process.PeakWorkingSet64,
            ratioAfterToBefore = Report.Rounded((double)end / before),
        });
    }

    private static long Resident(Process process)
    {
        process.Refresh();
        return process.WorkingSet64;
    }

    private static Process Start(string server, string work) => Process.Start(
        new ProcessStartInfo("dotnet",
        [
            server, "--urls", "http://127.0.0.1:0", "--Storage:Root", Path.Combine(work, "data"), "--Logging:LogLevel:Default", "Warning",
            "--Storage:MaxUploadMegabytes", "1048576",
        ])
        { RedirectStandardOutput = true, WorkingDirectory = Path.GetDirectoryName(server) })!;

    private static async Task<Uri> AddressAsync(Process process, CancellationToken cancel)
    {
        const string announcement = "WebDistill listens on ";
        while (await process.StandardOutput.ReadLineAsync(cancel) is string line)
        {
            if (!line.StartsWith(announcement, StringComparison.Ordinal))
                continue;
            // Read on, so that the process never waits for a full pipe.
            _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            return new Uri(line[announcement.Length..]);
        }
        throw new InvalidOperationException("The server ended before it listened; its own messages say why.");
    }

    /// <summary>A GPT-2 of about that size; only its header and its zeros are written, whatever the memory of this machine.</summary>
    private static string WriteModel(string folder, int megabytes)
    {
        const int width = 1024;
        var config = new Gpt2Config { VocabSize = 4096, NPositions = 256, NEmbd = width, NLayer = 1, NHead = 16 };
        long layers = Math.Max(1, ((long)megabytes * 1_000_000 / sizeof(float) - config.ParameterCount) / (12L * width * width));
        config = config with { NLayer = (int)Math.Min(layers, 1000) };
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Write(Path.Combine(folder, ModelFiles.WeightsFileName),
            [.. config.Family.Weights(config).Select(weight => SafetensorsTensor.Single("transformer." + weight.Name, weight.Shape, values => values.Fill(0.01f)))],
            FileLayer.Disk);
        File.WriteAllText(Path.Combine(folder, ModelFiles.ConfigFileName), config.ToJson());
        return folder;
    }

    private static string SmallModel(string folder)
    {
        using var model = TextModel.CreateRandom(new Gpt2Config { VocabSize = 300, NPositions = 16, NEmbd = 16, NLayer = 1, NHead = 2 }, seed: 1);
        ModelFiles.Save(model, folder, FileLayer.Disk);
        return folder;
    }

    private static async Task ImportAsync(HttpClient http, string folder, CancellationToken cancel)
    {
        using var form = new MultipartFormDataContent();
        foreach (string file in Directory.EnumerateFiles(folder))
            form.Add(new StreamContent(File.OpenRead(file), 1 << 20), "files", Path.GetFileName(file));
        JsonElement model = await SendAsync(http, HttpMethod.Post, "/api/models", form, cancel);
        await SendAsync(http, HttpMethod.Delete, $"/api/models/{model.GetProperty("id").GetGuid()}", null, cancel);
    }

    private static async Task<Guid> UploadTextAsync(HttpClient http, CancellationToken cancel)
    {
        string text = string.Concat(Enumerable.Range(0, 4000).Select(i =>
            string.Create(CultureInfo.InvariantCulture, $"The {(i % 3 == 0 ? "red" : "blue")} bird number {i % 17} sat on the {(i % 2 == 0 ? "wall" : "tree")} and sang.\n\n")));
        using var form = new MultipartFormDataContent
        {
            { new StringContent("300"), "vocabularySize" },
            { new ByteArrayContent(Encoding.UTF8.GetBytes(text)) { Headers = { ContentType = new MediaTypeHeaderValue("text/plain") } }, "file", "birds.txt" },
        };
        Guid id = (await SendAsync(http, HttpMethod.Post, "/api/datasets", form, cancel)).GetProperty("id").GetGuid();
        await UntilAsync(http, $"/api/datasets/{id}", "state", "Ready", cancel);
        return id;
    }

    /// <summary>Trains a model whose weights, gradients and moments are 250 MB, for a few updates.</summary>
    private static async Task<Guid> TrainAsync(HttpClient http, Guid dataset, CancellationToken cancel)
    {
        JsonElement run = await SendAsync(http, HttpMethod.Post, "/api/runs", JsonContent.Create(new
        {
            name = "memory", data = new { datasetId = dataset, contextLength = 64 },
            student = new { initialisation = "random", layerCount = 5, width = 512, heads = 8 }, objective = new { clm = new { weight = 1 } },
            schedule = new { epochs = 1, batchSize = 64, gradientAccumulation = 4, validationIntervalSteps = 0, validationMaxTokens = 256 },
            checkpoints = new { intervalSteps = 0, keepLast = 1 },
        }), cancel);
        Guid id = run.GetProperty("id").GetGuid();
        JsonElement ended = await UntilAsync(http, $"/api/runs/{id}", "status", "Completed", cancel);
        return ended.GetProperty("studentModelId").GetGuid();
    }

    private static async Task EvaluateAsync(HttpClient http, Guid model, Guid dataset, int number, CancellationToken cancel)
    {
        // Another context each time: figures that are known are not computed again.
        JsonElement evaluation = await SendAsync(http, HttpMethod.Post, "/api/evaluations", JsonContent.Create(new
        {
            modelId = model, set = "text", datasetId = dataset, contextLength = 64 - number % 32, stride = 32 - number % 32,
        }), cancel);
        await UntilAsync(http, $"/api/evaluations/{evaluation.GetProperty("id").GetGuid()}", "status", "Completed", cancel);
    }

    private static async Task<JsonElement> UntilAsync(HttpClient http, string path, string field, string expected, CancellationToken cancel)
    {
        for (long began = Stopwatch.GetTimestamp(); ; await Task.Delay(200, cancel))
        {
            JsonElement found = await http.GetFromJsonAsync<JsonElement>(path, cancel);
            string state = found.GetProperty(field).GetString()!;
            if (state == expected)
                return found;
            if (state is "Failed" or "Cancelled" or "Stopped" || Stopwatch.GetElapsedTime(began) > Patience)
                throw new InvalidOperationException($"{path} is {state}, expected {expected}: {found}");
        }
    }

    private static async Task<JsonElement> SendAsync(HttpClient http, HttpMethod method, string path, HttpContent? content, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using HttpResponseMessage response = await http.SendAsync(request, cancel);
        string text = await response.Content.ReadAsStringAsync(cancel);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{method} {path} answered {(int)response.StatusCode}: {text}");
        return text == "" ? default : JsonSerializer.Deserialize<JsonElement>(text);
    }
}
