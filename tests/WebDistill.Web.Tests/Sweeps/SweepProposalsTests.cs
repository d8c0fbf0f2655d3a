using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SweepProposalsTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Post_Bayesian_ThreePoints_TheThirdFollowsFromWhatTheFirstTwoCameTo()
    {
        SweepPlan plan = Plan(await app.ReadyDatasetAsync());
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/sweeps", plan, WebJson.Options);
        JsonElement created = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, created.ToString());
        Assert.Equal((1, "Bayesian"), (created.GetProperty("pointsToCome").GetInt32(), created.GetProperty("plan").GetProperty("strategy").GetString()));
        Assert.Equal(["First", "First"], created.GetProperty("points").EnumerateArray().Select(point => point.GetProperty("origin").GetString()));
        Guid id = created.GetProperty("id").GetGuid();
        JsonElement ended = await app.PollAsync($"/api/sweeps/{id}", sweep => sweep.GetProperty("isAtRest").GetBoolean());
        Assert.Equal((0, 6), (ended.GetProperty("pointsToCome").GetInt32(), ended.GetProperty("runCount").GetInt32()));
        Assert.Equal(JsonValueKind.Null, ended.GetProperty("proposalsEndedBecause").ValueKind);

        SweepReport report = await app.Service<SweepReports>().GetAsync(id);
        Assert.Equal((6, true, 1.0), (report.CompletedCount, report.IsDone, report.Progress));
        SweepGroup proposed = Assert.Single(report.Groups, group => group.Origin == PointOrigin.Proposed);
        // Both seeds, and no other figures than those of the first two points.
        Assert.Equal([1L, 2], proposed.Runs.Select(run => StoredOptions.Of(run.Run).Seed).Order());
        MeasuredPoint[] first = [.. report.Groups.Where(group => group.Origin == PointOrigin.First).Select(group => SweepProposals.Measured(report.Plan, group))];
        Assert.Equal(SweepDraws.Key(report.Plan.Dimensions, SweepProposer.Ranked(report.Plan, first)[0]), proposed.Labels[0].Value);
        Assert.Equal(double.Parse(proposed.Labels[0].Value, System.Globalization.CultureInfo.InvariantCulture), StoredOptions.Of(proposed.Runs[0].Run).Optimiser.LearningRate);

        using HttpResponseMessage refused = await app.Http.PostAsJsonAsync("/api/sweeps", plan with { Halving = new SweepHalving(), FirstPoints = 1 }, WebJson.Options);
        Assert.Equal(["halving"], (await refused.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task Start_APointStillToCome_ProposesTheSameAsItWouldHave()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        Guid id;
        string proposed;
        await using (var before = new WebDistillApp(root.FullName))
        {
            id = (await before.Service<SweepPlanner>().LaunchAsync(Plan(await before.ReadyDatasetAsync()) with { Dimensions = [s_rate] })).Id;
            await before.PollAsync($"/api/sweeps/{id}", answer => answer.GetProperty("isAtRest").GetBoolean());
            SweepGroup third = (await before.Service<SweepReports>().GetAsync(id)).Groups.Single(group => group.Origin == PointOrigin.Proposed);
            proposed = third.Title;
            await before.Service<RunService>().DeleteAsync(third.Runs[0].Run.Id);
            Assert.Equal(2, (await before.Service<SweepReports>().GetAsync(id)).RunCount);
            // As the process leaves it that ends before the point is proposed.
            await before.Service<DatabaseWriter>().WriteAsync(db => db.Sweeps.Where(sweep => sweep.Id == id).ExecuteUpdateAsync(set => set.SetProperty(sweep => sweep.PointsToCome, 1)));
        }
        await using (var after = new WebDistillApp(root.FullName))
        {
            await after.PollAsync($"/api/sweeps/{id}", answer => answer.GetProperty("isAtRest").GetBoolean());
            SweepReport report = await after.Service<SweepReports>().GetAsync(id);
            Assert.Equal(proposed, report.Groups.Single(group => group.Origin == PointOrigin.Proposed).Title);
            Assert.Equal((3, 3), (report.RunCount, report.CompletedCount));
        }
        root.Delete(recursive: true);
    }

    [Fact]
    public async Task Advance_NoPointCanBeMade_EndsAndSaysWhy()
    {
        // Its teacher and its text are nowhere.
        Sweep sweep = await RecordedAsync(RunStatus.Completed);
        SweepProposals proposals = app.Service<SweepProposals>();
        await proposals.AdvanceAsync(sweep.Id);
        SweepReport report = await app.Service<SweepReports>().GetAsync(sweep.Id);
        Assert.Contains("most promising points can be made. rate = ", report.Sweep.ProposalsEndedBecause);
        Assert.Contains("There is no data set", report.Sweep.ProposalsEndedBecause);
        Assert.Equal((0, 2, true), (report.PointsToCome, report.RunCount, report.IsAtRest));
    }

    [Fact]
    public async Task Stop_APointStillToCome_ProposesNoneAndSaysSo()
    {
        Sweep sweep = await RecordedAsync(RunStatus.Paused);
        await app.Service<SweepProposals>().AdvanceAsync(sweep.Id);
        SweepReport waiting = await app.Service<SweepReports>().GetAsync(sweep.Id);
        Assert.Equal((2, 2, 4), (waiting.PointsToCome, waiting.RunCount, waiting.RunsInAll));
        Assert.Equal(1, await app.Service<SweepService>().StopAsync(sweep.Id));
        await app.Service<SweepProposals>().AdvanceAsync(sweep.Id);
        SweepReport report = await app.Service<SweepReports>().GetAsync(sweep.Id);
        Assert.Equal("Stopped: 2 points were still to be proposed.", report.Sweep.ProposalsEndedBecause);
        Assert.Equal((0, 2, true, false), (report.PointsToCome, report.RunCount, report.IsAtRest, report.IsDone));
    }

    private static readonly SweepDimension s_rate = new()
    {
        Name = "rate", Range = new SweepRange { Option = "optimiser.learningRate", Minimum = 1e-5, Maximum = 1e-2, Logarithmic = true },
    };

    private static SweepPlan Plan(Guid dataset) => new()
    {
        Name = "Searched",
        Options = Product.TinyTraining(dataset).With(o => o with { Name = "" }),
        Dimensions = [s_rate, new SweepDimension { Name = "seed", Values = [SweepValue.Of("seed", 1L), SweepValue.Of("seed", 2L)] }],
        Strategy = SweepStrategy.Bayesian, Draws = 3, FirstPoints = 2,
    };

    // One point that is complete, and one with this status; two more are still to come.
    private async Task<Sweep> RecordedAsync(RunStatus second)
    {
        SweepPlan plan = Plan(Guid.NewGuid()) with { Dimensions = [s_rate], Draws = 4 };
        Sweep sweep = await RecordedSweeps.AddAsync(app, plan, (12, RunStatus.Completed), (9, second));
        await app.Service<DatabaseWriter>().WriteAsync(db => db.Sweeps.Where(row => row.Id == sweep.Id).ExecuteUpdateAsync(set => set.SetProperty(row => row.PointsToCome, 2)));
        return sweep;
    }
}
