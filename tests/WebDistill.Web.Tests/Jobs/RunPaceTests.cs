using WebDistill.Data;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Tests.Jobs;

/// <summary>How long a run still takes: not foreseen from its first updates, and at the speed of the last minute.</summary>
public sealed class RunPaceTests
{
    private readonly Clock _clock = new();
    private readonly Run _run = new()
    {
        Id = Guid.CreateVersion7(), Name = "A run", OptionsJson = "{}", Status = RunStatus.Running, Attempt = 1, TotalSteps = 1000, TrainedSeconds = 1e6,
    };

    [Fact]
    public void TimeLeft_BeforeTwentyUpdates_IsNotSaid()
    {
        RunPace pace = Begin();
        Assert.Null(After(pace, seconds: 60, step: RunPace.LeastUpdates - 1));
        Assert.NotNull(After(pace, seconds: 1, step: RunPace.LeastUpdates));
    }

    [Fact]
    public void TimeLeft_AfterASlowBeginning_FollowsTheLastMinute()
    {
        RunPace pace = Begin();
        // 20 updates in 100 s, then 2 a second.
        Assert.Equal(980 * 5, After(pace, 100, 20)!.Value.TotalSeconds, 1.0);
        for (int i = 1; i <= 12; i++)
            After(pace, 5, 20 + 10 * i);
        Assert.Equal((1000 - 150) / 2.0, After(pace, 5, 150)!.Value.TotalSeconds, 1.0);
    }

    [Fact]
    public void TimeLeft_OnePieceOfAMinuteIsSlow_IsNotMoved()
    {
        RunPace pace = Begin();
        After(pace, 10, 20);
        for (int i = 1; i <= 6; i++)
            After(pace, 5, 20 + 10 * i);
        Assert.Equal((1000 - 81) / 2.0, After(pace, 20, 81)!.Value.TotalSeconds, 1.0);
    }

    [Fact]
    public void TimeLeft_RunRests_IsNotSaidAndBeginsAnew()
    {
        RunPace pace = Begin();
        After(pace, 30, 40);
        _run.Status = RunStatus.Paused;
        Assert.Null(After(pace, 5, 50));
    }

    private RunPace Begin()
    {
        _run.AttemptStartedAt = _clock.GetUtcNow().UtcDateTime;
        var pace = new RunPace(_clock);
        Assert.Null(pace.TimeLeft(_run));
        return pace;
    }

    private TimeSpan? After(RunPace pace, int seconds, int step)
    {
        _clock.Seconds += seconds;
        _run.Step = step;
        return pace.TimeLeft(_run);
    }

    private sealed class Clock : TimeProvider
    {
        public long Seconds { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddSeconds(Seconds);
    }
}
