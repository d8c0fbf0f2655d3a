using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Compare;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SweepServiceTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Launch_GoodPlan_QueuesEveryRunInOrderWithItsPoint_AndStopTheRestEndsThem()
    {
        SweepPlan plan = await PlanAsync(epochs: 100_000);
        Sweep sweep = await app.Service<SweepPlanner>().LaunchAsync(plan);
        Run[] runs = await RunsAsync(sweep.Id);
        Assert.Equal(["Rates: learningRate = 1e-4, seed 1", "Rates: learningRate = 1e-4, seed 2", "Rates: learningRate = 0.01, seed 1",
            "Rates: learningRate = 0.01, seed 2"], runs.Select(run => run.Name));
        Assert.Equal([1e-4, 1e-4, 0.01, 0.01], runs.Select(run => StoredOptions.Of(run).Optimiser.LearningRate));
        Assert.Equal("""{"learningRate":"0.01","seed":"2"}""", runs[3].SweepPointJson);
        Assert.All(runs, run => Assert.Equal(1, StoredOptions.Of(run).Checkpoints.KeepLast));
        Assert.Equal(runs.Select(run => run.QueueOrder), Enumerable.Range(0, 4).Select(i => runs[0].QueueOrder + i));

        await app.PollAsync($"/api/runs/{runs[0].Id}", run => run.GetProperty("step").GetInt32() > 0);
        Assert.Equal(4, await app.Service<SweepService>().StopAsync(sweep.Id));
        await app.EndOfRunAsync(runs[0].Id);
        Run[] stopped = await RunsAsync(sweep.Id);
        Assert.All(stopped, run => Assert.Equal(RunStatus.Stopped, run.Status));
        // Nothing of the sweep took the place of the one that trained.
        Assert.All(stopped[1..], run => Assert.Null(run.StartedAt));
        Assert.Equal(0, await app.Service<SweepService>().StopAsync(sweep.Id));
        await app.Service<SweepService>().DeleteAsync(sweep.Id, withRuns: true);
        Assert.Empty(await RunsAsync(sweep.Id));
        Assert.Null(await app.Service<RunService>().FindSweepNameAsync(sweep.Id));
    }

    [Fact]
    public async Task Launch_OnePointCannotBeMade_NamesItAndQueuesNothing()
    {
        SweepPlan plan = await PlanAsync(epochs: 1);
        SweepDimension batch = new() { Name = "batch", Values = [SweepValue.Of("schedule.batchSize", 8), SweepValue.Of("schedule.batchSize", 0)] };
        plan = plan with { Dimensions = [batch, plan.Dimensions[1]] };
        OptionsInvalidException e = await Assert.ThrowsAsync<OptionsInvalidException>(() => app.Service<SweepPlanner>().LaunchAsync(plan));
        OptionProblem problem = Assert.Single(e.Problems);
        Assert.Equal("points[2].schedule.batchSize", problem.Field);
        Assert.StartsWith("At batch = 0, seed 1 and one more point: The value is 0", problem.Message);
        // What is wrong with every point is the base's.
        e = await Assert.ThrowsAsync<OptionsInvalidException>(() => app.Service<SweepPlanner>().LaunchAsync(plan with
        {
            Options = plan.Options with { Data = plan.Options.Data with { DatasetId = "none" } }, Dimensions = [plan.Dimensions[1]],
        }));
        Assert.Equal("options.data.datasetId", Assert.Single(e.Problems).Field);
        e = await Assert.ThrowsAsync<OptionsInvalidException>(() => app.Service<SweepPlanner>().LaunchAsync(plan with
        {
            Dimensions = [new SweepDimension { Name = "T", Values = [SweepValue.Of("objective.ce.temperature", "hot")] }],
        }));
        Assert.Contains("expected a number", Assert.Single(e.Problems).Message);
        Assert.DoesNotContain(await app.Service<RunService>().ListAsync(),
            run => run.Name.StartsWith("Rates: batch", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_GoodPlan_CountsUpdatesOfAllRuns()
    {
        SweepPreview preview = await app.Service<SweepPlanner>().CheckAsync(await PlanAsync(epochs: 2));
        Assert.Empty(preview.Problems);
        Assert.Equal(4, preview.Runs.Count);
        Assert.True(preview.Runs[0].Plan!.TotalUpdates > 0);
        Assert.Equal(4L * preview.Runs[0].Plan!.TotalUpdates, preview.TotalUpdates);
    }

    [Fact]
    public async Task Report_TwoSeedsEach_MeansWithIntervalsTheBestFirstAndOnlyCompleteRunsCounted()
    {
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app);
        SweepReport report = await app.Service<SweepReports>().GetAsync(sweep.Id);
        Assert.Equal(["T = 4", "T = 1", "T = 8"], report.Groups.Select(group => group.Title));
        Assert.Equal([true, false, false], report.Groups.Select(group => group.IsBest));
        // 9 and 11: mean 10, s = √2, half width 12.7062 · √2 / √2.
        Assert.Equal((2, 10), (report.Best!.Mean!.Count, report.Best.Mean.Mean));
        Assert.Equal(12.7062, report.Best.Mean.HalfWidth!.Value, 4);
        Assert.Null(report.Groups[2].Mean);
        // Seed by seed 3 and 2: mean 2.5, s = 1 / √2, half width 12.7062 / √2 / √2.
        SweepJudgement judgement = await app.Service<SweepVerdicts>().ReadAsync(report);
        VerdictComparison comparison = Assert.Single(judgement.Verdict.Comparisons);
        Assert.Equal(("T = 4", "T = 1"), (judgement.Verdict.Reference!.Title, comparison.Arm.Title));
        Assert.Equal((2, 2.5), (comparison.Difference!.Count, comparison.Difference.Mean));
        Assert.Equal(6.3531, comparison.Difference.HalfWidth!.Value, 4);
        Assert.Equal(VerdictWord.Inconclusive, judgement.Verdict.Word);
        Assert.Equal("The arms differ in “Temperature” alone.", judgement.Between);
        Assert.Equal(2, judgement.MissingBaselines);
        Assert.Equal((6, 4, false), (report.RunCount, report.CompletedCount, report.IsAtRest));
        Assert.Equal((4 + 0.8) / 6, report.Progress, 12);
        Assert.Equal(2, report.Groups[2].Runs.Count(run => run is { Value: not null, Counts: false }));
    }

    [Theory]
    [InlineData(SweepMetric.GapToTeacher, 1.0)]
    [InlineData(SweepMetric.TotalLoss, 1.0)]
    [InlineData(SweepMetric.BestValidationPerplexity, 6.5)]
    public async Task Report_OtherMetric_IsReadFromItsSource(SweepMetric metric, double best)
    {
        SweepPlan plan = new()
        {
            Name = "Two", Metric = metric, Options = new RunOptions { Teacher = new() { ModelId = "teacher" }, Data = new() { DatasetId = "text" } },
            Dimensions =
                [new SweepDimension { Name = "T", Values = [SweepValue.Of("objective.ce.temperature", 1.0), SweepValue.Of("objective.ce.temperature", 2.0)] }],
        };
        Sweep sweep = await RecordedSweeps.AddAsync(app, plan, (10, RunStatus.Completed), (20, RunStatus.Completed));
        IReadOnlyList<Run> runs = await RunsAsync(sweep.Id);
        Run first = runs[0], second = runs[1];
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Measurements.AddRange(Perplexity(first.Id, 1, 6.5), Perplexity(first.Id, 3, 10), Perplexity(second.Id, 1, 7));
            await db.SaveChangesAsync();
        });
        SweepReport report = await app.Service<SweepReports>().GetAsync(sweep.Id);
        Assert.Equal("T = 1", report.Best!.Title);
        Assert.Equal(best, report.Best.Mean!.Mean, 12);
    }

    [Fact]
    public async Task Delete_RunsKept_TheyStayAsRunsOfTheirOwn()
    {
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app, "To be let go");
        Guid[] ids = [.. (await RunsAsync(sweep.Id)).Select(run => run.Id)];
        await app.Service<SweepService>().DeleteAsync(sweep.Id, withRuns: false);
        IReadOnlyList<Run> left = await app.Service<RunService>().ListAsync();
        Assert.All(ids, id => Assert.Null(Assert.Single(left, run => run.Id == id).SweepId));
        await Assert.ThrowsAsync<NotFoundException>(() => app.Service<SweepService>().DeleteAsync(sweep.Id, withRuns: false));
    }

    [Fact]
    public async Task Delete_WithRunsOneOfWhichIsWaitedFor_IsRefusedAndTakesNothing()
    {
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app, "Waited for");
        Run[] runs = await RunsAsync(sweep.Id);
        Run waiting = new()
        {
            Id = Guid.NewGuid(), Name = "Waits", Status = RunStatus.Queued, OptionsJson = "{}", AfterRunId = runs[0].Id,
        };
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            // Not to be taken by the queue: it waits for a run that waits itself.
            await db.Runs.Where(run => run.Id == runs[0].Id)
                .ExecuteUpdateAsync(set => set.SetProperty(run => run.Status, RunStatus.Paused));
            db.Runs.Add(waiting);
            await db.SaveChangesAsync();
        });
        string refused = (await Assert.ThrowsAsync<ConflictException>(
            () => app.Service<SweepService>().DeleteAsync(sweep.Id, withRuns: true))).Message;
        Assert.Contains($"The run 'Waits' waits for the run '{runs[0].Name}'", refused);
        Assert.Equal(runs.Length, (await RunsAsync(sweep.Id)).Length);
        await app.Service<RunService>().DeleteAsync(waiting.Id);
        await app.Service<SweepService>().DeleteAsync(sweep.Id, withRuns: true);
        Assert.Empty(await RunsAsync(sweep.Id));
    }

    [Fact]
    public async Task Table_Exported_HasEveryRunAndEveryPoint()
    {
        SweepReport report = await app.Service<SweepReports>().GetAsync((await RecordedSweeps.TemperaturesAsync(app)).Id);
        string[] lines = SweepTable.Csv(report).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(7, lines.Length);
        Assert.Equal("T,seed,run,status,updates,FinalValidationPerplexity,validationPerplexity,teacherPerplexity,totalLoss,"
            + "trainedSeconds,validationNatsPerToken,teacherNatsPerToken", lines[0]);
        Assert.StartsWith("1,1,", lines[1]);
        Assert.EndsWith($",Completed,100,12,12,5,1.2,60,{Math.Log(12):R},{Math.Log(5):R}", lines[1]);
        string[] rows = SweepTable.Markdown(report).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("| T | Final validation perplexity | 95 % interval | n | |", rows[0]);
        Assert.Equal("|---|--:|--:|--:|---|", rows[1]);
        Assert.Equal("| 4 | 10.00 | ±\u00a012.71 | 2 | best |", rows[2]);
        Assert.Equal("| 8 | – | – | 0 | |", rows[4]);
    }

    private async Task<SweepPlan> PlanAsync(int epochs) => new()
    {
        Name = "Rates",
        Options = Product.TinyTraining(await app.ReadyDatasetAsync(), epochs).With(o => o with { Name = "",
            Checkpoints = o.Checkpoints with { KeepLast = 1 } }),
        Dimensions =
        [
            new SweepDimension
            {
                Name = "learningRate", Values = [SweepValue.Of("optimiser.learningRate", 1e-4), SweepValue.Of("optimiser.learningRate", 1e-2)],
            },
            new SweepDimension { Name = "seed", Values = [SweepValue.Of("seed", 1), SweepValue.Of("seed", 2)] },
        ],
    };

    private Task<Run[]> RunsAsync(Guid sweep) => app.Service<DatabaseWriter>().WriteAsync(db =>
        db.Runs.AsNoTracking().Where(run => run.SweepId == sweep).OrderBy(run => run.QueueOrder).ToArrayAsync());

    private static Measurement Perplexity(Guid run, int step, double perplexity) =>
        new() { RunId = run, Name = LoopSeries.ValidationPerplexity.Name, Step = step, Value = perplexity };
}
