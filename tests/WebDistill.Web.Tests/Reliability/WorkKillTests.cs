using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Web.Formats;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Tests.Models;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>The server may die at any moment of what it does besides one training, and in the end everything is as if it had not.</summary>
[Trait("needs", "kill")]
public sealed class WorkKillTests
{
    [Fact]
    public async Task Preparation_KilledAtRandomMoments_NothingIsLeftOrItIsPreparedByItselfWithTheSameTokens()
    {
        var kills = new Kills("preparation", ordinarily: 2);
        byte[] text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 40_000).Select(i =>
            $"The {(i % 3 == 0 ? "red" : "blue")} bird number {i} sat on the {(i % 2 == 0 ? "wall" : "tree")}.\n\n")));
        ServerProcess server = await ServerProcess.StartAsync(kills.Root.FullName);
        try
        {
            var clock = Stopwatch.StartNew();
            string expected = await PreparedAsync(server, await UploadAsync(server, text), kills.Root);
            TimeSpan duration = clock.Elapsed;
            for (int kill = 0; kill < kills.Count; kill++)
            {
                Task<Guid> upload = UploadAsync(server, text);
                TimeSpan moment = kills.Moment(duration);
                await Task.Delay(moment);
                server = await server.KillAndStartAsync(kills.Root.FullName);
                await CutAsync(upload);
                AssertNothingIncoming(kills.Root);
                JsonElement[] stored = [.. (await server.GetAsync("/api/datasets")).EnumerateArray()];
                bool isKept = stored.Length == 1;
                Guid id = isKept ? stored[0].GetProperty("id").GetGuid() : await UploadAsync(server, text);
                string found = await PreparedAsync(server, id, kills.Root);
                kills.Note(Moment(moment, duration, isKept ? "prepared again by itself" : "nothing was left, uploaded again"), expected, found);
            }
        }
        finally
        {
            await server.DisposeAsync();
        }
        kills.Finish();
    }

    [Fact]
    public async Task Import_KilledAtRandomMoments_NothingIsLeftOrTheWholeModelAndARepetitionHasTheSameHash()
    {
        var kills = new Kills("import", ordinarily: 2);
        // Some megabytes, so that storing, checking and publishing take their time.
        Dictionary<string, byte[]> files = Product.TinyModel(layers: 6, width: 256);
        ServerProcess server = await ServerProcess.StartAsync(kills.Root.FullName);
        try
        {
            var clock = Stopwatch.StartNew();
            string expected = await ImportAsync(server, files);
            TimeSpan duration = clock.Elapsed;
            await ForgetModelsAsync(server);
            for (int kill = 0; kill < kills.Count; kill++)
            {
                Task<string> import = ImportAsync(server, files);
                TimeSpan moment = kills.Moment(duration);
                await Task.Delay(moment);
                server = await server.KillAndStartAsync(kills.Root.FullName);
                await CutAsync(import);
                AssertNothingIncoming(kills.Root);
                JsonElement[] stored = [.. (await server.GetAsync("/api/models")).EnumerateArray()];
                Assert.Equal(
                    stored.Select(model => model.GetProperty("id").GetGuid().ToString("N")).Order(),
                    new DirectoryInfo(Path.Combine(kills.Root.FullName, "models")).EnumerateDirectories().Select(folder => folder.Name).Order());
                string found = stored.Length == 1 ? stored[0].GetProperty("weightsSha256").GetString()! : await ImportAsync(server, files);
                kills.Note(Moment(moment, duration, stored.Length == 1 ? "the model was whole" : "nothing was left, imported again"),
                    expected, found);
                await ForgetModelsAsync(server);
            }
        }
        finally
        {
            await server.DisposeAsync();
        }
        kills.Finish();
    }

    /// <summary>What was not settled by the attack: whether the figures of an evaluation that was cut are those of one that was not.</summary>
    [Fact]
    public async Task Evaluation_KilledAtRandomMoments_GoesOnByItselfAndEndsWithTheSameFigures()
    {
        var kills = new Kills("evaluation", ordinarily: 2);
        int resumed = 0;
        Guid teacher, student;
        await using (var app = new WebDistillApp(kills.Root.FullName))
        {
            teacher = (await SmallModels.ImportAsync(app, "Teacher", 1)).Id;
            student = (await SmallModels.ImportAsync(app, "Student", 2)).Id;
        }
        string folder = Directory.CreateDirectory(Path.Combine(kills.Root.FullName, "evaluation")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "long.txt"),
            string.Concat(Enumerable.Range(0, 6_000).Select(i => $"The bird number {i % 97} sat on the wall and sang {i % 13} songs. ")));
        object[] requests =
        [
            new { modelId = student, set = "text", fileName = "long.txt", contextLength = 64, stride = 16 },
            new { modelId = student, set = "fidelity", referenceModelId = teacher, fileName = "long.txt", contextLength = 64 },
        ];
        ServerProcess server = await ServerProcess.StartAsync(kills.Root.FullName);
        try
        {
            var expected = new string[requests.Length];
            var duration = new TimeSpan[requests.Length];
            for (int i = 0; i < requests.Length; i++)
            {
                var clock = Stopwatch.StartNew();
                expected[i] = await FiguresAsync(server, await EvaluateAsync(server, requests[i]));
                duration[i] = clock.Elapsed;
            }
            for (int kill = 0; kills.GoOn(kill, hit: resumed > 0); kill++)
            {
                int i = kill % requests.Length;
                foreach (JsonElement old in (await server.GetAsync("/api/evaluations")).EnumerateArray())
                    (await server.Http.DeleteAsync($"/api/evaluations/{old.GetProperty("id").GetGuid()}")).EnsureSuccessStatusCode().Dispose();
                Guid id = await EvaluateAsync(server, requests[i]);
                TimeSpan moment = kills.Moment(duration[i]);
                await Task.Delay(moment);
                server = await server.KillAndStartAsync(kills.Root.FullName);
                JsonElement cut = await server.GetAsync($"/api/evaluations/{id}");
                resumed += cut.GetProperty("status").GetString() == "Running" ? 1 : 0;
                string found = await FiguresAsync(server, id);
                kills.Note(Moment(moment, duration[i], string.Create(CultureInfo.InvariantCulture,
                    $"{cut.GetProperty("set")}, after {cut.GetProperty("doneUnits")} of {cut.GetProperty("totalUnits")} units")), expected[i], found);
            }
        }
        finally
        {
            await server.DisposeAsync();
        }
        kills.Finish();
        Assert.True(resumed > 0, "No kill hit an evaluation: nothing was tested.");
    }

    [Fact]
    public async Task Sweep_KilledAtRandomMoments_EveryRunEndsWithTheSameWeights()
    {
        var kills = new Kills("sweep", ordinarily: 2);
        SweepPlan plan;
        await using (var app = new WebDistillApp(kills.Root.FullName))
        {
            plan = new SweepPlan
            {
                Name = "Killed",
                Options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 2, name: "").With(o => o with
                {
                    Student = o.Student with { Dropout = 0.1 },
                    Checkpoints = o.Checkpoints with { IntervalSteps = 20, KeepLast = 1 },
                }),
                Dimensions =
                [
                    new SweepDimension { Name = "learning rate",
                        Values = [SweepValue.Of("optimiser.learningRate", 1e-3), SweepValue.Of("optimiser.learningRate", 1e-2)] },
                    new SweepDimension { Name = "seed", Values = [SweepValue.Of("seed", 1), SweepValue.Of("seed", 2)] },
                ],
            };
        }
        ServerProcess server = await ServerProcess.StartAsync(kills.Root.FullName);
        try
        {
            var clock = Stopwatch.StartNew();
            string expected = await SweptAsync(server, await LaunchAsync(server, plan));
            TimeSpan duration = clock.Elapsed;
            for (int kill = 0; kill < kills.Count; kill++)
            {
                Guid sweep = await LaunchAsync(server, plan);
                TimeSpan moment = kills.Moment(duration);
                await Task.Delay(moment);
                server = await server.KillAndStartAsync(kills.Root.FullName);
                int complete = (await server.GetAsync($"/api/sweeps/{sweep}")).GetProperty("completedRuns").GetInt32();
                string found = await SweptAsync(server, sweep);
                kills.Note(Moment(moment, duration, string.Create(CultureInfo.InvariantCulture, $"{complete} of 4 runs were complete")), expected, found);
                (await server.Http.DeleteAsync($"/api/sweeps/{sweep}?runs=delete")).EnsureSuccessStatusCode().Dispose();
            }
        }
        finally
        {
            await server.DisposeAsync();
        }
        kills.Finish();
    }

    private static string Moment(TimeSpan moment, TimeSpan duration, string left) => string.Create(CultureInfo.InvariantCulture,
        $"after {moment.TotalMilliseconds:0} of {duration.TotalMilliseconds:0} ms, {left}");

    /// <summary>Waits for a request whose server was killed under it; it may have been answered just before.</summary>
    private static async Task CutAsync(Task request)
    {
        try
        {
            await request;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The answer went down with the server; what it had kept by then is looked up after the start.
        }
    }

    private static void AssertNothingIncoming(DirectoryInfo root) =>
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(root.FullName, "incoming")));

    private static async Task<Guid> UploadAsync(ServerProcess server, byte[] text)
    {
        using var form = new MultipartFormDataContent { { new StringContent("1000"), "vocabularySize" }, { new ByteArrayContent(text), "file", "birds.txt" } };
        return await server.SendAsync("/api/datasets", form);
    }

    /// <summary>A hash over all files of a data set once it is ready, and with that forgets it.</summary>
    private static async Task<string> PreparedAsync(ServerProcess server, Guid id, DirectoryInfo root)
    {
        JsonElement ready = await server.UntilAsync($"/api/datasets/{id}", found => found.GetProperty("state").GetString() != "Preparing");
        Assert.True(ready.GetProperty("state").GetString() == "Ready", ready.ToString());
        string sha256 = Kills.FilesSha256(Path.Combine(root.FullName, "datasets", id.ToString("N")));
        (await server.Http.DeleteAsync($"/api/datasets/{id}")).EnsureSuccessStatusCode().Dispose();
        return $"{sha256}, {ready.GetProperty("statistics")}";
    }

    private static async Task<string> ImportAsync(ServerProcess server, Dictionary<string, byte[]> files)
    {
        using var form = new MultipartFormDataContent();
        foreach ((string file, byte[] content) in files)
            form.Add(new ByteArrayContent(content), "files", file);
        Guid id = await server.SendAsync("/api/models", form);
        return (await server.GetAsync($"/api/models/{id}")).GetProperty("weightsSha256").GetString()!;
    }

    private static async Task ForgetModelsAsync(ServerProcess server)
    {
        foreach (JsonElement model in (await server.GetAsync("/api/models")).EnumerateArray())
            (await server.Http.DeleteAsync($"/api/models/{model.GetProperty("id").GetGuid()}")).EnsureSuccessStatusCode().Dispose();
    }

    private static Task<Guid> EvaluateAsync(ServerProcess server, object request) =>
        server.SendAsync("/api/evaluations", JsonContent.Create(request));

    private static async Task<string> FiguresAsync(ServerProcess server, Guid evaluation)
    {
        JsonElement ended = await server.UntilAsync($"/api/evaluations/{evaluation}", found =>
            found.GetProperty("status").GetString() is not ("Queued" or "Running"));
        Assert.True(ended.GetProperty("status").GetString() == "Completed", ended.ToString());
        return ended.GetProperty("result").GetRawText();
    }

    private static Task<Guid> LaunchAsync(ServerProcess server, SweepPlan plan) =>
        server.SendAsync("/api/sweeps", JsonContent.Create(plan, options: WebJson.Options));

    /// <summary>Updates, weights and last perplexity of every run of a sweep that is at rest, in the plan's order.</summary>
    private static async Task<string> SweptAsync(ServerProcess server, Guid sweep)
    {
        JsonElement ended = await server.UntilAsync($"/api/sweeps/{sweep}", found => found.GetProperty("isAtRest").GetBoolean());
        Assert.True(ended.GetProperty("completedRuns").GetInt32() == ended.GetProperty("runCount").GetInt32(), ended.ToString());
        List<string> runs = [];
        foreach (JsonElement run in ended.GetProperty("points").EnumerateArray().SelectMany(point => point.GetProperty("runs").EnumerateArray()))
        {
            JsonElement whole = await server.GetAsync($"/api/runs/{run.GetProperty("id").GetGuid()}");
            JsonElement model = await server.GetAsync($"/api/models/{whole.GetProperty("studentModelId").GetGuid()}");
            runs.Add($"{run.GetProperty("labels")}: {run.GetProperty("step")} updates, {model.GetProperty("weightsSha256")}, {run.GetProperty("value")}");
        }
        return string.Join('\n', runs.Order(StringComparer.Ordinal));
    }
}
