using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Runs;

public sealed class RunActionsTests
{
    private static Run Failed(RunErrorCause cause) => new()
    {
        Id = Guid.Parse("00000000-0000-0000-0000-000000000007"), Name = "run", OptionsJson = "{}", Status = RunStatus.Failed, Error = "why", ErrorCause = cause, StartedAt = DateTime.UtcNow,
    };

    /// <summary>The finding "the primary action of a run that diverged is Resume, which replays the same failure".</summary>
    [Theory]
    [InlineData(RunErrorCause.Diverged, false)]
    [InlineData(RunErrorCause.Other, true)]
    public void OffersResume_OfAFailedRun_NotWhereItWouldFailAgainToTheLastBit(RunErrorCause cause, bool offers) =>
        Assert.Equal(offers, RunActions.OffersResume(Failed(cause)));

    [Fact]
    public void OffersResume_OfOtherRuns_IsWhatCanBeAsked()
    {
        Run run = Failed(RunErrorCause.Guard);
        foreach (RunStatus status in Enum.GetValues<RunStatus>())
        {
            run.Status = status;
            Assert.Equal(status is RunStatus.Paused or RunStatus.Stopped or RunStatus.Failed or RunStatus.Interrupted, RunActions.OffersResume(run));
        }
    }

    [Fact]
    public void HalvedRate_WithAndWithoutACheckpoint_LeadsToTheFormWithHalfTheRate()
    {
        Run run = Failed(RunErrorCause.Diverged);
        Assert.Equal(("Clone with half the learning rate", "/runs/new?clone=00000000000000000000000000000007&halve=learningRate"), RunActions.HalvedRate(run, []));
        Assert.Equal(("Branch from update 40 with half the learning rate", "/runs/new?branch=00000000000000000000000000000007&step=40&halve=learningRate"),
            RunActions.HalvedRate(run, [new Checkpoint { Step = 20, WeightsSha256 = "" }, new Checkpoint { Step = 40, WeightsSha256 = "" }]));
    }

    /// <summary>The finding "took 0 s".</summary>
    [Fact]
    public void Duration_OfAMoment_IsNotNothing() => Assert.Equal(("under 1 s", "1 s"), (Figures.Duration(0.3), Figures.Duration(1.2)));

    [Fact]
    public void StoredOptions_OfBeforeThereWereGuards_AreThoseOfARunThatNobodyWatches()
    {
        Run run = Failed(RunErrorCause.Other);
        Assert.Equal(Distillation.Options.GuardPreset.Off, StoredOptions.Of(run).Guards.Preset);
        run.OptionsJson = """{"learningRate":0.25}""";
        Assert.Equal((Distillation.Options.GuardPreset.Off, 0.25), (StoredOptions.Of(run).Guards.Preset, StoredOptions.Of(run).Optimiser.LearningRate));
        run.OptionsJson = """{"guards":{}}""";
        Assert.Equal(Distillation.Options.GuardPreset.Watch, StoredOptions.Of(run).Guards.Preset);
    }
}
