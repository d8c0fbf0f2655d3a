using System.Diagnostics;
using System.Text.Json;
using WebDistill.Web.Formats;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>A sweep in the terminal, in a process of its own.</summary>
[Trait("needs", "kill")]
public sealed class HeadlessSweepTests
{
    [Fact]
    public async Task Sweep_OneRunDiverges_TheOthersTrainAndResumeTakesOnlyThatOne()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        SweepPlan plan;
        await using (var app = new WebDistillApp(root.FullName))
        {
            plan = new SweepPlan
            {
                Name = "Rates",
                Options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 400).With(o => o with
                {
                    Name = "",
                    Optimiser = o.Optimiser with { MaxGradientNorm = 1e30 },
                    Schedule = o.Schedule with { WarmupProportion = 0, ValidationIntervalSteps = 0 },
                    Checkpoints = o.Checkpoints with { KeepLast = 1 },
                }),
                Dimensions =
                [
                    new SweepDimension
                    {
                        Name = "rate",
                        Values =
                        [
                            Value("diverges", new() { ["optimiser.learningRate"] = 10, ["optimiser.weightDecay"] = 10 }),
                            Value("0.001", new() { ["optimiser.learningRate"] = 1e-3, ["schedule.epochs"] = 1 }),
                        ],
                    },
                ],
            };
        }
        (int code, string output, string error) = await RunAsync(root.FullName, plan);
        Assert.True(code == 3, output + error);
        Assert.Contains("Failed: Update", output);
        Assert.Contains("rate = 0.001: ", output);
        Assert.Contains("(n = 1)", output);
        // One point alone is not the best of anything.
        Assert.DoesNotContain("(n = 1)  best", output);
        Assert.Contains("1 of 2 runs are complete", output);
        string id = output.Split(' ')[1];
        Assert.Contains($"sweep --resume {id}", output);

        (code, output, error) = await RunAsync(root.FullName, "--resume", id);
        Assert.True(code == 3, output + error);
        Assert.Contains("1 of 2 runs are complete", output);
        Assert.Contains("--- 1 of 2", output);
        Assert.DoesNotContain("--- 2 of 2", output);
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task Sweep_Halved_TrainsTheBestToItsEndAndLeavesTheOthersWhereTheyWereCompared()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        SweepPlan plan;
        await using (var app = new WebDistillApp(root.FullName))
        {
            plan = new SweepPlan
            {
                Name = "Halves",
                Options = Product.TinyTraining(await app.ReadyDatasetAsync()).With(o => o with { Name = "" }),
                Dimensions = [new SweepDimension { Name = "rate", Values = [.. new[] { 1e-9, 3e-3 }.Select(rate => Value($"{rate}", new() { ["optimiser.learningRate"] = rate }))] }],
                Halving = new SweepHalving { FirstRungUpdates = 5, Eta = 2 },
            };
        }
        (int code, string output, string error) = await RunAsync(root.FullName, plan);
        Assert.True(code == 0, output + error);
        Assert.Equal(2, output.Split("Rests at update 5 until the sweep decides.").Length - 1);
        Assert.Contains("Stopped: Halves: rate = 1E-09. Stopped at update 5: 2nd of 2.", output);
        Assert.Contains("1 of 2 runs are complete", output);
        Assert.Contains("(n = 1)  best", output);
        Assert.DoesNotContain("--resume", output);
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task Sweep_Bayesian_ProposesAfterTheFirstPointsAndTrainsWhatItProposed()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        SweepPlan plan;
        await using (var app = new WebDistillApp(root.FullName))
        {
            plan = new SweepPlan
            {
                Name = "Searched",
                Options = Product.TinyTraining(await app.ReadyDatasetAsync()).With(o => o with { Name = "" }),
                Dimensions = [new SweepDimension { Name = "rate", Range = new SweepRange { Option = "optimiser.learningRate", Minimum = 1e-5, Maximum = 1e-2, Logarithmic = true } }],
                Strategy = SweepStrategy.Bayesian, Draws = 4, FirstPoints = 2,
            };
        }
        (int code, string output, string error) = await RunAsync(root.FullName, plan);
        Assert.True(code == 0, output + error);
        Assert.Contains("0 of 4 runs are complete", output);
        foreach (string place in (string[])["--- 1 of 4", "--- 2 of 4", "--- 3 of 4", "--- 4 of 4", "Searched: 4 of 4 runs are complete"])
            Assert.Contains(place, output);
        Assert.DoesNotContain("--resume", output);
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task Sweep_BadPlan_NamesEveryFieldAndEndsWith2()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        string file = Path.Combine(root.FullName, "plan.json");
        await File.WriteAllTextAsync(file, """
            {"name": "Study", "options": {"datasetId": "none", "epochs": 0, "studentInitialisation": "random"}, "dimensions": [
                {"name": "T", "values": [{"label": "0", "changes": {"temperature": 0}}, {"label": "1", "changes": {"temperature": 1}}]}]}
            """);
        (int code, _, string error) = await RunAsync(root.FullName, file);
        Assert.Equal(2, code);
        foreach (string expected in (string[])["options.schedule.epochs: The value is 0", "options.data.datasetId: There is no data set 'none'",
            "points[0].objective.ce.temperature: At T = 0: The value is 0", "Data sets:"])
            Assert.Contains(expected, error);
        Assert.Equal(2, (await RunAsync(root.FullName)).Code);
        Assert.Equal(2, (await RunAsync(root.FullName, "--resume", Guid.NewGuid().ToString())).Code);
        root.Delete(recursive: true);
    }

    private static SweepValue Value(string label, Dictionary<string, double> changes) => new()
    {
        Label = label, Changes = changes.ToDictionary(change => change.Key, change => JsonSerializer.SerializeToElement(change.Value)),
    };

    private static async Task<(int Code, string Output, string Error)> RunAsync(string root, SweepPlan plan)
    {
        string file = Path.Combine(root, "plan.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(plan, WebJson.Options));
        return await RunAsync(root, file);
    }

    private static Task<(int Code, string Output, string Error)> RunAsync(string root, params string[] arguments) =>
        ServerProcess.RunToEndAsync(["sweep", .. arguments, "--Storage:Root", root]);
}
