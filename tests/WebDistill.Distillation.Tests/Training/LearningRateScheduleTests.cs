using System.Text.Json;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Optimisation;
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

    // The default batch has 8 sequences.
    private static EpochSize Epoch(int batches) => new(8 * batches, 8L * batches * 16);

    [Fact]
    public void Factor_ReferencesRun_GivesItsRates()
    {
        LearningRateSchedule schedule = LearningRateSchedule.Plan(Options(4, 3, TrainingSemantics.HuggingFaceExact), Epoch(11));
        Assert.Equal(6, schedule.TotalUpdates);
        Assert.Equal(1, schedule.WarmupUpdates);
        double[] expected = [0, 5e-4, 4.375e-4, 3.75e-4, 3.125e-4, 2.5e-4];
        for (int update = 0; update < expected.Length; update++)
            Assert.Equal(expected[update], 5e-4 * schedule.Factor(update), 12);
    }

    [Fact]
    public void Plan_LeftOvers_ReferenceDropsAnUpdateThatTheCorrectedOneMakes()
    {
        Assert.Equal(4, LearningRateSchedule.Plan(Options(4, 2, TrainingSemantics.HuggingFaceExact), Epoch(11)).TotalUpdates);
        Assert.Equal(6, LearningRateSchedule.Plan(Options(4, 2, TrainingSemantics.Corrected), Epoch(11)).TotalUpdates);
    }

    [Theory]
    [InlineData(TrainingSemantics.Corrected)]
    [InlineData(TrainingSemantics.HuggingFaceExact)]
    public void Plan_FewerMicroBatchesThanOneUpdateNeeds_IsRefusedWithBothNumbers(TrainingSemantics semantics)
    {
        var problem = Assert.Throws<ArgumentException>(() => LearningRateSchedule.Plan(Options(50, 3, semantics), Epoch(11)));
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
            LearningRateSchedule.Plan(Options(1, 1, TrainingSemantics.Corrected).With(o => o with { Schedule = o.Schedule with { WarmupProportion = warmup } }), Epoch(updates));
        double[] factors = [.. Enumerable.Range(0, updates).Select(schedule.Factor)];
        Assert.All(factors, factor => Assert.InRange(factor, 1e-9, 1));
        Assert.Equal(factors[..schedule.WarmupUpdates].Order(), factors[..schedule.WarmupUpdates]);
        Assert.Equal(factors[schedule.WarmupUpdates..].OrderDescending(), factors[schedule.WarmupUpdates..]);
        if (schedule.WarmupUpdates < updates)
            Assert.Equal(1, factors[schedule.WarmupUpdates]);
    }

    /// <summary>Values of the lambdas of transformers.optimization, written out in Python (P 20, W 4, D 5): <c>get_linear_schedule_with_warmup</c>,
    /// <c>get_cosine_schedule_with_warmup</c>, <c>get_constant_schedule_with_warmup</c>, and 1 − √ after Hägele et al. 2024.</summary>
    [Theory]
    [InlineData("linear", new[] { 1.0, 0.9375, 0.875, 0.8125, 0.75, 0.6875, 0.625, 0.5625, 0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875, 0.125 })]
    [InlineData("cosine", new[] { 1.0, 0.9903926402016152, 0.9619397662556434, 0.9157348061512727, 0.8535533905932737, 0.7777851165098011, 0.6913417161825449,
        0.5975451610080642, 0.5, 0.4024548389919359, 0.30865828381745514, 0.22221488349019902, 0.14644660940672627, 0.08426519384872733, 0.03806023374435663 })]
    [InlineData("constant", new[] { 1.0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 })]
    [InlineData("warmup-stable-decay", new[] { 1.0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5527864045000421, 0.3675444679663241, 0.2254033307585166 })]
    public void Factor_EverySchedule_IsThatOfTheIndependentFormula(string shape, double[] afterWarmup)
    {
        RunOptions options = Options(1, 1, TrainingSemantics.HuggingFaceExact)
            .With(o => o with { Schedule = o.Schedule with { Shape = shape, WarmupProportion = 0.2, DecayProportion = 0.25 } });
        // The reference plans over one update more than it makes.
        LearningRateSchedule schedule = LearningRateSchedule.Plan(options, Epoch(19));
        Assert.Equal((19, 4), (schedule.TotalUpdates, schedule.WarmupUpdates));
        double[] expected = [0, 0.25, 0.5, 0.75, .. afterWarmup];
        for (int update = 0; update < expected.Length; update++)
            Assert.Equal(expected[update], schedule.Factor(update), 1e-15);
    }

    public static TheoryData<string> Shapes => [.. RateSchedules.All.Select(schedule => schedule.Name)];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Factor_EverySchedule_RisesToThePeakAndNeverAgainAndMovesTheWeightsToTheEnd(string shape)
    {
        foreach ((int updates, double warmup, double decay) in new[] { (1, 0, 0), (1, 1.0, 1.0), (2, 0.5, 0.5), (40, 0, 0.2), (40, 0.1, 1), (40, 1, 1), (40, 0.9, 0.9), (997, 0.05, 0) })
        {
            LearningRateSchedule schedule = LearningRateSchedule.Plan(Options(1, 1, TrainingSemantics.Corrected).With(o => o with
            {
                Schedule = o.Schedule with { Shape = shape, WarmupProportion = warmup, DecayProportion = decay },
            }), Epoch(updates));
            double[] factors = [.. Enumerable.Range(0, updates).Select(schedule.Factor)];
            Assert.All(factors, factor => Assert.InRange(factor, 1e-9, 1));
            Assert.Equal(factors[..schedule.WarmupUpdates].Order(), factors[..schedule.WarmupUpdates]);
            Assert.Equal(factors[schedule.WarmupUpdates..].OrderDescending(), factors[schedule.WarmupUpdates..]);
            if (schedule.WarmupUpdates < updates)
                Assert.Equal(1, factors[schedule.WarmupUpdates]);
        }
    }

    [Fact]
    public void Validate_UnknownSchedule_ListsTheKnownOnes()
    {
        OptionProblem problem = Assert.Single(RateSchedules.Validate(new RunOptions { Schedule = new() { Shape = "staircase" } }));
        Assert.Equal("schedule.shape", problem.Field);
        Assert.Contains("linear, cosine, constant, warmup-stable-decay", problem.Message);
    }

    /// <summary>What was stored before there were schedules to choose from is the linear one, without budgets.</summary>
    [Fact]
    public void Read_OptionsOfAnEarlierVersion_AreLinearAndWithoutBudget()
    {
        ScheduleOptions read = JsonSerializer.Deserialize<RunOptions>("""{"schedule":{"epochs":2,"warmupProportion":0.1}}""", JsonSerializerOptions.Web)!.Schedule;
        Assert.Equal((LinearRate.ScheduleName, 0, 0L), (read.Shape, read.MaxUpdates, read.MaxTokens));
    }

    /// <summary>11 micro-batches of 8 sequences of 16 tokens, 4 to an update: 512 tokens, 512 and 384 in an epoch of 1 408.</summary>
    [Theory]
    [InlineData(0, 0, 9, "schedule.epochs")]
    [InlineData(5, 0, 5, "schedule.maxUpdates")]
    [InlineData(9, 0, 9, "schedule.epochs")]
    [InlineData(int.MaxValue, long.MaxValue, 9, "schedule.epochs")]
    [InlineData(0, 1, 1, "schedule.maxTokens")]
    [InlineData(0, 512, 1, "schedule.maxTokens")]
    [InlineData(0, 513, 2, "schedule.maxTokens")]
    [InlineData(0, 1025, 3, "schedule.maxTokens")]
    [InlineData(0, 1408, 3, "schedule.maxTokens")]
    [InlineData(0, 1409, 4, "schedule.maxTokens")]
    [InlineData(2, 1409, 2, "schedule.maxUpdates")]
    [InlineData(7, 1409, 4, "schedule.maxTokens")]
    public void Plan_WithBudgets_EndsAtWhicheverComesFirst(int maxUpdates, long maxTokens, int updates, string endsBy)
    {
        RunOptions options = Options(4, 3, TrainingSemantics.Corrected).With(o => o with { Schedule = o.Schedule with { MaxUpdates = maxUpdates, MaxTokens = maxTokens } });
        LearningRateSchedule schedule = LearningRateSchedule.Plan(options, Epoch(11));
        Assert.Equal((updates, endsBy), (schedule.TotalUpdates, schedule.EndsBy));
        // The schedule is planned over what is made.
        if (updates > 1)
            Assert.Equal(1.0 / (updates - schedule.WarmupUpdates), schedule.Factor(updates - 1), 1e-12);
    }

    /// <summary>Against counting batch by batch, as the loop takes them.</summary>
    [Theory]
    [InlineData(TrainingSemantics.Corrected)]
    [InlineData(TrainingSemantics.HuggingFaceExact)]
    public void Plan_ABudgetOfTokens_IsReachedByTheLastUpdateAndByNoneBefore(TrainingSemantics semantics)
    {
        var random = new Random(4);
        for (int i = 0; i < 2000; i++)
        {
            int sequences = random.Next(1, 60), batch = random.Next(1, 9), length = random.Next(1, 7), batches = (sequences + batch - 1) / batch;
            int accumulation = random.Next(1, batches + 1), epochs = random.Next(1, 6);
            long budget = random.Next(1, sequences * length * epochs + 5);
            var epoch = new EpochSize(sequences, (long)sequences * length);
            RunOptions options = Options(accumulation, epochs, semantics).With(o => o with { Schedule = o.Schedule with { BatchSize = batch, MaxTokens = budget } });
            LearningRateSchedule schedule = LearningRateSchedule.Plan(options, epoch), without = LearningRateSchedule.Plan(
                options with { Schedule = options.Schedule with { MaxTokens = 0 } }, epoch);
            long tokens = 0;
            int updates = 0;
            for (int place = 0; updates < without.TotalUpdates && tokens < budget; updates++)
            {
                int index = updates % without.UpdatesPerEpoch, count = Math.Min(accumulation, batches - index * accumulation);
                if (semantics == TrainingSemantics.HuggingFaceExact && index == 0 && updates > 0)
                    count += batches % accumulation;
                for (; count > 0; count--, place = (place + 1) % batches)
                    tokens += (long)Math.Min(batch, sequences - place * batch) * length;
            }
            Assert.True(updates == schedule.TotalUpdates, $"{i}: {sequences} sequences, batch {batch}, accumulation {accumulation}, {epochs} epochs, budget {budget}: "
                + $"{updates} updates, planned {schedule.TotalUpdates}");
        }
    }
}
