using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>The whole promise: the server may die at any moment, and the run ends as if it had not.</summary>
[Trait("needs", "kill")]
public sealed class KillTests
{
    [Fact]
    public async Task Training_KilledAtRandomMoments_TheRunGoesOnByItselfAndEndsBitForBitTheSame()
    {
        var kills = new Kills("training", ordinarily: 10);
        int resumed = 0;
        JsonElement[] options = await PrepareAsync(kills.Root.FullName);
        ServerProcess server = await ServerProcess.StartAsync(kills.Root.FullName);
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
                expected[mode] = await OutcomeAsync(server, kills.Root.FullName, run);
            }

            for (int kill = 1; kills.GoOn(kill - 1, hit: resumed > 0); kill++)
            {
                int mode = kill % options.Length;
                Guid run = await server.CreateRunAsync(options[mode]);
                await Task.Delay(kills.Moment(duration[mode]));
                int step = (await server.GetAsync($"/api/runs/{run}")).GetProperty("step").GetInt32();
                server = await server.KillAndStartAsync(kills.Root.FullName);
                JsonElement ended = await server.CompletedAsync(run);
                Outcome found = await OutcomeAsync(server, kills.Root.FullName, run);
                resumed += ended.GetProperty("attempt").GetInt32() > 1 ? 1 : 0;
                kills.Note(string.Create(CultureInfo.InvariantCulture,
                    $"{options[mode].GetProperty("data").GetProperty("sequenceMode")}, at update {step} of {ended.GetProperty("totalSteps")}, "
                    + $"attempt {ended.GetProperty("attempt")}"), expected[mode], found);
                // Two runs' files are enough to look at when something goes wrong.
                if (found == expected[mode])
                    (await server.Http.DeleteAsync($"/api/runs/{run}")).Dispose();
            }
        }
        finally
        {
            await server.DisposeAsync();
        }
        kills.Finish();
        Assert.True(resumed > 0, "No kill hit a run: nothing was tested.");
    }

    /// <summary>A data set, and the same run in both sequence modes: dropout, left-over micro-batches, validation, several epochs.</summary>
    private static async Task<JsonElement[]> PrepareAsync(string root)
    {
        Guid dataset;
        await using (var app = new WebDistillApp(root))
            dataset = await app.ReadyDatasetAsync();
        RunOptions options = Product.TinyTraining(dataset, epochs: 6, name: "killed").With(o => o with
        {
            Student = o.Student with { Width = 32, Dropout = 0.1 },
            Schedule = o.Schedule with { BatchSize = 4, GradientAccumulation = 3, ValidationIntervalSteps = 10 },
            Checkpoints = o.Checkpoints with { IntervalSteps = 15, KeepLast = 2 },
        });
        return [.. Enum.GetValues<SequenceMode>().Select(mode =>
            JsonSerializer.SerializeToElement(options with { Data = options.Data with { SequenceMode = mode } }, WebJson.Options))];
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
                Assert.True(step!["values"]!.AsObject().Remove(clock));
            // Sampled every ten seconds: a run that takes longer has them, and no two the same.
            foreach (StepSeries ofMachine in SystemSeries.All)
                step!["values"]!.AsObject().Remove(ofMachine.Name);
        }
        return new Outcome(
            model.GetProperty("weightsSha256").GetString()!,
            last.Files.Single(file => file.Name == "optimizer.safetensors").Sha256,
            TrainingCheckpoint.ReadState(store.Folder(last.Step)).State.ToString(),
            steps.Count,
            Kills.TextSha256(steps.ToJsonString()));
    }

    private sealed record Outcome(string Weights, string Moments, string State, int Steps, string Numbers);
}
