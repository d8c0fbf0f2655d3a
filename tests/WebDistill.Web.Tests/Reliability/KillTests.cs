using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation;
using WebDistill.Distillation.Checkpoints;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>The whole promise: the server may die at any moment, and the run ends as if it had not.</summary>
[Collection(Processes.Name)]
public sealed class KillTests
{
    /// <summary>How many times; tests/soak sets it.</summary>
    private static int Kills =>
        Environment.GetEnvironmentVariable("WEBDISTILL_KILLS") is string text ? int.Parse(text, CultureInfo.InvariantCulture) : 10;

    [Fact]
    public async Task Kill_AtRandomMoments_TheRunGoesOnByItselfAndEndsBitForBitTheSame()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        int seed = Environment.GetEnvironmentVariable("WEBDISTILL_KILL_SEED") is string text
            ? int.Parse(text, CultureInfo.InvariantCulture) : Environment.TickCount;
        var random = new Random(seed);
        int identical = 0, resumed = 0;
        List<string> lines = [];
        JsonElement[] options = await PrepareAsync(root.FullName);
        ServerProcess server = await ServerProcess.StartAsync(root.FullName);
        try
        {
            var expected = new Outcome[options.Length];
            var duration = new TimeSpan[options.Length];
            for (int mode = 0; mode < options.Length; mode++)
            {
                long began = Environment.TickCount64;
                Guid run = await server.CreateRunAsync(options[mode]);
                await server.CompletedAsync(run);
                duration[mode] = TimeSpan.FromMilliseconds(Environment.TickCount64 - began);
                expected[mode] = await OutcomeAsync(server, root.FullName, run);
            }

            for (int kill = 1; kill <= Kills; kill++)
            {
                int mode = kill % options.Length;
                Guid run = await server.CreateRunAsync(options[mode]);
                await Task.Delay(duration[mode] * random.NextDouble());
                int step = (await server.GetAsync($"/api/runs/{run}")).GetProperty("step").GetInt32();
                await server.KillAsync();
                await server.DisposeAsync();
                server = await ServerProcess.StartAsync(root.FullName);
                JsonElement ended = await server.CompletedAsync(run);
                Outcome found = await OutcomeAsync(server, root.FullName, run);
                bool same = found == expected[mode];
                identical += same ? 1 : 0;
                resumed += ended.GetProperty("attempt").GetInt32() > 1 ? 1 : 0;
                lines.Add(string.Create(CultureInfo.InvariantCulture,
                    $"kill {kill}: {options[mode].GetProperty("sequenceMode")}, at update {step} of {ended.GetProperty("totalSteps")}, "
                    + $"attempt {ended.GetProperty("attempt")}: {(same ? "identical" : $"DIFFERENT {found}, expected {expected[mode]}")}"));
                // Two runs' files are enough to look at when something goes wrong.
                if (same)
                    (await server.Http.DeleteAsync($"/api/runs/{run}")).Dispose();
            }
        }
        finally
        {
            await server.DisposeAsync();
            lines.Add($"{lines.Count} kills, {identical} identical");
            if (Environment.GetEnvironmentVariable("WEBDISTILL_KILL_REPORT") is string report)
                await File.WriteAllLinesAsync(report, lines);
        }
        Assert.True(identical == Kills, $"Seed {seed}, files in {root.FullName}:\n{string.Join('\n', lines)}");
        Assert.True(resumed > 0, $"No kill hit a run: nothing was tested.\n{string.Join('\n', lines)}");
        root.Delete(recursive: true);
    }

    /// <summary>A data set, and the same run in both sequence modes: dropout, left-over micro-batches, validation, several epochs.</summary>
    private static async Task<JsonElement[]> PrepareAsync(string root)
    {
        Guid dataset;
        await using (var app = new WebDistillApp(root))
            dataset = await app.ReadyDatasetAsync();
        DistillationOptions options = Product.TinyTraining(dataset, epochs: 12, name: "killed") with
        {
            StudentWidth = 32,
            Dropout = 0.1,
            BatchSize = 4,
            GradientAccumulation = 3,
            ValidationIntervalSteps = 10,
            CheckpointIntervalSteps = 15,
            KeepLastCheckpoints = 2,
        };
        return [.. Enum.GetValues<SequenceMode>().Select(mode =>
            JsonSerializer.SerializeToElement(options with { SequenceMode = mode }, WebJson.Options))];
    }

    /// <summary>Everything that a run leaves: weights, moments, the whole state with the sampler's generator, and every number.</summary>
    private static async Task<Outcome> OutcomeAsync(ServerProcess server, string root, Guid run)
    {
        var store = new CheckpointStore(Path.Combine(root, "runs", run.ToString("N"), "checkpoints"), FileLayer.Disk);
        CheckpointManifest last = store.List()[^1];
        JsonElement model = await server.GetAsync($"/api/models/{(await server.GetAsync($"/api/runs/{run}")).GetProperty("studentModelId").GetGuid()}");
        JsonArray steps = JsonNode.Parse(await server.Http.GetStringAsync($"/api/runs/{run}/steps"))!.AsArray();
        foreach (JsonNode? step in steps)
        {
            foreach (string clock in (string[])["tokensPerSecond", "stepSeconds", "memoryBytes"])
                step!.AsObject().Remove(clock);
        }
        return new Outcome(
            model.GetProperty("weightsSha256").GetString()!,
            last.Files.Single(file => file.Name == "optimizer.safetensors").Sha256,
            TrainingCheckpoint.ReadState(store.Folder(last.Step)).State.ToString(),
            steps.Count,
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(steps.ToJsonString()))));
    }

    private sealed record Outcome(string Weights, string Moments, string State, int Steps, string Numbers);
}
