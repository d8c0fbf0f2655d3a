using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Jobs;

public sealed class StepRecorderTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private static readonly string s_series = RunSeries.Begin(null, LoopSeries.Of(new RunOptions { Objective = Terms.Of(mse: 1) }, hasTeacher: true));

    [Fact]
    public async Task Report_FasterThanTheDatabase_RecordsEveryStepAndItsEveryNumber()
    {
        const int steps = 3 * StepRecorder.QueueCapacity;
        Run run = await AddRunAsync();
        Guid id = run.Id;
        int rings = 0;
        using IDisposable subscription = app.Service<RunAnnouncements>().Subscribe(id, () => Interlocked.Increment(ref rings));
        await using (var recorder = Recorder(run, () => Perplexity.OfNats(Math.Log(7.5))))
        {
            for (int step = 1; step <= steps; step++)
                recorder.Report(Report(step));
        }
        IReadOnlyList<StepReport> recorded = await app.Service<RunService>().StepsAsync(id, 0, int.MaxValue);
        Assert.Equal(Enumerable.Range(1, steps).Select(Report), recorded);
        run = await app.Service<RunService>().GetAsync(id);
        Assert.Equal(steps, run.Step);
        Assert.Equal(7.5, run.TeacherPerplexity!.Value, 12);
        Assert.Equal(Math.Log(7.5), run.TeacherNatsPerToken);
        Assert.Equal([("teacherNatsPerToken", Math.Log(7.5)), ("teacherPerplexity", run.TeacherPerplexity!.Value)],
            await app.Service<DatabaseWriter>().WriteAsync(async db => (await db.Measurements.Where(one => one.RunId == id && one.Step == 0)
                .OrderBy(one => one.Name).ToListAsync()).Select(one => (one.Name, one.Value))));
        Assert.Equal(Report(steps).TotalLoss, run.TotalLoss);
        Assert.InRange(rings, 1, steps / 10);
    }

    [Fact]
    public async Task Report_OneStep_IsSavedAndAnnouncedWithinASecond()
    {
        Run run = await AddRunAsync();
        Guid id = run.Id;
        var heard = new TaskCompletionSource();
        using IDisposable subscription = app.Service<RunAnnouncements>().Subscribe(id, () => heard.TrySetResult());
        await using var recorder = Recorder(run, () => null);
        recorder.Report(Report(1));
        // Generous: this proves that a lone step is not held back until the next, not how fast the machine is.
        await heard.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Single(await app.Service<RunService>().StepsAsync(id, 0, 10));
    }

    [Fact]
    public async Task Report_StepThatCannotBeSaved_FailsTheNextReportAndTheEnd()
    {
        Run run = await AddRunAsync();
        Guid id = run.Id;
        var recorder = Recorder(run, () => null);
        // Twice the same update: the database keeps the first and refuses the second.
        recorder.Report(Report(1));
        recorder.Report(Report(1));
        Exception failure = await Assert.ThrowsAsync<ChannelClosedException>(async () =>
        {
            for (int step = 2; step < 100_000; step++)
            {
                recorder.Report(Report(step));
                await Task.Delay(1);
            }
        });
        Assert.Contains("StepRow", failure.InnerException!.Message);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await recorder.DisposeAsync());
        Assert.Empty(await app.Service<RunService>().StepsAsync(id, 0, 10));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public async Task Report_NumbersThatAreNotFinite_AreRecordedAsSuch(double value)
    {
        Run run = await AddRunAsync();
        StepReport report = Report(10).With((LoopSeries.TokensPerSecond, value), (LoopSeries.GradientNorm, value),
            (LoopSeries.ValidationPerplexity, value), (LoopSeries.ValidationNatsPerToken, 3000.25));
        await using (StepRecorder recorder = Recorder(run, () => new Perplexity(value, 2000.5)))
            recorder.Report(report);
        Assert.Equal(report, Assert.Single(await app.Service<RunService>().StepsAsync(run.Id, 0, 10)));
        run = await app.Service<RunService>().GetAsync(run.Id);
        Assert.Equal((value, 3000.25, value, 2000.5, value), (run.ValidationPerplexity, run.ValidationNatsPerToken, run.TeacherPerplexity,
            run.TeacherNatsPerToken, run.TokensPerSecond));
    }

    private static StepReport Report(int step)
    {
        Dictionary<string, double> values = new()
        {
            ["clm"] = 0.3 * step, ["mse"] = 0.7 * step, ["cos"] = 0.9 / step, ["learningRate"] = 1e-4 / step, ["gradientNorm"] = 1.1 * step,
            ["tokensPerSecond"] = 1.3 * step, ["stepSeconds"] = 1.7 * step, ["memoryBytes"] = 1L << 33,
        };
        if (step % 2 == 1)
            values.Add("ce", 0.1 * step);
        if (step % 10 == 0)
            (values["validationPerplexity"], values["validationNatsPerToken"]) = (1.9 * step, Math.Log(1.9 * step));
        return new StepReport(step, step / 7.0, step * 1_000_000_007L, 1.0 / step, values);
    }

    /// <summary>A number that would be lost ends the run instead.</summary>
    [Fact]
    public async Task Report_NumberThatIsNoneOfTheRunsSeries_FailsTheRunAndNamesIt()
    {
        StepRecorder recorder = Recorder(await AddRunAsync(), () => null);
        recorder.Report(Report(1).With((new StepSeries { Name = "taste", Title = "Taste" }, 1)));
        Assert.Throws<ChannelClosedException>(recorder.Flush);
        Exception failure = await Assert.ThrowsAsync<InvalidOperationException>(async () => await recorder.DisposeAsync());
        Assert.Contains("The report of update 1 has a number 'taste', expected the run's series: totalLoss, ce, clm,", failure.Message);
    }

    [Fact]
    public async Task Flush_AfterAReport_ReturnsWhenTheStepIsSaved()
    {
        Run run = await AddRunAsync();
        await using StepRecorder recorder = Recorder(run, () => null);
        for (int step = 1; step <= 20; step++)
        {
            recorder.Report(Report(step));
            recorder.Flush();
            Assert.Equal(step, (await app.Service<RunService>().StepsAsync(run.Id, 0, 100)).Count);
        }
        recorder.Flush();
    }

    [Fact]
    public async Task Flush_AfterAStepThatCannotBeSaved_Throws()
    {
        StepRecorder recorder = Recorder(await AddRunAsync(), () => null);
        recorder.Report(Report(1));
        recorder.Report(Report(1));
        Assert.Throws<ChannelClosedException>(recorder.Flush);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await recorder.DisposeAsync());
    }

    /// <summary>The finding "clock jump while training: trained time 57 years": wall clocks were subtracted.</summary>
    [Theory]
    [InlineData(57 * 365)]
    [InlineData(-57 * 365)]
    public async Task TrainedSeconds_TheWallClockIsSet_CountsTheTimeThatPassed(int days)
    {
        Run run = await AddRunAsync();
        var clock = new SetClock();
        await using StepRecorder recorder = Recorder(run, () => null, clock);
        clock.Pass(TimeSpan.FromSeconds(90), wallClockJump: TimeSpan.FromDays(days));
        recorder.Report(Report(1));
        recorder.Flush();
        Assert.Equal(90, (await app.Service<RunService>().GetAsync(run.Id)).TrainedSeconds, precision: 6);
    }

    private StepRecorder Recorder(Run run, Func<Perplexity?> teacherPerplexity, TimeProvider? time = null) => new(
        run, RunSeries.Of(run, s_series), app.Service<DatabaseWriter>(), app.Service<RunAnnouncements>(), app.Service<StorageHealth>(), () => teacherPerplexity() is Perplexity teacher ? ValidationScore.Of(teacher) : null,
        _ => Task.FromResult(true), time ?? TimeProvider.System, CancellationToken.None);

    /// <summary>Time passes as told, and somebody sets the wall clock meanwhile.</summary>
    private sealed class SetClock : TimeProvider
    {
        private DateTimeOffset _wall = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private TimeSpan _passed;

        public void Pass(TimeSpan time, TimeSpan wallClockJump) => (_passed, _wall) = (_passed + time, _wall + time + wallClockJump);

        public override DateTimeOffset GetUtcNow() => _wall;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _passed.Ticks;
    }

    private async Task<Run> AddRunAsync()
    {
        var run = new Run
        {
            Id = Guid.CreateVersion7(), Name = "recorded", Status = RunStatus.Completed, OptionsJson = "{}", Attempt = 1,
        };
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(run);
            db.Series.Add(new StoredSeries { RunId = run.Id, Json = s_series });
            await db.SaveChangesAsync();
        });
        return run;
    }
}
