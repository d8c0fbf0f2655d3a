using WebDistill.Web.Compare;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Compare;

/// <summary>What must hold of every verdict, on thousands of drawn experiments; the same ones each time.</summary>
public sealed class VerdictTests
{
    private const int Draws = 1000;

    private static readonly VerdictMeasure s_measure = new("Validation perplexity", "", Figures.Perplexity, size => Figures.Significant(size, 2));

    [Fact]
    public void Word_TheArmsExchanged_IsTheOppositeOrTheSame() => OnPairs((a, b, _) =>
    {
        VerdictComparison forward = Verdict.Of(s_measure, [a, b], b).Comparisons[0], back = Verdict.Of(s_measure, [a, b], a).Comparisons[0];
        bool isEqual = forward.Difference is { Mean: 0, HalfWidth: 0 };
        Assert.Equal(forward.Word switch { VerdictWord.Beats => VerdictWord.NoBeats, VerdictWord.NoBeats when !isEqual => VerdictWord.Beats, var other => other }, back.Word);
        Assert.Equal(forward.Difference?.Count, back.Difference?.Count);
        if (forward.Difference is SampleMean difference)
            Assert.Equal(-difference.Mean, back.Difference!.Mean);
    });

    [Fact]
    public void Word_AllValuesShiftedOrScaled_StaysTheSame() => OnPairs((a, b, random) =>
    {
        // Whole numbers and powers of two: exact in binary, so that nothing is rounded differently.
        double shift = random.Next(-1000, 1000), scale = Math.Pow(2, random.Next(-3, 4));
        VerdictArm[] moved = [Map(a, (_, value) => scale * (value + shift)), Map(b, (_, value) => scale * (value + shift))];
        Assert.Equal(Verdict.Of(s_measure, [a, b]).Word, Verdict.Of(s_measure, moved).Word);
    });

    [Fact]
    public void Word_WhereMoreIsBetter_IsThatOfTheNegatedValues() => OnPairs((a, b, _) =>
    {
        VerdictMeasure higher = s_measure with { HigherIsBetter = true };
        VerdictArm[] negated = [Map(a, (_, value) => -value), Map(b, (_, value) => -value)];
        Verdict of = Verdict.Of(s_measure, [a, b]), turned = Verdict.Of(higher, negated);
        Assert.Equal(of.Word, turned.Word);
        Assert.Equal(of.Reference?.Title, turned.Reference?.Title);
        Assert.Equal(Verdict.Of(s_measure, [a, b], b).Comparisons[0].Word, Verdict.Of(higher, negated, negated[1]).Comparisons[0].Word);
    });

    [Fact]
    public void Word_ASeedThatIsHardForBoth_ChangesNothing() => OnPairs((a, b, random) =>
    {
        Dictionary<string, double> hard = a.BySeed.Keys.Union(b.BySeed.Keys).ToDictionary(seed => seed, _ => (double)random.Next(0, 100));
        VerdictArm[] harder = [Map(a, (seed, value) => value + hard[seed]), Map(b, (seed, value) => value + hard[seed])];
        Assert.Equal(Verdict.Of(s_measure, [a, b], b).Comparisons[0].Word, Verdict.Of(s_measure, harder, harder[1]).Comparisons[0].Word);
    });

    [Fact]
    public void Word_ArmsAndRunsInAnotherOrder_StaysTheSame() => OnPairs((a, b, random) =>
    {
        VerdictArm shuffled = a with { Values = [.. a.Values.OrderBy(_ => random.Next())] };
        Verdict first = Verdict.Of(s_measure, [a, b]), second = Verdict.Of(s_measure, [b, new VerdictArm(a.Title, shuffled.Values)]);
        Assert.Equal((first.Word, first.Sentence), (second.Word, second.Sentence));
    });

    [Fact]
    public void Word_FewerThanTwoSharedSeeds_IsNeverAVerdict()
    {
        var random = new Random(3);
        for (int i = 0; i < Draws; i++)
        {
            // One seed in common, or none, however many runs there are.
            VerdictArm a = Arm("A", [.. Enumerable.Range(0, 4).Select(seed => ($"a{seed}", Draw(random, 1))), ("1", 0)]);
            VerdictArm b = Arm("B", [.. Enumerable.Range(0, 4).Select(seed => ($"b{seed}", Draw(random, 1000))), (random.Next(2) == 0 ? "1" : "2", 1000)]);
            foreach (VerdictArm? baseline in (VerdictArm?[])[null, a, b])
                Assert.Equal(VerdictWord.Inconclusive, Verdict.Of(s_measure, [a, b], baseline).Word);
        }
        // The same run under the same seed twice is one seed.
        Verdict repeated = Verdict.Of(s_measure, [Arm("A", ("1", 1), ("1", 1.1)), Arm("B", ("1", 3), ("1", 3.1))]);
        Assert.Equal(VerdictWord.Inconclusive, repeated.Word);
        Assert.Contains("at least one more seed", repeated.Sentence);
    }

    [Fact]
    public void Word_NumbersThatCannotBeCompared_IsNeverAVerdict() => OnPairs((a, b, _) =>
    {
        Verdict verdict = Verdict.Of(s_measure, [a, b], null, "The runs read different texts.");
        Assert.Equal((VerdictWord.Inconclusive, "The runs read different texts."), (verdict.Word, verdict.Sentence));
        Assert.Empty(verdict.Comparisons);
    });

    [Theory]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NaN)]
    public void Word_AValueThatIsNotFinite_IsNeverAVerdict(double value)
    {
        VerdictArm sound = Arm("Sound", ("1", 2), ("2", 2.1), ("3", 2.05)), diverged = Arm("Diverged", ("1", 5), ("2", value), ("3", 5));
        Assert.Equal(VerdictWord.Inconclusive, Verdict.Of(s_measure, [sound, diverged]).Word);
        Assert.Equal("Sound", Verdict.Of(s_measure, [diverged, sound]).Reference!.Title);
        Assert.Contains("not finite", Verdict.Of(s_measure, [sound, diverged], sound).Sentence);
    }

    [Fact]
    public void Word_EqualValues_NoArmBeatsTheOther()
    {
        VerdictArm a = Arm("A", ("1", 2), ("2", 3)), b = Arm("B", ("1", 2), ("2", 3));
        foreach (VerdictArm? baseline in (VerdictArm?[])[null, a, b])
            Assert.Equal(VerdictWord.NoBeats, Verdict.Of(s_measure, [a, b], baseline).Word);
    }

    [Fact]
    public void Word_MoreArms_NeverMakesAnOpenComparisonSure() => OnPairs((a, b, random) =>
    {
        VerdictArm[] more = [a, b, .. Enumerable.Range(0, 3).Select(i => Map(a, (_, value) => value + Draw(random, 3)) with { Title = $"C{i}" })];
        VerdictWord alone = Verdict.Of(s_measure, [a, b], b).Comparisons[0].Word;
        VerdictWord among = Verdict.Of(s_measure, more, b).Comparisons.Single(one => ReferenceEquals(one.Arm, a)).Word;
        if (alone == VerdictWord.Inconclusive)
            Assert.Equal(VerdictWord.Inconclusive, among);
    });

    [Theory]
    [InlineData(2, 3)]
    [InlineData(5, 3)]
    [InlineData(4, 8)]
    public void Word_NothingButChance_ClaimsAnythingInAtMostFivePerCent(int arms, int seeds)
    {
        var random = new Random(11);
        int claims = 0, draws = 4000;
        for (int i = 0; i < draws; i++)
        {
            VerdictArm[] drawn = [.. Enumerable.Range(0, arms).Select(arm => Arm($"A{arm}", [.. Enumerable.Range(0, seeds).Select(seed => ($"{seed}", Normal(random)))]))];
            claims += Verdict.Of(s_measure, drawn).Comparisons.Any(one => one.Word == VerdictWord.NoBeats) ? 1 : 0;
        }
        // 5 % and what three standard deviations of so many draws add.
        Assert.InRange(claims / (double)draws, 0, 0.05 + 3 * Math.Sqrt(0.05 * 0.95 / draws));
    }

    [Fact]
    public void Of_ThreeSeedsByHand_SaysTheIntervalAndTheSentence()
    {
        VerdictArm text = Arm("Text alone", ("1", 2.00), ("2", 2.10), ("3", 2.20)), distilled = Arm("Temperature 4", ("1", 1.90), ("2", 1.99), ("3", 2.11));
        Verdict verdict = Verdict.Of(s_measure, [text, distilled], text);
        // d = -0.10, -0.11, -0.09: mean -0.10, s 0.01, half width 4.30265 · 0.01 / √3 = 0.0248.
        Assert.Equal(VerdictWord.Beats, verdict.Word);
        Assert.Equal(0.0248, verdict.Comparisons[0].Difference!.HalfWidth!.Value, 4);
        Assert.Equal("Seed by seed, Temperature 4 is better than Text alone by 0.10 ±\u00a00.025 (95\u202f% interval, n = 3): the interval does not contain 0.", verdict.Sentence);
        Assert.Equal(VerdictWord.NoBeats, Verdict.Of(s_measure, [text, distilled], distilled).Word);
        Assert.Equal(VerdictWord.Beats, Verdict.Of(s_measure, [text, distilled]).Word);
    }

    [Fact]
    public void Of_SeveralArms_WidensEveryInterval()
    {
        VerdictArm[] arms = [.. Enumerable.Range(0, 4).Select(i => Arm($"A{i}", ("1", i), ("2", i + 0.1), ("3", i - 0.1)))];
        // Three against a baseline, six pairs where the values have chosen the best.
        Assert.Equal(1 - 0.05 / 3, Verdict.Of(s_measure, arms, arms[3]).Confidence, 12);
        Assert.Equal(1 - 0.05 / 6, Verdict.Of(s_measure, arms).Confidence, 12);
    }

    [Fact]
    public void Of_ArmsThatAreNotComplete_SaysWhatIsMissing()
    {
        VerdictArm done = Arm("Done", ("1", 2), ("2", 2.5)), waits = new("Waits", [], 2);
        Assert.Contains("Only Done has a complete run", Verdict.Of(s_measure, [done, waits]).Sentence);
        Assert.Contains("no complete run yet", Verdict.Of(s_measure, [done, Arm("Other", ("1", 3), ("2", 3.5)), waits], waits).Sentence);
        Assert.Contains("alone is compared with nothing", Verdict.Of(s_measure, [done]).Sentence);
    }

    // Pairs of arms with two to five seeds, most of them shared, with effects from none to large; among them equal ones.
    private static void OnPairs(Action<VerdictArm, VerdictArm, Random> check)
    {
        for (int i = 0; i < Draws; i++)
        {
            var random = new Random(i);
            int seeds = random.Next(2, 6);
            double effect = random.Next(0, 4) * 0.5;
            VerdictArm a = Arm("A", [.. Enumerable.Range(0, seeds).Select(seed => ($"{seed}", Draw(random, 4)))]);
            VerdictArm b = random.Next(10) == 0 ? a with { Title = "B" } : Map(a, (_, value) => value + effect + Draw(random, 1)) with { Title = "B" };
            if (random.Next(4) == 0)
                b = new VerdictArm("B", [.. b.Values.Take(seeds - 1), new VerdictValue(Guid.NewGuid(), "other", 1)]);
            check(a, b, random);
        }
    }

    // Multiples of 1/1024.
    private static double Draw(Random random, int most) => random.Next(0, most * 1024) / 1024.0;

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static VerdictArm Arm(string title, params (string Seed, double Value)[] values) =>
        new(title, [.. values.Select(value => new VerdictValue(Guid.NewGuid(), value.Seed, value.Value))]);

    private static VerdictArm Map(VerdictArm arm, Func<string, double, double> change) =>
        new(arm.Title, [.. arm.Values.Select(value => value with { Value = change(value.Seed, value.Value) })]);
}
