using System.Globalization;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SweepPlanTests
{
    private static double Temperature(RunOptions options) => (double)LossCatalogue.RunSchema.Find("objective.ce.temperature").Value(options)!;

    private static readonly SweepDimension _temperatures = Values("T", "objective.ce.temperature", 1, 4);
    private static readonly SweepDimension _seeds = Values("seed", "seed", 1, 2, 3);

    [Fact]
    public void Expand_Grid_LastDimensionChangesFastest()
    {
        SweepPlan plan = Plan(_temperatures, _seeds);
        Assert.Equal(
            ["T = 1, seed 1", "T = 1, seed 2", "T = 1, seed 3", "T = 4, seed 1", "T = 4, seed 2", "T = 4, seed 3"],
            plan.Expand().Select(point => point.Title));
        Assert.Equal(6, plan.RunCount);
        RunOptions last = Options(plan, 5);
        Assert.Equal(("Study: T = 4, seed 3", 4, 3), (last.Name, Temperature(last), last.Seed));
        // What no dimension changes is the base's.
        Assert.Equal(Json(plan.Options with { Name = last.Name, Objective = Terms.Of(temperature: 4), Seed = 3 }), Json(last));

        static string Json(RunOptions options) => LossCatalogue.RunSchema.Write(options, WebJson.Options).ToJsonString();
    }

    [Fact]
    public void Expand_ValueOfSeveralChanges_ChangesAllOfThem()
    {
        SweepDimension objective = new()
        {
            Name = "objective",
            Values =
            [
                Value("ce", ("objective.ce.weight", 5), ("objective.clm.weight", 0), ("objective.cos.weight", 0)),
                Value("ce + cos", ("objective.ce.weight", 5), ("objective.clm.weight", 0), ("objective.cos.weight", 1)),
            ],
        };
        SweepPlan plan = Plan(objective);
        RunOptions both = Options(plan, 1);
        Assert.Equal((5, 0, 1), (both.Objective["ce"].Weight, both.Objective["clm"].Weight, both.Objective["cos"].Weight));
        Assert.Equal("Study: objective = ce + cos", both.Name);
    }

    [Fact]
    public void Expand_Random_SameSeedSamePointsNoTwoAlikeEverySeedAtEach()
    {
        SweepPlan plan = Plan(Values("T", "objective.ce.temperature", 1, 2, 4, 8), Values("layers", "student.layerCount", 1, 2, 3), _seeds) with
        {
            Strategy = SweepStrategy.Random, Draws = 7, DrawSeed = 11,
        };
        string[] titles = [.. plan.Expand().Select(point => point.Title)];
        Assert.Equal(21, titles.Length);
        Assert.Equal(21, titles.Distinct().Count());
        Assert.Equal(21, plan.RunCount);
        Assert.Equal(titles, plan.Expand().Select(point => point.Title));
        Assert.NotEqual(titles, (plan with { DrawSeed = 12 }).Expand().Select(point => point.Title));
        Assert.All(titles.Chunk(3), three => Assert.Equal(["seed 1", "seed 2", "seed 3"], three.Select(title => title.Split(", ")[^1])));
        // As many as there are: every one of them.
        Assert.Equal(12, (plan with { Draws = 12 }).Expand().Select(point => point.Title.Split(", seed")[0]).Distinct().Count());
    }

    [Fact]
    public void Expand_Ranges_StayWithinAndFollowTheirScale()
    {
        SweepPlan plan = Plan(Range("learning rate", "optimiser.learningRate", 1e-5, 1e-1, logarithmic: true), Range("T", "objective.ce.temperature", 1, 20),
            Range("layers", "student.layerCount", 1, 12)) with { Strategy = SweepStrategy.Random, Draws = 400 };
        Assert.Empty(plan.Validate());
        RunOptions[] drawn = [.. plan.Expand().Select(point => plan.OptionsOf(point).Options)];
        Assert.All(drawn, options => Assert.InRange(options.Optimiser.LearningRate, 1e-5, 1e-1));
        Assert.All(drawn, options => Assert.InRange(Temperature(options), 1, 20));
        Assert.Equal(Enumerable.Range(1, 12), drawn.Select(options => options.Student.LayerCount!.Value).Distinct().Order());
        // Half of the logarithms lie below the geometric middle, and half of the temperatures below the middle: ± 5 standard deviations.
        Assert.InRange(drawn.Count(options => options.Optimiser.LearningRate < 1e-3), 150, 250);
        Assert.InRange(drawn.Count(options => Temperature(options) < 10.5), 150, 250);
        // The label is the number that is trained with.
        SweepPoint first = plan.Expand()[0];
        Assert.Equal(drawn[0].Optimiser.LearningRate, double.Parse(first.Labels[0].Value, CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Validate_EveryMistake_IsNamed()
    {
        AssertProblem("name", "blank", Plan(_seeds) with { Name = " " });
        AssertProblem("dimensions", "0 dimensions", Plan());
        AssertProblem("dimensions[0]", "has no values", Plan(new SweepDimension { Name = "T" }));
        AssertProblem("dimensions[0]", "has no name", Plan(_seeds with { Name = "" }));
        AssertProblem("dimensions[0]", "the value '4' 2 times", Plan(Values("T", "objective.ce.temperature", 4, 4)));
        AssertProblem("dimensions[0]", "'temprature', which is no option", Plan(Values("T", "temprature", 4)));
        AssertProblem("dimensions[0]", "changes the runs' name", Plan(Values("T", "name", 4)));
        AssertProblem("dimensions[0]", "changes nothing", Plan(new SweepDimension { Name = "T", Values = [Value("nothing")] }));
        AssertProblem("dimensions[1]", "the dimension 'T' changes as well", Plan(_temperatures, Values("U", "objective.ce.temperature", 3)));
        AssertProblem("dimensions[1]", "is there twice", Plan(_temperatures, Values("t", "student.dropout", 0)));
        AssertProblem("dimensions[0]", "a grid needs values", Plan(Range("T", "objective.ce.temperature", 1, 2)));
        AssertProblem("dimensions[0]", "first must be the smaller", Random(Range("T", "objective.ce.temperature", 2, 1)));
        AssertProblem("dimensions[0]", "more than 0", Random(Range("T", "objective.ce.temperature", 0, 1, logarithmic: true)));
        AssertProblem("dimensions[0]", "no number", Random(Range("T", "data.shuffle", 0, 1)));
        AssertProblem("dimensions[0]", "no whole number", Random(Range("layers", "student.layerCount", 1.2, 1.8)));
        AssertProblem("dimensions[0]", "too narrow", Random(Range("T", "objective.ce.temperature", 1, 1 + 1e-12)));
        AssertProblem("draws", "there are 2", Random(_temperatures) with { Draws = 3 });
        AssertProblem("draws", "0", Random(_temperatures) with { Draws = 0 });
        AssertProblem("dimensions", "501 runs, expected at most 500",
            Plan(Values("seed", "seed", [.. Enumerable.Range(0, 501).Select(i => (double)i)])));
        AssertProblem("metric", "needs a teacher", Plan(_seeds) with
        {
            Metric = SweepMetric.GapToTeacher, Options = new RunOptions(),
        });
        Assert.Empty(Plan(_temperatures, _seeds).Validate());
    }

    [Fact]
    public void Read_EveryPartThatCannotBeRead_IsNamedByItsPlace()
    {
        (SweepPlan plan, IReadOnlyList<OptionProblem> problems) = SweepPlanJson.Read(Encoding.UTF8.GetBytes("""
            {"name": "Study", "strategy": "Grid", "metric": "Speed", "options": {"temperature": "hot", "epoch": 3}, "dimensions": [
                {"name": "T", "values": [{"label": "4", "changes": {"temperature": 4}}, {"label": "8"}]}, 7, {"values": []}]}
            """));
        Assert.Equal(["dimensions[0].values[1].changes", "dimensions[1]", "dimensions[2].name", "metric", "options.epoch",
            "options.objective.ce.temperature"], problems.Select(problem => problem.Field).Order(StringComparer.Ordinal));
        Assert.Equal("Study", plan.Name);
        Assert.Equal("4", plan.Dimensions[0].Values.Single().Label);
    }

    [Fact]
    public void Read_PlanAsStored_IsTheSameAndKeepsOneCheckpointWhereNoneIsNamed()
    {
        SweepPlan plan = Random(_temperatures, Range("rate", "optimiser.learningRate", 1e-4, 1e-2, logarithmic: true), _seeds);
        string json = JsonSerializer.Serialize(plan, WebJson.Options);
        (SweepPlan read, IReadOnlyList<OptionProblem> problems) = SweepPlanJson.Read(Encoding.UTF8.GetBytes(json));
        Assert.Empty(problems);
        Assert.Equal(json, JsonSerializer.Serialize(read, WebJson.Options));
        Assert.Equal(1, SweepPlanJson.Read("""{"options": {"epochs": 2}}"""u8.ToArray()).Plan.Options.Checkpoints.KeepLast);
        Assert.Equal(5, SweepPlanJson.Read("""{"options": {"keepLastCheckpoints": 5}}"""u8.ToArray()).Plan.Options.Checkpoints.KeepLast);
        Assert.Equal(5, SweepPlanJson.Read("""{"options": {"checkpoints": {"keepLast": 5}}}"""u8.ToArray()).Plan.Options.Checkpoints.KeepLast);
    }

    private static void AssertProblem(string field, string message, SweepPlan plan)
    {
        OptionProblem problem = Assert.Single(plan.Validate());
        Assert.Equal(field, problem.Field);
        Assert.Contains(message, problem.Message);
    }

    private static RunOptions Options(SweepPlan plan, int point)
    {
        (RunOptions options, IReadOnlyList<OptionProblem> problems) = plan.OptionsOf(plan.Expand()[point]);
        Assert.Empty(problems);
        return options;
    }

    private static SweepPlan Plan(params SweepDimension[] dimensions) => new()
    {
        Name = "Study", Options = new RunOptions { Teacher = new() { ModelId = "teacher" },
            Data = new() { DatasetId = "text" } }, Dimensions = dimensions,
    };

    private static SweepPlan Random(params SweepDimension[] dimensions) =>
        Plan(dimensions) with { Strategy = SweepStrategy.Random, Draws = 2 };

    private static SweepDimension Values(string name, string option, params double[] values) => new()
    {
        Name = name, Values = [.. values.Select(value => Value(value.ToString(CultureInfo.InvariantCulture), (option, value)))],
    };

    private static SweepValue Value(string label, params (string Option, double Value)[] changes) => new()
    {
        Label = label, Changes = changes.ToDictionary(change => change.Option, change => JsonSerializer.SerializeToElement(change.Value)),
    };

    private static SweepDimension Range(string name, string option, double least, double most, bool logarithmic = false) => new()
    {
        Name = name, Range = new SweepRange { Option = option, Minimum = least, Maximum = most, Logarithmic = logarithmic },
    };
}
