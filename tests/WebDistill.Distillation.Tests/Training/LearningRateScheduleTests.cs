using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>
/// The table of updates and learning rates of the reference, observed by running it: L micro-batches per epoch, A per update, E epochs.
/// </summary>
public sealed class LearningRateScheduleTests
{
    private static RunOptions Options(int accumulation, int epochs, TrainingSemantics semantics) =>
        new() { Schedule = new() { GradientAccumulation = accumulation, Epochs = epochs, WarmupProportion = 0.05, Semantics = semantics } };

    [Fact]
    public void Factor_ReferencesRun_GivesItsRates()
    {
        LearningRateSchedule schedule = LearningRateSchedule.Plan(Options(4, 3, TrainingSemantics.HuggingFaceExact), 11);
        Assert.Equal(6, schedule.TotalUpdates);
        Assert.Equal(1, schedule.WarmupUpdates);
        double[] expected = [0, 5e-4, 4.375e-4, 3.75e-4, 3.125e-4, 2.5e-4];
        for (int update = 0; update < expected.Length; update++)
            Assert.Equal(expected[update], 5e-4 * schedule.Factor(update), 12);
    }

    [Fact]
    public void Plan_LeftOvers_ReferenceDropsAnUpdateThatTheCorrectedOneMakes()
    {
        Assert.Equal(4, LearningRateSchedule.Plan(Options(4, 2, TrainingSemantics.HuggingFaceExact), 11).TotalUpdates);
        Assert.Equal(6, LearningRateSchedule.Plan(Options(4, 2, TrainingSemantics.Corrected), 11).TotalUpdates);
    }

    [Theory]
    [InlineData(TrainingSemantics.Corrected)]
    [InlineData(TrainingSemantics.HuggingFaceExact)]
    public void Plan_FewerMicroBatchesThanOneUpdateNeeds_IsRefusedWithBothNumbers(TrainingSemantics semantics)
    {
        var problem = Assert.Throws<ArgumentException>(() => LearningRateSchedule.Plan(Options(50, 3, semantics), 11));
        Assert.Contains("11 micro-batches", problem.Message);
        Assert.Contains("needs 50", problem.Message);
    }

    [Theory]
    [InlineData(1, 0.05)]
    [InlineData(2, 0.5)]
    [InlineData(40, 0)]
    [InlineData(40, 0.1)]
    [InlineData(40, 1)]
    public void Factor_Corrected_RisesThenFallsAndIsNeverZero(int updates, double warmup)
    {
        LearningRateSchedule schedule =
            LearningRateSchedule.Plan(Options(1, 1, TrainingSemantics.Corrected).With(o => o with { Schedule = o.Schedule with { WarmupProportion = warmup } }), updates);
        double[] factors = [.. Enumerable.Range(0, updates).Select(schedule.Factor)];
        Assert.All(factors, factor => Assert.InRange(factor, 1e-9, 1));
        Assert.Equal(factors[..schedule.WarmupUpdates].Order(), factors[..schedule.WarmupUpdates]);
        Assert.Equal(factors[schedule.WarmupUpdates..].OrderDescending(), factors[schedule.WarmupUpdates..]);
        if (schedule.WarmupUpdates < updates)
            Assert.Equal(1, factors[schedule.WarmupUpdates]);
    }
}
