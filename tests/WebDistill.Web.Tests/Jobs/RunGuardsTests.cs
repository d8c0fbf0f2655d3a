using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Live;

namespace WebDistill.Web.Tests.Jobs;

/// <summary>What is seen by a clock and by a look at the machine, without waiting and without a large machine.</summary>
public sealed class RunGuardsTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private static readonly Machine s_machine = new() { MemoryBytes = 1_000_000_000, FreeMemoryBytes = 500_000_000, FreeDiskBytes = 1 };

    private readonly HandClock _clock = new();
    private Machine _machine = s_machine;

    [Fact]
    public async Task Stall_TheLoopDoesNotComeBack_IsToldWithinSecondsAndOnce()
    {
        (RunGuards guards, Run run, RunSignals signals) = await BeginAsync(new GuardOptions());
        using (signals)
        {
            var told = new ConcurrentQueue<RunEvent>();
            using IDisposable subscription = app.Service<RunEvents>().Subscribe(change =>
            {
                if (change.Run.Id == run.Id)
                    told.Enqueue(change);
            });
            for (int step = 1; step <= 20; step++)
            {
                _clock.Pass(TimeSpan.FromSeconds(2));
                guards.Updated(Report(step));
            }
            // A teacher that does not answer any more: 60 s are its due, and 65 536 tokens of a measurement at a thousand a second.
            _clock.Pass(TimeSpan.FromSeconds(125));
            Assert.Empty(told);
            _clock.Pass(TimeSpan.FromSeconds(30));
            Alert alert = Assert.Single(await AlertsAsync(run));
            Assert.Equal(("stall", 20, "s", AlertAnswer.Told), (alert.Guard, alert.Step, alert.Unit, alert.Answer));
            Assert.InRange(alert.Value, alert.Threshold!.Value, alert.Threshold.Value + RunGuards.LookInterval.TotalSeconds);
            Assert.Equal(alert.Id, Assert.Single(told).Alert!.Id);
            _clock.Pass(TimeSpan.FromHours(1));
            Assert.Single(told);
            guards.Close();
        }
    }

    [Fact]
    public async Task Memory_NearlyGone_PausesTheRunWhereItActs()
    {
        (RunGuards guards, Run run, RunSignals signals) = await BeginAsync(new GuardOptions { Preset = GuardPreset.Act });
        using (signals)
        {
            guards.Updated(Report(1));
            _machine = s_machine with { FreeMemoryBytes = 20_000_000 };
            _clock.Pass(TimeSpan.FromSeconds(10));
            Assert.False(signals.Ended.IsCancellationRequested);
            _clock.Pass(TimeSpan.FromSeconds(5));
            Assert.Equal((true, RunWish.Pause), (signals.Ended.IsCancellationRequested, signals.Wish));
            Assert.StartsWith("Memory is near its limit. 20 MB of the 1.0 GB of memory are free, expected at least 50 MB", signals.Reason);
            Run now = await app.Service<RunService>().GetAsync(run.Id);
            Assert.Equal((RunStatus.Pausing, RunErrorCause.Guard, signals.Reason), (now.Status, now.ErrorCause, now.Error));
            Alert alert = Assert.Single(await AlertsAsync(run));
            Assert.Equal(("memory", 20_000_000.0, 50_000_000.0, "bytes", AlertAnswer.Paused), (alert.Guard, alert.Value, alert.Threshold!.Value, alert.Unit, alert.Answer));
            guards.Close();
        }
    }

    [Fact]
    public async Task Throughput_CollapsesForHalfAMinute_IsToldAndNothingElse()
    {
        (RunGuards guards, Run run, RunSignals signals) = await BeginAsync(new GuardOptions { Preset = GuardPreset.Act });
        using (signals)
        {
            for (int step = 1; step <= 120; step++)
                Update(step, seconds: step <= 100 ? 1 : 6);
            Alert alert = Assert.Single(await AlertsAsync(run));
            Assert.Equal(("throughput", "tokens/s", AlertAnswer.Told), (alert.Guard, alert.Unit, alert.Answer));
            Assert.Equal(RunWish.None, signals.Wish);
            guards.Close();
        }

        void Update(int step, double seconds)
        {
            _clock.Pass(TimeSpan.FromSeconds(seconds));
            guards.Updated(Report(step).With((LoopSeries.StepSeconds, seconds), (LoopSeries.TokensPerSecond, 1000 / seconds)));
        }
    }

    [Fact]
    public async Task Off_NothingIsLookedAt()
    {
        (RunGuards guards, Run run, RunSignals signals) = await BeginAsync(new GuardOptions { Preset = GuardPreset.Off });
        using (signals)
        {
            guards.Updated(Report(1) with { TotalLoss = double.NaN });
            _clock.Pass(TimeSpan.FromDays(1));
            Assert.Empty(await AlertsAsync(run));
            guards.Close();
        }
    }

    [Fact]
    public async Task Closed_TheClockGoesOn_NothingIsSeen()
    {
        (RunGuards guards, Run run, RunSignals signals) = await BeginAsync(new GuardOptions());
        using (signals)
        {
            guards.Close();
            _clock.Pass(TimeSpan.FromDays(1));
            Assert.Empty(await AlertsAsync(run));
        }
    }

    /// <summary>An attempt that begins knows what was seen before: it is not told twice.</summary>
    [Fact]
    public async Task Begin_AfterUpdatesThatWereJudged_SaysNothingOfThem()
    {
        StepReport[] reports = [.. Enumerable.Range(1, 60).Select(step => Report(step) with { TotalLoss = step >= 50 ? 9 : 3 })];
        (RunGuards guards, Run run, RunSignals signals) = await BeginAsync(new GuardOptions(), reports);
        using (signals)
        {
            guards.Updated(Report(61) with { TotalLoss = 9 });
            Assert.Empty(await AlertsAsync(run));
            for (int step = 62; step < 80; step++)
                guards.Updated(Report(step));
            guards.Updated(Report(80) with { TotalLoss = 30 });
            Assert.Equal(80, Assert.Single(await AlertsAsync(run)).Step);
            guards.Close();
        }
    }

    [Fact]
    public async Task Watch_AnAlertWithoutANewUpdate_ReachesWhoeverWatchesTheCurves()
    {
        (RunGuards guards, Run run, RunSignals signals) = await BeginAsync(new GuardOptions());
        using (signals)
        {
            await using CurvesClient client = await CurvesClient.WatchAsync(app.Address, run.Id, 0);
            Assert.Equal(0, (await client.NextAsync())!.Value.GetProperty("lastAlert").GetInt64());
            guards.Updated(Report(1) with { TotalLoss = double.PositiveInfinity });
            Alert alert = Assert.Single(await AlertsAsync(run));
            Assert.Equal(alert.Id, (await client.NextAsync())!.Value.GetProperty("lastAlert").GetInt64());
            guards.Close();
        }
    }

    private static StepReport Report(int step) => new(step, step / 10.0, 1000L * step, 3 + (step % 7 / 100.0), new Dictionary<string, double>
    {
        ["clm"] = 3 + (step % 7 / 100.0), [LoopSeries.LearningRate.Name] = 1e-3, [LoopSeries.GradientNorm.Name] = 1, [LoopSeries.TokensPerSecond.Name] = 1000,
        [LoopSeries.StepSeconds.Name] = 1, [LoopSeries.MemoryBytes.Name] = 1e8,
    });

    private Task<IReadOnlyList<Alert>> AlertsAsync(Run run) => app.Service<RunService>().AlertsAsync(run.Id, 0, 100);

    private async Task<(RunGuards, Run, RunSignals)> BeginAsync(GuardOptions guards, StepReport[]? recorded = null)
    {
        RunOptions options = new RunOptions { Objective = Terms.Of(ce: 0, clm: 1, cos: 0), Guards = guards };
        string described = RunSeries.Begin(null, LoopSeries.Of(options, hasTeacher: false));
        var run = new Run { Id = Guid.CreateVersion7(), Name = "watched", Status = RunStatus.Running, OptionsJson = JsonSerializer.Serialize(options, WebJson.Options), Attempt = 1 };
        var series = RunSeries.Of(run, described);
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(run);
            db.Series.Add(new StoredSeries { RunId = run.Id, Json = described });
            db.StepRows.AddRange((recorded ?? []).Select(report => series.Row(report, run.Id, 1)));
            await db.SaveChangesAsync();
        });
        var signals = new RunSignals(run.Id, CancellationToken.None);
        var begun = new RunGuards(
            run, signals, app.Service<IDbContextFactory<WebDistillDb>>(), app.Service<DatabaseWriter>(), app.Service<DataFolder>(), app.Service<RunAnnouncements>(),
            app.Service<RunLifecycle>(), app.Service<RunEvents>(), app.Service<StorageHealth>(), () => _machine, _clock, NullLogger.Instance);
        begun.Begin(series, 1000);
        return (begun, run, signals);
    }

    /// <summary>Time passes as told, and timers ring at their moments.</summary>
    private sealed class HandClock : TimeProvider
    {
        private readonly List<Bell> _bells = [];
        private TimeSpan _now;

        public void Pass(TimeSpan time)
        {
            TimeSpan end = _now + time;
            while (_bells.Where(bell => bell.Next <= end).MinBy(bell => bell.Next) is Bell bell)
            {
                _now = bell.Next;
                bell.Ring();
            }
            _now = end;
        }

        public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) + _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var bell = new Bell(this, callback, state, _now + dueTime, period);
            _bells.Add(bell);
            return bell;
        }

        private sealed class Bell(HandClock clock, TimerCallback callback, object? state, TimeSpan first, TimeSpan period) : ITimer
        {
            public TimeSpan Next { get; private set; } = first;

            public void Ring()
            {
                Next += period;
                callback(state);
            }

            public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException("Nobody changes it.");

            public void Dispose() => clock._bells.Remove(this);

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
