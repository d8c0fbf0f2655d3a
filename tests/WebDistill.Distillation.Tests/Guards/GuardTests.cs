using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Guards;

/// <summary>What each guard says of recorded updates, and what it does not say.</summary>
public sealed class GuardTests
{
    private static readonly Machine s_machine = new() { MemoryBytes = 1000, FreeMemoryBytes = 500, FreeDiskBytes = 1 };

    public static TheoryData<double> Noises => [0, 0.001, 0.03, 0.2];

    [Theory]
    [MemberData(nameof(Noises))]
    public void Watch_AFallingLoss_SeesNothing(double noise) => Assert.Empty(Rows.Watched(Rows.Falling(1000, noise)));

    [Fact]
    public void Watch_ALossThatHasBecomeTinyAndFlat_SeesNoSpike() => Assert.DoesNotContain(Rows.Watched(Rows.Falling(1000, change: report => report with
    {
        // From 5 down to 1e-6, and then a hundred times as much for once: all of it is 0 beside what it was.
        TotalLoss = report.Step == 900 ? 1e-4 : Math.Max(1e-6, 5 * Math.Exp(-report.Step / 20.0)),
    })), sighting => sighting.Guard is SpikeGuard);

    [Fact]
    public void Spike_OneUpdateFarAbove_IsSeenOnceWithItsNumbers()
    {
        Sighting seen = Assert.Single(Rows.Watched(Rows.Falling(600, change: report => report.Step is 301 or 303 ? report with { TotalLoss = 6 } : report)));
        Assert.Equal(("spike", 301, 6.0), (seen.Guard.Name, seen.Step, seen.Value));
        Assert.InRange(seen.Threshold!.Value, 1.8, 3);
        Assert.StartsWith("Update 301: the total loss is 6, expected at most ", seen.Text);
    }

    [Fact]
    public void Spike_ALossThatDoublesBeforeItsSpreadIsKnown_IsSeen()
    {
        Sighting seen = Assert.Single(Rows.Watched(Rows.Falling(18, change: report => report with { TotalLoss = report.Step < 8 ? 5 : 30 })));
        // The median of three is beyond when two of them are.
        Assert.Equal(("spike", 9, 10.0), (seen.Guard.Name, seen.Step, seen.Threshold));
    }

    [Fact]
    public void Spike_OnlyOneWildUpdateAtFirst_IsNone() =>
        Assert.Empty(Rows.Watched(Rows.Falling(200, change: report => report with { TotalLoss = report.Step == 8 ? 30 : 5 - report.Step / 100.0 })));

    [Theory]
    [InlineData("ce", double.NaN, "the loss 'ce' (Distillation CE) is not a number")]
    [InlineData("gradientNorm", double.PositiveInfinity, "the gradient's norm is over 1e308")]
    public void NonFinite_OfOneNumber_IsNamed(string name, double value, string text)
    {
        Sighting seen = Assert.Single(Rows.Watched(Rows.Falling(100, change: report => report.Step < 50 ? report
            : report with { Values = new Dictionary<string, double>(report.Values) { [name] = value } })));
        Assert.Equal(("nonFinite", 50, null), (seen.Guard.Name, seen.Step, seen.Threshold));
        Assert.Contains(text, seen.Text);
    }

    [Fact]
    public void NonFinite_AnUpdateThatIsRefused_IsSeen()
    {
        var watch = new RunWatch(Rows.Options, hasTeacher: true, 100);
        Sighting seen = Assert.Single(watch.At(new TrainingDivergedException(7, "the gradient's norm", double.PositiveInfinity)));
        Assert.Equal(("nonFinite", 7, "Update 7: the gradient's norm is over 1e308, expected a finite number. The update was not made."), (seen.Guard.Name, seen.Step, seen.Text));
    }

    [Theory]
    [InlineData(0.01, true)]
    [InlineData(0.3, false)]
    public void Plateau_ALossThatStaysWhereItIs_IsSeenWhereTheNoiseAllowsToSaySo(double noise, bool isSeen)
    {
        double[] losses = [.. Rows.Falling(1000, noise).Select(report => report.TotalLoss / (1.5 + 4 * Math.Pow(report.Step, -0.4)))];
        List<Sighting> seen = Rows.Watched(Rows.Falling(1000, change: report => report with { TotalLoss = 2 * losses[report.Step - 1] }));
        Assert.Equal(isSeen ? ["plateau"] : [], seen.Select(sighting => sighting.Guard.Name).Distinct());
    }

    [Fact]
    public void Plateau_WhileTheLearningRateIsNearlyGone_IsNone() => Assert.Empty(Rows.Watched(Rows.Falling(1000, change: report =>
        report.With((LoopSeries.LearningRate, 4e-5)) with { TotalLoss = 2 })));

    [Theory]
    [InlineData(5, 0, 300)]
    [InlineData(2, 0, 240)]
    public void Validation_ThatRises_IsSeenWhenThePatienceIsOver(int patience, double minimum, int step)
    {
        RunOptions options = Rows.Options with { Guards = Rows.Options.Guards with { Patience = patience, MinimumImprovement = minimum } };
        Sighting seen = Assert.Single(Rows.Watched(Rows.Falling(400, change: Rising), options));
        Assert.Equal(("validation", step, "validationNatsPerToken"), (seen.Guard.Name, seen.Step, seen.Unit));
        Assert.Contains($"was no improvement {patience} times in a row; the best was 1 after update 200.", seen.Text);

        static StepReport Rising(StepReport report) => report.Step % 20 != 0 ? report
            : report.With((LoopSeries.ValidationNatsPerToken, 1 + Math.Abs(report.Step - 200) / 1000.0));
    }

    [Fact]
    public void Validation_ThatStaysFlat_CountsOnlyWithAMinimumImprovement()
    {
        Assert.Empty(Rows.Watched(Rows.Falling(400, change: Flat)));
        RunOptions classic = Rows.Options with { Guards = Rows.Options.Guards with { MinimumImprovement = 0.01 } };
        Assert.Equal((120, 0.99), Assert.Single(Rows.Watched(Rows.Falling(400, change: Flat), classic)) is var seen ? (seen.Step, seen.Threshold!.Value) : default);

        static StepReport Flat(StepReport report) => report.Step % 20 != 0 ? report
            : report.With((LoopSeries.ValidationNatsPerToken, report.Step == 20 ? 1 : 1 + (report.Step / 20 % 2 == 0 ? -1e-5 : 1e-5)));
    }

    /// <summary>Of a figure of which more is better it is seen that it falls, and not that it rises.</summary>
    [Theory]
    [InlineData("validationAccuracy", -1)]
    [InlineData("validationNatsPerText", 1)]
    [InlineData("validationNatsPerToken", 1)]
    public void Validation_OfARunOverClasses_FollowsTheDirectionOfItsMeasure(string measure, int worse)
    {
        RunOptions options = Rows.Options with { Guards = Rows.Options.Guards with { Measure = measure } };
        Sighting seen = Assert.Single(Rows.Watched(Told(worse), options));
        Assert.Equal(("validation", 300), (seen.Guard.Name, seen.Step));
        Assert.Equal(0.5 + 0.1 * worse, seen.Value, 1e-9);
        Assert.Equal(Math.Sign(worse), Math.Sign(seen.Value - seen.Threshold!.Value));
        Assert.Contains("was no improvement 5 times in a row; the best was 0.5 after update 200.", seen.Text);
        Assert.Empty(Rows.Watched(Told(-worse).Where(report => report.Step > 200), options));

        // The best at update 200, then worse by a thousandth with each update; the default measure is the loss on the held-out data, whatever it is one of.
        IEnumerable<StepReport> Told(int direction) => Rows.Falling(400, change: report => new StepReport(report.Step, report.Epoch, report.TokensSeen, report.TotalLoss,
            report.Values.Where(pair => !pair.Key.StartsWith("validation", StringComparison.Ordinal)).ToDictionary()) is var bare && report.Step % 20 != 0 ? bare
            : bare.With((measure == "validationAccuracy" ? LoopSeries.ValidationAccuracy : LoopSeries.ValidationNatsPerText, 0.5 + direction * Math.Abs(report.Step - 200) / 1000.0)));
    }

    [Fact]
    public void Validation_ANoisyMeasureThatFalls_IsNone()
    {
        RunOptions options = Rows.Options with { Guards = Rows.Options.Guards with { Measure = "totalLoss", Patience = 20 } };
        Assert.Empty(Rows.Watched(Rows.Falling(1000), options));
    }

    [Fact]
    public void Validation_OfAnotherMeasure_LooksAtThatOne()
    {
        RunOptions options = Rows.Options with { Guards = Rows.Options.Guards with { Measure = "cos" } };
        Sighting seen = Assert.Single(Rows.Watched(Rows.Falling(200, change: report =>
            report with { Values = new Dictionary<string, double>(report.Values) { ["cos"] = report.Step < 100 ? 1 - report.Step / 1000.0 : report.Step / 100.0 } }), options));
        Assert.Equal(("validation", "cos"), (seen.Guard.Name, seen.Unit));
    }

    [Fact]
    public void NoOp_ATermThatNeverChanges_IsSeenAndNamed()
    {
        Sighting seen = Assert.Single(Rows.Watched(Rows.Falling(100, change: report => report with { Values = new Dictionary<string, double>(report.Values) { ["cos"] = 0.25 } })));
        Assert.Equal(("noOp", 20, 0.25), (seen.Guard.Name, seen.Step, seen.Value));
        Assert.Contains("'cos'", seen.Text);
    }

    [Fact]
    public void NoOp_AGradientOfZero_IsSeen()
    {
        Sighting seen = Assert.Single(Rows.Watched(Rows.Falling(100, change: report => report.With((LoopSeries.GradientNorm, 0)))));
        Assert.Equal(("noOp", 10, 0.0), (seen.Guard.Name, seen.Step, seen.Value));
    }

    [Fact]
    public void Throughput_ATenthOfTheUsualSpeed_IsSeenAfterHalfAMinute()
    {
        List<StepReport> rows = [.. Rows.Falling(200, change: report => report.Step <= 120 ? report
            : report.With((LoopSeries.StepSeconds, 10), (LoopSeries.TokensPerSecond, 100)))];
        Sighting seen = Assert.Single(Rows.Watched(rows));
        Assert.Equal(("throughput", "tokens/s"), (seen.Guard.Name, seen.Unit));
        Assert.InRange(seen.Step, 121, 160);
        // The first of the pieces may have begun before the collapse.
        Assert.InRange(seen.Value, 100, seen.Threshold!.Value);
        Assert.InRange(seen.Threshold!.Value, 250, 300);
    }

    [Fact]
    public void Throughput_HalfTheSpeed_IsASharedMachine() => Assert.Empty(Rows.Watched(Rows.Falling(300, change: report => report.Step <= 120 ? report
        : report.With((LoopSeries.StepSeconds, 2.2), (LoopSeries.TokensPerSecond, 450)))));

    [Fact]
    public void Stall_NoUpdateForLong_IsSeenOnceUntilTheNextUpdate()
    {
        var watch = new RunWatch(Rows.Options, hasTeacher: true, 1000);
        Assert.Empty(watch.At(new Moment(599, s_machine)));
        Assert.Equal("stall", Assert.Single(watch.At(new Moment(601, s_machine))).Guard.Name);
        foreach (StepReport report in Rows.Falling(100))
            Assert.Empty(watch.After(report, 2));
        // 60 s, and as long as 65 536 tokens of a measurement take at a thousand a second.
        Assert.Empty(watch.At(new Moment(100, s_machine)));
        Sighting seen = Assert.Single(watch.At(new Moment(140, s_machine)));
        Assert.Equal(("stall", 100, 140.0, "s"), (seen.Guard.Name, seen.Step, seen.Value, seen.Unit));
        Assert.InRange(seen.Threshold!.Value, 115, 140);
        Assert.Empty(watch.At(new Moment(1000, s_machine)));
        watch.After(Rows.Falling(101).Last(), 1000);
        // What was once so long may be so long again.
        Assert.Empty(watch.At(new Moment(2900, s_machine)));
        Assert.Single(watch.At(new Moment(3100, s_machine)));
    }

    [Fact]
    public void Memory_LittleFreeAtThreeLooks_IsSeenOnce()
    {
        var watch = new RunWatch(Rows.Options, hasTeacher: true, 1000);
        List<Sighting> seen = [.. new[] { 500, 40, 40, 60, 40, 40, 40, 40, 80, 40, 40, 40 }.SelectMany(free => watch.At(new Moment(1, s_machine with { FreeMemoryBytes = free })))];
        Assert.Equal(("memory", 40.0, 50.0, "bytes"), Assert.Single(seen) is var one ? (one.Guard.Name, one.Value, one.Threshold!.Value, one.Unit) : default);
        Assert.Empty(watch.At(new Moment(1, s_machine)));
        Assert.Equal(1, Enumerable.Range(0, 5).Sum(_ => watch.At(new Moment(1, s_machine with { FreeMemoryBytes = 1 })).Count));
    }

    /// <summary>What a guard remembers is a function of the recorded updates: a run that was cut anywhere is seen as one that was not.</summary>
    [Fact]
    public void Replay_CutAnywhere_SeesWhatAnUncutWatchSees()
    {
        StepReport[] rows = [.. Rows.Falling(400, change: report => report.Step switch
        {
            151 or 301 => report with { TotalLoss = 9 },
            321 => report with { TotalLoss = double.NaN },
            _ when report.Step % 20 == 0 => report.With((LoopSeries.ValidationNatsPerToken, 1 + Math.Abs(report.Step - 200) / 1000.0)),
            _ => report,
        })];
        List<Sighting> whole = Rows.Watched(rows);
        Assert.Equal(["nonFinite", "spike", "validation"], whole.Select(seen => seen.Guard.Name).Distinct().Order());
        foreach (int cut in new[] { 1, 3, 19, 20, 100, 150, 151, 152, 301, 305, 399 })
        {
            var watch = new RunWatch(Rows.Options, hasTeacher: true, 1000);
            watch.Replay(rows[..cut]);
            List<Sighting> rest = [.. rows[cut..].SelectMany(report => watch.After(report, 1))];
            Assert.Equal(whole.Where(seen => seen.Step > cut), rest);
        }
    }

    [Fact]
    public void Replay_ForGuardsThatWereNotAsked_SpeaksOfWhatHoldsStill()
    {
        StepReport[] rows = [.. Rows.Falling(401, change: report => report.Step % 20 == 0 || report.Step == 401
            ? report.With((LoopSeries.ValidationNatsPerToken, 1 + Math.Abs(report.Step - 200) / 1000.0), (LoopSeries.GradientNorm, 0)) : report.With((LoopSeries.GradientNorm, 0)))];
        foreach (bool wereJudged in new[] { true, false })
        {
            var watch = new RunWatch(Rows.Options, hasTeacher: true, 1000);
            watch.Replay(rows[..400], wereJudged);
            Assert.Equal(wereJudged ? [] : ["validation", "noOp"], watch.After(rows[400], 1).Select(seen => seen.Guard.Name));
        }
    }

    [Fact]
    public void LastGood_OfCheckpoints_IsTheNewestWhoseLossWasGoodAndThenAnEarlierOne()
    {
        var watch = new RunWatch(Rows.Options, hasTeacher: true, 1000);
        watch.Replay(Rows.Falling(200, change: report => report.Step is >= 150 and < 180 ? report with { TotalLoss = 20 } : report));
        Assert.Equal(140, watch.LastGood([100, 140, 160, 170], alarm: 175, before: null));
        Assert.Equal(100, watch.LastGood([100, 140, 160, 170], alarm: 175, before: 140));
        Assert.Equal(190, watch.LastGood([100, 140, 190, 200], alarm: 200, before: null));
        Assert.Equal(0, watch.LastGood([100, 140], alarm: 175, before: 100));
        Assert.Equal(0, watch.LastGood([], alarm: 175, before: null));
    }

    [Fact]
    public void LastGood_BeforeTheSpreadIsKnown_IsNotFarAboveTheFirstUpdate()
    {
        var watch = new RunWatch(Rows.Options, hasTeacher: true, 1000);
        watch.Replay(Rows.Falling(5, change: report => report with { TotalLoss = Math.Pow(2, report.Step) }));
        Assert.Equal(0, watch.LastGood([2, 4], alarm: 6, before: null));
    }

    [Theory]
    [InlineData(GuardPreset.Off, GuardResponse.ByPreset, GuardResponse.Off)]
    [InlineData(GuardPreset.Watch, GuardResponse.ByPreset, GuardResponse.Watch)]
    [InlineData(GuardPreset.Act, GuardResponse.ByPreset, GuardResponse.RollBack)]
    [InlineData(GuardPreset.Act, GuardResponse.Off, GuardResponse.Off)]
    [InlineData(GuardPreset.Off, GuardResponse.Pause, GuardResponse.Pause)]
    public void Response_OfOneGuard_IsItsOwnOrThePresets(GuardPreset preset, GuardResponse own, GuardResponse expected)
    {
        var options = new GuardOptions { Preset = preset, Spike = own };
        Assert.Equal(expected, new SpikeGuard().Response(options));
        RunOptions run = Rows.Options with { Guards = options };
        List<Sighting> seen = Rows.Watched(Rows.Falling(300, change: report => report.Step == 200 ? report with { TotalLoss = 9 } : report), run);
        Assert.Equal(expected == GuardResponse.Off ? 0 : 1, seen.Count);
    }

    [Fact]
    public void Catalogue_EveryGuard_HasAnOptionOfItsNameAndSaysWhatItDoes()
    {
        OptionSchema schema = OptionSchema.Of<RunOptions>();
        Assert.Equal(schema.Fields.Where(field => field.Path.StartsWith("guards.", StringComparison.Ordinal) && field.Path != "guards.preset" && field.Kind == OptionKind.Choice
            && field.Choices is not null).Select(field => field.Path["guards.".Length..]).Order(), GuardCatalogue.All.Select(guard => guard.Name).Order());
        foreach (Guard guard in GuardCatalogue.All)
        {
            var options = new GuardOptions();
            typeof(GuardOptions).GetProperty(char.ToUpperInvariant(guard.Name[0]) + guard.Name[1..])!.SetValue(options, GuardResponse.Stop);
            Assert.Equal(GuardResponse.Stop, guard.Response(options));
            Assert.Single(GuardCatalogue.All, other => other.Response(options) == GuardResponse.Stop);
            Assert.DoesNotContain(guard.WhenActing, new[] { GuardResponse.ByPreset, GuardResponse.Off });
            Assert.EndsWith(".", guard.Rule);
        }
    }

    [Fact]
    public void Validate_WhatIsNoMeasureAndWhatCannotHelp_AreProblemsOfTheirFields()
    {
        RunOptions options = Rows.Options with { Data = new() { DatasetId = "d" } };
        Assert.Empty(GuardCatalogue.Validate(options));
        OptionProblem problem = Assert.Single(GuardCatalogue.Validate(options with { Guards = new() { Measure = "mse" } }));
        Assert.Equal("guards.measure", problem.Field);
        Assert.Contains("totalLoss, ce, clm, cos, validationPerplexity, validationNatsPerToken", problem.Message);
        Assert.Equal(["guards.stall", "guards.throughput", "guards.memory"], (options with { Guards = new() { Stall = GuardResponse.RollBack, Memory = GuardResponse.RollBack,
            Throughput = GuardResponse.RollBack } }).Validate().Select(found => found.Field));
    }
}
