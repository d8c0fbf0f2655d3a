using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SweepHalvingTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    // n, R, r, η; points and update of each rung.
    [Theory]
    [InlineData(9, 900, 100, 3, "9@100 3@300 1@900", 2100)]
    [InlineData(9, 8100, 100, 3, "9@100 3@300 1@8100", 9300)]
    [InlineData(27, 900, 100, 3, "27@100 9@300 3@900", 6300)]
    [InlineData(5, 1000, 10, 2, "5@10 2@20 1@1000", 1050)]
    [InlineData(4, 100, 60, 2, "4@60 2@100", 320)]
    [InlineData(3, 2_000_000_000, 1_500_000_000, 4, "3@1500000000 1@2000000000", 5_000_000_000)]
    public void Rungs_OfPointsAndUpdates_FollowTheFormula(int points, int updates, int first, int eta, string expected, long total)
    {
        IReadOnlyList<SweepRung> rungs = new SweepHalving { FirstRungUpdates = first, Eta = eta }.Rungs(points, updates);
        Assert.Equal(expected, string.Join(' ', rungs.Select(rung => $"{rung.Points}@{rung.Updates}")));
        Assert.Equal(total, SweepHalving.Updates(rungs));
        Assert.True(total < (long)points * updates);
        Assert.All(rungs.Zip(rungs.Skip(1)), pair => Assert.True(pair.First.Points >= pair.Second.Points && pair.First.Updates < pair.Second.Updates));
    }

    [Fact]
    public void Text_OfRungs_SaysWhatIsTrainedAndWhatIsSpared()
    {
        IReadOnlyList<SweepRung> rungs = new SweepHalving().Rungs(9, 900);
        Assert.Equal("9 points to update 100, 3 to 300, 1 to 900: 2\u202f100 updates instead of 8\u202f100", SweepHalving.Text(rungs, 1));
        Assert.Equal("9 points to update 100, 3 to 300, 1 to 900, each under 2 seeds: 4\u202f200 updates instead of 16\u202f200", SweepHalving.Text(rungs, 2));
    }

    [Fact]
    public void Rank_FiguresThatAreNoneOrNotFinite_AreTheWorstAndNeverGoOn()
    {
        DecidedRung rung = DecidedRung.Rank(200, DateTime.UtcNow, [("a", double.NaN), ("b", 3), ("c", null), ("d", 2), ("e", double.PositiveInfinity), ("f", 3)], survivors: 4);
        Assert.Equal(["d", "b", "f", "a", "c", "e"], rung.Entries.Select(entry => entry.Point));
        Assert.Equal([1, 2, 3, 4, 5, 6], rung.Entries.Select(entry => entry.Rank));
        Assert.Equal(["d", "b", "f"], rung.Entries.Where(entry => entry.GoesOn).Select(entry => entry.Point));
        Assert.Equal("Stopped at update 200: 5th of 6.", rung.Stopped(rung.Entries[4]));
    }

    [Fact]
    public async Task Check_WhatCannotBeHalved_IsSaidAtItsField()
    {
        SweepPlan plan = await PlanAsync(5, halving: new SweepHalving { FirstRungUpdates = 30, Eta = 1 });
        Assert.Equal(["halving.eta"], await FieldsAsync(plan));
        Assert.Equal(["halving.firstRungUpdates"], await FieldsAsync(plan with { Halving = new SweepHalving { FirstRungUpdates = 40 } }));
        Assert.Equal(["halving.eta"], await FieldsAsync(plan with { Halving = new SweepHalving { FirstRungUpdates = 5 }, Dimensions = [plan.Dimensions[0] with { Values = [plan.Dimensions[0].Values[0]] }] }));
        // Half a schedule beside a whole one.
        SweepDimension budgets = new() { Name = "budget", Values = [SweepValue.Of("schedule.maxUpdates", 20), SweepValue.Of("schedule.maxUpdates", 40)] };
        SweepPreview unequal = await app.Service<SweepPlanner>().CheckAsync(plan with { Halving = new SweepHalving { FirstRungUpdates = 5 }, Dimensions = [budgets] });
        Assert.Contains("The runs have 20 to 40 updates", Assert.Single(unequal.Problems).Message);
        SweepPreview good = await app.Service<SweepPlanner>().CheckAsync(plan with { Halving = new SweepHalving { FirstRungUpdates = 10, Eta = 2 } });
        Assert.Empty(good.Problems);
        // 5 to update 10, 2 to 20, 1 to 40.
        Assert.Equal(5 * 10 + 2 * 10 + 20, good.TotalUpdates);
    }

    [Fact]
    public async Task Launch_FourRates_TheBestGoesOnAndEndsAsIfItHadNeverRested_AndOneIsRaisedByHand()
    {
        SweepPlan plan = await PlanAsync(4, new SweepHalving { FirstRungUpdates = 10, Eta = 2 });
        Sweep sweep = await app.Service<SweepPlanner>().LaunchAsync(plan);
        await app.PollAsync($"/api/sweeps/{sweep.Id}", answer => answer.GetProperty("isAtRest").GetBoolean());
        SweepReport report = await app.Service<SweepReports>().GetAsync(sweep.Id);
        // 4 to update 10, 2 to 20, 1 to 40.
        Assert.Equal([10, 20], report.Decided.Select(rung => rung.Updates));
        Assert.Equal([4, 2], report.Decided.Select(rung => rung.Entries.Count));
        Assert.Equal([2, 1], report.Decided.Select(rung => rung.Entries.Count(entry => entry.GoesOn)));
        Assert.All(report.Decided, rung => Assert.Equal(rung.Entries.Select(entry => entry.Value), rung.Entries.Select(entry => entry.Value).Order()));
        Assert.Equal((1, true, 1.0), (report.CompletedCount, report.IsDone, report.Progress));
        Assert.Equal(4 * 10 + 2 * 10 + 20, report.Runs.Sum(run => run.Run.Step));
        foreach ((DecidedRung rung, RungEntry entry) in report.Decided.SelectMany(rung => rung.Entries.Where(entry => !entry.GoesOn).Select(entry => (rung, entry))))
        {
            Run stopped = report.Runs.Single(run => report.Groups.Single(group => group.Title == entry.Point).Runs.Contains(run)).Run;
            Assert.Equal((RunStatus.Stopped, rung.Updates, RunErrorCause.Halving), (stopped.Status, stopped.Step, stopped.ErrorCause));
            Assert.Equal($"Stopped at update {rung.Updates}: {(entry.Rank == 2 ? "2nd" : entry.Rank == 3 ? "3rd" : "4th")} of {rung.Entries.Count}.", stopped.Error);
            // What was compared is what was measured there.
            Assert.Equal(stopped.ValidationPerplexity, entry.Value);
        }

        // The same options without a sweep: the rate's schedule was that of all 40 updates, and the rests left no trace.
        Run winner = report.Runs.Single(run => run.Run.Status == RunStatus.Completed).Run;
        Guid whole = await app.StartAsync(Web.Formats.StoredOptions.Of(winner) with { Name = "whole" });
        await app.EndOfRunAsync(whole);
        Run uncut = await app.Service<RunService>().GetAsync(whole);
        Assert.Equal((uncut.ValidationPerplexity, uncut.TotalLoss), (winner.ValidationPerplexity, winner.TotalLoss));
        Assert.Equal(3, winner.Attempt);

        SweepVerdicts verdicts = app.Service<SweepVerdicts>();
        Assert.Contains("alone was trained to its end", (await verdicts.ReadAsync(report)).Verdict.Sentence);
        Run raised = report.Runs.First(run => run.Run.Status == RunStatus.Stopped).Run;
        await app.Service<RunCommands>().ResumeAsync(raised.Id);
        await app.EndOfRunAsync(raised.Id);
        Run now = await app.Service<RunService>().GetAsync(raised.Id);
        Assert.Equal((RunStatus.Completed, 40), (now.Status, now.Step));
        Assert.Equal(2, (await app.Service<SweepReports>().GetAsync(sweep.Id)).Decided.Count);
        Assert.Contains("share one seed only", (await verdicts.ReadAsync(await app.Service<SweepReports>().GetAsync(sweep.Id))).Verdict.Sentence);
    }

    [Fact]
    public async Task Advance_OneRunFailedAndOneStillOnItsWay_WaitsAndCountsTheFailedOneAsTheWorst()
    {
        (Sweep sweep, Run[] runs) = await RecordedAsync([12, 9, null, 11], [RunStatus.Paused, RunStatus.Paused, RunStatus.Failed, RunStatus.Interrupted]);
        SweepRungs rungs = app.Service<SweepRungs>();
        await rungs.AdvanceAsync(sweep.Id);
        Assert.Empty((await app.Service<SweepReports>().GetAsync(sweep.Id)).Decided);
        Assert.StartsWith("Waits at update 100 for the other points of its sweep", RunAnswer.Of((await RunsAsync(sweep.Id))[0], new RunOutlook()).Sentence);
        await app.Service<DatabaseWriter>().WriteAsync(db => db.Runs.Where(run => run.Id == runs[3].Id).ExecuteUpdateAsync(set => set.SetProperty(run => run.Status, RunStatus.Paused)));
        await rungs.AdvanceAsync(sweep.Id);
        SweepReport report = await app.Service<SweepReports>().GetAsync(sweep.Id);
        DecidedRung decided = Assert.Single(report.Decided);
        Assert.Equal(["rate = 2e-4", "rate = 4e-4", "rate = 1e-4", "rate = 3e-4"], decided.Entries.Select(entry => entry.Point));
        Assert.Equal([9, 11, 12, null], decided.Entries.Select(entry => entry.Value));
        Assert.Equal([true, true, false, false], decided.Entries.Select(entry => entry.GoesOn));
        Run[] after = await RunsAsync(sweep.Id);
        Assert.Equal("Stopped at update 100: 3rd of 4.", after.Single(run => run.Id == runs[0].Id).Error);
        Assert.Equal(RunStatus.Failed, after.Single(run => run.Id == runs[2].Id).Status);
        Assert.All(after.Where(run => run.Id == runs[1].Id || run.Id == runs[3].Id), run => Assert.Equal(200, run.RestAtStep));
    }

    [Fact]
    public async Task Start_DecidedAndNotCarriedOut_IsCarriedOut()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        Guid id;
        await using (var before = new WebDistillApp(root.FullName))
        {
            SweepPlan plan = Plan(await before.ReadyDatasetAsync(), 2, new SweepHalving { FirstRungUpdates = 10, Eta = 2 });
            id = (await before.Service<SweepPlanner>().LaunchAsync(plan)).Id;
            await before.PollAsync($"/api/sweeps/{id}", answer => answer.GetProperty("isAtRest").GetBoolean());
            // As the process leaves it that ends between the decision and what follows from it.
            await before.Service<DatabaseWriter>().WriteAsync(db => db.Runs.Where(run => run.SweepId == id && run.Status == RunStatus.Stopped).ExecuteUpdateAsync(set => set
                .SetProperty(run => run.Status, RunStatus.Paused).SetProperty(run => run.RestAtStep, 10).SetProperty(run => run.Error, (string?)null).SetProperty(run => run.ErrorCause, (RunErrorCause?)null)));
        }
        await using (var after = new WebDistillApp(root.FullName))
        {
            await after.PollAsync($"/api/sweeps/{id}", answer => answer.GetProperty("isAtRest").GetBoolean());
            SweepReport report = await after.Service<SweepReports>().GetAsync(id);
            Assert.Equal("Stopped at update 10: 2nd of 2.", report.Runs.Single(run => run.Run.Status == RunStatus.Stopped).Run.Error);
            Assert.Equal(1, report.CompletedCount);
        }
        root.Delete(recursive: true);
    }

    private async Task<IReadOnlyList<string>> FieldsAsync(SweepPlan plan) => [.. (await app.Service<SweepPlanner>().CheckAsync(plan)).Problems.Select(problem => problem.Field)];

    private async Task<SweepPlan> PlanAsync(int points, SweepHalving halving) => Plan(await app.ReadyDatasetAsync(), points, halving);

    // Rates so far apart that the later loss follows them; 40 updates each.
    private static SweepPlan Plan(Guid dataset, int points, SweepHalving halving) => new()
    {
        Name = "Halved",
        Options = Product.TinyTraining(dataset, epochs: 20).With(o => o with { Name = "", Schedule = o.Schedule with { MaxUpdates = 40, ValidationIntervalSteps = 0 } }),
        Dimensions = [new SweepDimension { Name = "rate", Values = [.. Enumerable.Range(0, points).Select(i => SweepValue.Of("optimiser.learningRate", 1e-5 * Math.Pow(4, i)))] }],
        Halving = halving,
    };

    // Four points at update 100 of 400, with these perplexities there.
    private async Task<(Sweep, Run[])> RecordedAsync(double?[] perplexities, RunStatus[] statuses)
    {
        SweepPlan plan = new()
        {
            Name = "Recorded halves",
            Options = new RunOptions { Teacher = new() { ModelId = Guid.NewGuid().ToString() }, Data = new() { DatasetId = Guid.NewGuid().ToString() } },
            Dimensions = [new SweepDimension { Name = "rate", Values = [.. new[] { 1e-4, 2e-4, 3e-4, 4e-4 }.Select(rate => SweepValue.Of("optimiser.learningRate", rate))] }],
            Halving = new SweepHalving { FirstRungUpdates = 100, Eta = 2 },
        };
        // Interrupted: the product, which looks as well, waits for them until all are as they shall be.
        Sweep sweep = await RecordedSweeps.AddAsync(app, plan, [.. perplexities.Select(value => (value ?? 99, RunStatus.Interrupted))]);
        Run[] runs = await RunsAsync(sweep.Id);
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            foreach ((Run run, int i) in runs.Select((run, i) => (run, i)))
            {
                await db.Runs.Where(row => row.Id == run.Id).ExecuteUpdateAsync(set => set.SetProperty(row => row.Status, statuses[i]).SetProperty(row => row.RestAtStep, 100)
                    .SetProperty(row => row.Step, perplexities[i] is null ? 60 : 100).SetProperty(row => row.TotalSteps, 400));
                if (perplexities[i] is double value)
                    db.Measurements.Add(new Measurement { RunId = run.Id, Name = LoopSeries.ValidationPerplexity.Name, Step = 100, Value = value });
            }
            await db.SaveChangesAsync();
        });
        return (sweep, runs);
    }

    private Task<Run[]> RunsAsync(Guid sweep) => app.Service<DatabaseWriter>().WriteAsync(db =>
        db.Runs.AsNoTracking().Where(run => run.SweepId == sweep).OrderBy(run => run.QueueOrder).ToArrayAsync());
}
