using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class BayesianSearchTests
{
    private static readonly SweepDimension _rate = new()
    {
        Name = "rate", Range = new SweepRange { Option = "optimiser.learningRate", Minimum = 1e-5, Maximum = 1e-1, Logarithmic = true },
    };

    private static readonly SweepDimension _temperature = new()
    {
        Name = "T", Range = new SweepRange { Option = "objective.ce.temperature", Minimum = 1, Maximum = 20 },
    };

    [Fact]
    public void Predict_TwoPoints_IsTheirPosteriorByHand()
    {
        // K = (1 c; c 1) with c = k(1) = (1 + √5 + 5/3) exp(-√5) = 0.523994; K⁻¹ (1, -1) = (1, -1) / (1 - c).
        var process = new GaussianProcess([[0], [1]], [1, -1], [0, 0], [1]);
        Assert.Equal((0, 0.098869), Rounded(process.Predict([0.5])));
        Assert.Equal((0.57838, 0.052317), Rounded(process.Predict([0.25])));
        Assert.Equal((1, 0), Rounded(process.Predict([0])));
        Assert.Equal(-3.778196, process.LogLikelihood, 6);
        // Of length scale 2 the same distances are half as far.
        Assert.Equal(Rounded(process.Predict([0.25])), Rounded(new GaussianProcess([[0], [2]], [1, -1], [0, 0], [2]).Predict([0.5])));
        // Noise as large as the signal: K + N = (2 c; c 2).
        Assert.Equal(1 / (2 - 0.523994) * (1 - 0.523994), new GaussianProcess([[0], [1]], [1, -1], [1, 1], [1]).Predict([0]).Mean, 6);

        static (double, double) Rounded((double Mean, double Variance) of) => (Math.Round(of.Mean, 6) + 0.0, Math.Round(of.Variance, 6));
    }

    [Theory]
    [InlineData(1, 0.25, 1, 0.199471140)]
    [InlineData(1, 0.25, 1.5, 0.541657735)]
    [InlineData(1, 0.25, 0.5, 0.041657735)]
    [InlineData(1, 0, 3, 2)]
    [InlineData(3, 0, 1, 0)]
    [InlineData(1000, 0.01, 0, 0)]
    public void ExpectedImprovement_IsItsClosedForm(double mean, double variance, double lowest, double expected) =>
        Assert.Equal(expected, GaussianProcess.ExpectedImprovement(mean, variance, lowest), 8);

    [Fact]
    public void ExpectedImprovement_AtMeasuredPointsWithoutNoise_IsZeroAndElsewhereIsNot()
    {
        double[][] points = [[0.1, 0.2], [0.5, 0.9], [0.8, 0.3]];
        double[] values = [0.5, -1.2, 0.7];
        var process = new GaussianProcess(points, values, [0, 0, 0], [0.4, 0.8]);
        foreach (double[] point in points)
            Assert.Equal(0, At(point), 6);
        Assert.True(At([0.4, 0.8]) > 0.01);

        double At(double[] point)
        {
            (double mean, double variance) = process.Predict(point);
            return GaussianProcess.ExpectedImprovement(mean, variance, values.Min());
        }
    }

    [Fact]
    public void Fit_ADimensionWithoutInfluence_TakesTheLongestScaleForIt()
    {
        double[][] points = [.. Enumerable.Range(0, 16).Select(i => new[] { i / 15.0, i * 7 % 16 / 15.0 })];
        double[] values = [.. points.Select(point => Math.Sin(6 * point[0]))];
        GaussianProcess fitted = GaussianProcess.Fit(points, values, [.. points.Select(_ => 1e-4)], [0, 1]);
        Assert.True(fitted.LogLikelihood > new GaussianProcess(points, values, [.. points.Select(_ => 1e-4)], [0.4, 0.4]).LogLikelihood);
        // What was never measured there is the same as where it was.
        Assert.Equal(Math.Sin(6 * 0.4), fitted.Predict([0.4, 0.0]).Mean, 1);
        Assert.Equal(Math.Sin(6 * 0.4), fitted.Predict([0.4, 1.0]).Mean, 1);
    }

    [Fact]
    public void Search_OfAKnownFunction_FindsALowerValueThanRandomWithAsManyPoints()
    {
        (double Bayesian, double Random)[] found = [.. Enumerable.Range(1, 10).Select(seed =>
        {
            SweepPlan plan = Plan(_rate, _temperature) with { DrawSeed = seed, Draws = 20, FirstPoints = 5 };
            return (Search(plan).Min(point => point.Value), Drawn(plan with { Strategy = SweepStrategy.Random }).Min(point => point.Value));
        })];
        string figures = string.Join(", ", found.Select(pair => $"{pair.Bayesian:F3} against {pair.Random:F3}"));
        Assert.True(found.Count(pair => pair.Bayesian < pair.Random) >= 7, figures);
        // Branin's minimum is 0.398.
        Assert.True(found.Average(pair => pair.Bayesian) < 1, figures);
    }

    [Fact]
    public void Ranked_SamePlanAndFigures_ProposesTheSameInAnyOrderAndNothingTwice()
    {
        SweepPlan plan = Plan(_rate, _temperature) with { Draws = 8, FirstPoints = 4 };
        string[] once = [.. Search(plan).Select(point => point.Point.Title)], again = [.. Search(plan, reversed: true).Select(point => point.Point.Title)];
        Assert.Equal(once, again);
        Assert.Equal(8, once.Distinct().Count());
        Assert.NotEqual(once[4..], Search(plan with { DrawSeed = 2 }).Select(point => point.Point.Title).Skip(4));
    }

    [Fact]
    public void Ranked_FewPossiblePoints_AreAllProposedBeforeItEnds()
    {
        SweepPlan plan = Plan(
            new SweepDimension { Name = "init", Values = [.. new[] { "random", "teacher-layers" }.Select(init => SweepValue.Of("student.initialisation", init))] },
            new SweepDimension { Name = "layers", Range = new SweepRange { Option = "student.layerCount", Minimum = 1, Maximum = 3 } },
            new SweepDimension { Name = "seed", Values = [SweepValue.Of("seed", 1L), SweepValue.Of("seed", 2L)] }) with { Draws = 6, FirstPoints = 2 };
        List<MeasuredPoint> measured = [Point("random", "2"), Point("teacher-layers", "3")];
        while (SweepProposer.Ranked(plan, measured) is [IReadOnlyList<SweepValue>[] next, ..])
        {
            Assert.Equal(2, plan.PointsOf(next).Count);
            measured.Add(new MeasuredPoint(next, [measured.Count, measured.Count + 1]));
        }
        Assert.Equal(6, measured.Select(point => SweepDraws.Key(plan.Dimensions, point.Draw)).Distinct().Count());

        MeasuredPoint Point(string init, string layers) => new(
            [[SweepValue.Of("student.initialisation", init)], [SweepValue.Of("student.layerCount", long.Parse(layers, null))], plan.Dimensions[2].Values], [1, 2]);
    }

    [Fact]
    public void Encode_RangesListsAndChoices_LieBetween0And1()
    {
        var space = new SweepSpace([_rate, _temperature,
            new SweepDimension { Name = "layers", Values = [.. new[] { 8L, 2, 4 }.Select(layers => SweepValue.Of("student.layerCount", layers))] },
            new SweepDimension { Name = "seed", Values = [SweepValue.Of("seed", 1L)] },
            new SweepDimension { Name = "init", Values = [.. new[] { "random", "teacher-layers" }.Select(init => SweepValue.Of("student.initialisation", init))] }]);
        Assert.Equal([0, 1, 2, 3, 3], space.DimensionOf);
        double[] encoded = space.Encode([[SweepValue.Of("optimiser.learningRate", 1e-3)], [SweepValue.Of("objective.ce.temperature", 20.0)], [SweepValue.Of("student.layerCount", 4L)],
            [SweepValue.Of("seed", 1L)], [SweepValue.Of("student.initialisation", "teacher-layers")]]);
        // Two choices differ by √½ in two coordinates, and lie 1 apart.
        Assert.Equal([0.5, 1, 0.5, 0, 0.707107], encoded.Select(value => Math.Round(value, 6)));
    }

    [Fact]
    public void Standardised_AFailedPoint_CountsAsTheWorstThatWasSeen_AndTheSpreadOfSeedsIsTheNoise()
    {
        IReadOnlyList<SweepValue>[] draw = [];
        (double[] values, double[] noise) = SweepProposer.Standardised([new(draw, [1, 3]), new(draw, [6, 6]), new(draw, null), new(draw, [4, 4])]);
        Assert.Equal(values[1], values[2]);
        Assert.Equal((0, 1), (Math.Round(values.Average(), 12), Math.Round(values.Average(value => value * value), 12)));
        // Means 2, 6, 6, 4: variance 2.75. Squares of 2 in all over 3 degrees of freedom.
        Assert.Equal([0.121212, 0.121212, 0.242424, 0.121212], noise.Select(one => Math.Round(one, 6)));
        // All failed: nothing is known, and a point is proposed all the same.
        Assert.Equal([0, 0], SweepProposer.Standardised([new(draw, null), new(draw, null)]).Values);
    }

    [Fact]
    public void Measured_PerplexitiesOfRuns_AreLosses_AndOneThatFailedOrDivergedHasNone()
    {
        SweepPlan plan = Plan(_rate);
        Assert.Equal([Math.Log(20)], SweepProposals.Measured(plan, Group((20, RunStatus.Completed))).Values);
        Assert.Null(SweepProposals.Measured(plan, Group((20, RunStatus.Completed), (20, RunStatus.Failed))).Values);
        Assert.Null(SweepProposals.Measured(plan, Group((20, RunStatus.Stopped))).Values);
        Assert.Null(SweepProposals.Measured(plan, Group((double.PositiveInfinity, RunStatus.Completed))).Values);
        Assert.Equal(2e-4, SweepProposals.Measured(plan, Group((20, RunStatus.Completed))).Draw[0][0].Changes["optimiser.learningRate"].GetDouble());

        static SweepGroup Group(params (double Value, RunStatus Status)[] runs) => new([KeyValuePair.Create("rate", "2e-4")],
            [.. runs.Select(run => new SweepRun(new Run { Name = "", OptionsJson = "", Status = run.Status }, [KeyValuePair.Create("rate", "2e-4")], run.Value, null))], null, false);
    }

    [Fact]
    public void Validate_WhatCannotBeSearched_IsSaidAtItsField()
    {
        SweepPlan plan = Plan(_rate) with { Draws = 5, FirstPoints = 3 };
        Assert.Empty(plan.Validate());
        Assert.Equal((5, 3), (plan.RunCount, plan.Expand().Count));
        Assert.Equal(["halving"], Fields(plan with { Halving = new SweepHalving() }));
        Assert.Equal(["firstPoints"], Fields(plan with { FirstPoints = 1 }));
        Assert.Equal(["firstPoints"], Fields(plan with { FirstPoints = 5 }));
        Assert.Equal(["draws"], Fields(plan with { Draws = 0 }));
        Assert.Equal(["draws"], Fields(plan with { Dimensions = [new SweepDimension { Name = "T", Values = [SweepValue.Of("objective.ce.temperature", 1.0)] }] }));
        Assert.Equal(["draws"], Fields(plan with { Draws = 501 }));

        static IEnumerable<string> Fields(SweepPlan of) => of.Validate().Select(problem => problem.Field);
    }

    private static SweepPlan Plan(params SweepDimension[] dimensions) => new() { Name = "Search", Dimensions = dimensions, Strategy = SweepStrategy.Bayesian };

    // The first points, and then what is proposed after each.
    private static List<(SweepPoint Point, double Value)> Search(SweepPlan plan, bool reversed = false)
    {
        List<(SweepPoint Point, double Value)> found = Drawn(plan);
        List<MeasuredPoint> measured = [.. found.Select(one => new MeasuredPoint([.. plan.Dimensions.Select(dimension => (IReadOnlyList<SweepValue>)
            [new SweepValue { Label = one.Point.Labels.First(label => label.Key == dimension.Name).Value, Changes = one.Point.Changes }])], [one.Value]))];
        while (found.Count < plan.Draws)
        {
            IReadOnlyList<SweepValue>[] next = SweepProposer.Ranked(plan, reversed ? [.. measured.AsEnumerable().Reverse()] : measured)[0];
            SweepPoint point = plan.PointsOf(next)[0];
            found.Add((point, Branin(point)));
            measured.Add(new MeasuredPoint(next, [found[^1].Value]));
        }
        return found;
    }

    private static List<(SweepPoint Point, double Value)> Drawn(SweepPlan plan) => [.. plan.Expand().Select(point => (point, Branin(point)))];

    // Branin 1972, with the logarithm of the rate along x from -5 to 10 and the temperature along y from 0 to 15.
    private static double Branin(SweepPoint point)
    {
        double x = -5 + (15 * (Math.Log10(point.Changes["optimiser.learningRate"].GetDouble()) + 5) / 4);
        double y = 15 * (point.Changes["objective.ce.temperature"].GetDouble() - 1) / 19;
        double valley = y - (5.1 / (4 * Math.PI * Math.PI) * x * x) + (5 / Math.PI * x) - 6;
        return (valley * valley) + (10 * (1 - (1 / (8 * Math.PI))) * Math.Cos(x)) + 10;
    }
}
