using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>Runs in the terminal: what the process says, how it ends, and what it leaves.</summary>
[Trait("needs", "kill")]
public sealed class ProcessTests
{
    [Fact]
    public async Task Headless_GoodOptions_TrainsInTheSameDatabaseAndEndsWith0()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        JsonElement options;
        await using (var app = new WebDistillApp(root.FullName))
            options = Options(await app.ReadyDatasetAsync(), epochs: 2);
        string file = Path.Combine(root.FullName, "options.json");
        await File.WriteAllTextAsync(file, options.ToString());
        (int code, string output, string error) = await RunAsync(root.FullName, file);
        Assert.True(code == 0, output + error);
        Assert.Equal("", error);
        Assert.Matches(@"\[#{24}\] 100 %  \d+ / \d+ updates  loss [\d.]+ nats/token  perplexity [\d.]+", output);
        Assert.Contains("Completed.", output);
        // What is complete is refused as on the pages, and stays as it is.
        string completed = output.Split('\n').First(line => line.StartsWith("Run ", StringComparison.Ordinal)).Split(' ')[1];
        (code, _, error) = await RunAsync(root.FullName, "--resume", completed);
        Assert.Equal(2, code);
        Assert.Contains("Continue it for more epochs instead.", error);
        await using (var app = new WebDistillApp(root.FullName))
        {
            JsonElement run = (await app.GetAsync("/api/runs")).EnumerateArray().Single();
            Assert.Equal("Completed", run.GetProperty("status").GetString());
            Assert.Equal(run.GetProperty("totalSteps").GetInt32(), (await app.GetAsync($"/api/runs/{run.GetProperty("id")}/steps")).GetArrayLength());
            Assert.NotEmpty((await app.GetAsync($"/api/runs/{run.GetProperty("id")}/checkpoints")).EnumerateArray());
        }
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task Headless_BadOptions_NamesEveryOneAndEndsWith2()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        await using (var app = new WebDistillApp(root.FullName))
            await app.ReadyDatasetAsync();
        string file = Path.Combine(root.FullName, "options.json");
        await File.WriteAllTextAsync(file, """{"datasetId": "nothing", "temperature": "hot", "epochs": 0, "teacherName": 1}""");
        (int code, _, string error) = await RunAsync(root.FullName, file);
        Assert.Equal(2, code);
        foreach (string expected in (string[])["objective.ce.temperature: The value is \"hot\", expected a number.", "schedule.epochs: The value is 0", "teacherName: 'teacherName' is unknown", "There is no data set 'nothing'", "  birds (Ready)"])
            Assert.Contains(expected, error, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(2, (await RunAsync(root.FullName, Path.Combine(root.FullName, "none.json"))).Code);
        Assert.Equal(2, (await RunAsync(root.FullName)).Code);
        Assert.Equal(2, (await RunAsync(root.FullName, "--resume", Guid.NewGuid().ToString())).Code);
        await using (var app = new WebDistillApp(root.FullName))
        {
            Assert.Empty((await app.GetAsync("/api/runs")).EnumerateArray());
            // The server has the folder now: no second process may train its queue.
            (code, _, error) = await RunAsync(root.FullName, file);
            Assert.Equal(2, code);
            Assert.Contains("is in use by another WebDistill", error);
        }
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task Headless_RunThatFails_EndsWith3()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        Guid dataset;
        await using (var app = new WebDistillApp(root.FullName))
            dataset = await app.ReadyDatasetAsync();
        string file = Path.Combine(root.FullName, "options.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(Product.TinyTraining(dataset, epochs: 400).With(o => o with
        {
            Optimiser = o.Optimiser with { LearningRate = 10, MaxGradientNorm = 1e30, WeightDecay = 10 },
            Schedule = o.Schedule with { WarmupProportion = 0, ValidationIntervalSteps = 0 },
        }), WebJson.Options));
        (int code, string output, _) = await RunAsync(root.FullName, file);
        Assert.Equal(3, code);
        Assert.Contains("Failed: Update", output);
        root.Delete(recursive: true);
    }

    [Theory]
    [InlineData("-INT", 130, "Stopped.")]
    [InlineData("-TERM", 143, "Interrupted: The server was shut down")]
    public async Task Headless_Signal_SavesACheckpointAndGoesOnWithResume(string signal, int expected, string message)
    {
        if (OperatingSystem.IsWindows())
            return; // No such signals there.
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        JsonElement options;
        await using (var app = new WebDistillApp(root.FullName))
            options = Options(await app.ReadyDatasetAsync(), epochs: 60);
        string file = Path.Combine(root.FullName, "options.json");
        await File.WriteAllTextAsync(file, options.ToString());
        using Process process = ServerProcess.Start(["run", file, "--Storage:Root", root.FullName]);
        string first = (await process.StandardOutput.ReadLineAsync())!;
        string id = first.Split(' ')[1];
        Task<string> rest = process.StandardOutput.ReadToEndAsync();
        string checkpoints = Path.Combine(root.FullName, "runs", Guid.Parse(id).ToString("N"), "checkpoints");
        for (int i = 0; !Directory.Exists(checkpoints) || Directory.GetDirectories(checkpoints).Length == 0; i++)
        {
            Assert.True(i < 3000 && !process.HasExited, "The run saved no checkpoint.");
            await Task.Delay(20);
        }
        await ServerProcess.SignalAsync(signal, process.Id);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(expected, process.ExitCode);
        Assert.Contains(message, await rest);
        Assert.Contains($"run --resume {id}", await rest);
        int step = new CheckpointStore(checkpoints, FileLayer.Disk).Newest(out _)!.Value.Manifest.Step;

        (int code, string output, string error) = await RunAsync(root.FullName, "--resume", id);
        Assert.True(code == 0, output + error);
        await using (var app = new WebDistillApp(root.FullName))
        {
            JsonElement[] steps = [.. (await app.GetAsync($"/api/runs/{id}/steps")).EnumerateArray()];
            Assert.Equal(Enumerable.Range(1, steps.Length), steps.Select(s => s.GetProperty("step").GetInt32()));
            Assert.Contains((await app.GetAsync($"/api/runs/{id}/log")).EnumerateArray(),
                line => line.GetProperty("text").GetString() == string.Create(CultureInfo.InvariantCulture, $"Goes on from the checkpoint of update {step}."));
        }
        root.Delete(recursive: true);
    }

    private static JsonElement Options(Guid dataset, int epochs) => JsonSerializer.SerializeToElement(
        Product.TinyTraining(dataset, epochs).With(o => o with { Student = o.Student with { Width = 32 },
            Checkpoints = o.Checkpoints with { IntervalSteps = 15 } }), WebJson.Options);

    private static Task<(int Code, string Output, string Error)> RunAsync(string root, params string[] arguments) =>
        ServerProcess.RunToEndAsync(["run", .. arguments, "--Storage:Root", root]);
}
