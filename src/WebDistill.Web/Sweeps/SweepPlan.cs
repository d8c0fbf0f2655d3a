using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>Which combinations of its dimensions' values a sweep tries.</summary>
public enum SweepStrategy
{
    /// <summary>Every combination, the last dimension changing fastest.</summary>
    Grid,

    /// <summary>
    /// So many combinations drawn at random, no two alike (Bergstra and Bengio 2012). A dimension of seeds is not drawn from: every
    /// combination is trained under every seed.
    /// </summary>
    Random,

    /// <summary>
    /// The first ones are drawn at random; each next one is where an improvement is most expected after what all before it came to (Snoek, Larochelle and
    /// Adams 2012; SweepProposer). Every point is trained under every seed.
    /// </summary>
    Bayesian,
}

/// <summary>One value of a dimension: what it is called and what it changes.</summary>
public sealed record SweepValue
{
    /// <summary>As tables and charts show it: "4", "ce + cos".</summary>
    public required string Label { get; init; }

    /// <summary>Paths of options of a run and what they become.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Changes { get; init; }

    /// <summary>A value that changes one option and is called as the forms write it.</summary>
    public static SweepValue Of<T>(string option, T value)
    {
        JsonElement json = JsonSerializer.SerializeToElement(value, WebJson.Options);
        return new SweepValue
        {
            Label = RunDraft.Write(JsonNode.Parse(json.GetRawText())),
            Changes = new Dictionary<string, JsonElement> { [option] = json },
        };
    }
}

/// <summary>A number of one option to be drawn between two bounds.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record SweepRange
{
    /// <summary>Path of an option of a run that is a number.</summary>
    public required string Option { get; init; }

    /// <summary>The smallest value that can be drawn.</summary>
    public required double Minimum { get; init; }

    /// <summary>The largest value that can be drawn.</summary>
    public required double Maximum { get; init; }

    /// <summary>Whether the logarithm is drawn evenly, as suits a learning rate, and not the value.</summary>
    public bool Logarithmic { get; init; }
}

/// <summary>What a sweep varies: a list of values or, where points are drawn, a range.</summary>
public sealed record SweepDimension
{
    /// <summary>As tables and charts show it: "T", "learning rate".</summary>
    public required string Name { get; init; }

    /// <summary>The values, in order; empty for a range.</summary>
    public IReadOnlyList<SweepValue> Values { get; init; } = [];

    /// <summary>The range; null for a list of values.</summary>
    public SweepRange? Range { get; init; }

    /// <summary>Whether it repeats a point under other seeds and changes nothing else: then it is averaged over.</summary>
    [JsonIgnore]
    public bool IsOfSeeds => Values.Count > 0 && Values.All(value => value.Changes.Count == 1 && value.Changes.ContainsKey("seed"));

    /// <summary>The options that it changes.</summary>
    [JsonIgnore]
    public IEnumerable<string> Options => Range is null ? Values.SelectMany(value => value.Changes.Keys).Distinct() : [Range.Option];
}

/// <summary>One run of a sweep before it is queued.</summary>
/// <param name="Labels">For each dimension, in order, the label of the value taken.</param>
/// <param name="Changes">What these values change.</param>
public sealed record SweepPoint(
    IReadOnlyList<KeyValuePair<string, string>> Labels, IReadOnlyDictionary<string, JsonElement> Changes)
{
    /// <summary>"T = 4, seed 2".</summary>
    public string Title => SweepLabels.Title(Labels);
}

/// <summary>
/// A group of runs that differ in named options only: what they share, what varies, and by which number they are compared. Kept whole as
/// the sweep's PlanJson.
/// </summary>
public sealed record SweepPlan
{
    /// <summary>Most runs of one sweep.</summary>
    public const int MostRuns = 500;

    /// <summary>Checkpoints that a run of a sweep keeps where nothing else is asked for: many runs would fill the disk.</summary>
    public const int DefaultKeepLastCheckpoints = 1;

    private const int MostDimensions = 12;

    // A range narrower than this share of its bounds has too few different numbers to draw.
    private const double NarrowestShare = 1e-9;

    private const int LeastFirstPoints = 2;

    /// <summary>Free text for people; the runs' names begin with it.</summary>
    public string Name { get; init; } = "";

    /// <summary>What all runs share.</summary>
    public RunOptions Options { get; init; } = new() { Checkpoints = new() { KeepLast = DefaultKeepLastCheckpoints } };

    /// <summary>What varies.</summary>
    public IReadOnlyList<SweepDimension> Dimensions { get; init; } = [];

    /// <summary>Which combinations are tried.</summary>
    public SweepStrategy Strategy { get; init; } = SweepStrategy.Grid;

    /// <summary>Combinations to try; not for a grid.</summary>
    public int Draws { get; init; } = 20;

    /// <summary>Seed of the draws; the same one draws the same points, and proposes the same ones after the same figures. Not for a grid.</summary>
    public long DrawSeed { get; init; } = 1;

    /// <summary>How many of the <see cref="Draws"/> are drawn at random, before the first one is proposed; for a Bayesian search only.</summary>
    public int FirstPoints { get; init; } = 5;

    /// <summary>The number by which the runs are compared.</summary>
    public SweepMetric Metric { get; init; } = SweepMetric.FinalValidationPerplexity;

    /// <summary>How the points that are not worth it end early; null trains every point to its end.</summary>
    public SweepHalving? Halving { get; init; }

    /// <summary>The plan that <see cref="Data.Sweep.PlanJson"/> holds.</summary>
    public static SweepPlan Of(Data.Sweep sweep) => SweepPlanJson.Stored(sweep.PlanJson).Deserialize<SweepPlan>(WebJson.Options)!;

    /// <summary>Every problem of the plan itself; those of the points' options are found by SweepPlanner.</summary>
    public IReadOnlyList<OptionProblem> Validate()
    {
        List<OptionProblem> problems = [];
        if (Names.Problem("name", Name) is OptionProblem name)
            problems.Add(name);
        if (Dimensions.Count is 0 or > MostDimensions)
            problems.Add(new OptionProblem("dimensions", $"The sweep has {Dimensions.Count} dimensions, expected 1 to {MostDimensions}. "
                + (Dimensions.Count == 0 ? "Add what shall vary." : "Leave some out.")));
        problems.AddRange(Unwritable(Options).Select(problem => problem with { Field = $"options.{problem.Field}" }));
        for (int i = 0; i < Math.Min(Dimensions.Count, MostDimensions); i++)
            problems.AddRange(Validate(i).Take(OptionsInvalidException.MaxProblems)
                .Select(message => new OptionProblem($"dimensions[{i}]", message)));
        if (!Enum.IsDefined(Strategy))
            problems.Add(Unknown("strategy", Strategy));
        if (!Enum.IsDefined(Metric))
            problems.Add(Unknown("metric", Metric));
        problems.AddRange(Halving?.Validate() ?? []);
        if (Halving is not null && Strategy == SweepStrategy.Bayesian)
            problems.Add(new OptionProblem("halving", "A Bayesian search learns from where whole runs end, and successive halving ends most of them before. "
                + "Train every point to its end, or choose the random search."));
        if (Metric == SweepMetric.GapToTeacher && Options.Teacher.ModelId is null && Dimensions.All(d => !d.Options.Contains("teacher.modelId")))
            problems.Add(new OptionProblem("metric", "The gap to the teacher needs a teacher, and none is chosen. Choose another metric."));
        if (problems.Count == 0)
            problems.AddRange(ValidateCount());
        return problems;
    }

    /// <summary>Runs that the plan makes; more than int.MaxValue count as that many. The plan must be valid.</summary>
    [JsonIgnore]
    public int RunCount => (int)Math.Min(int.MaxValue, Strategy == SweepStrategy.Grid
        ? SweepDraws.Count(Dimensions)
        : Math.Min(int.MaxValue, (double)Draws) * SweepDraws.Count(Dimensions.Where(dimension => dimension.IsOfSeeds)));

    /// <summary>Points that the plan makes, seeds not counted. The plan must be valid.</summary>
    [JsonIgnore]
    public int PointCount => RunCount / Seeds;

    /// <summary>Runs of each point.</summary>
    [JsonIgnore]
    public int Seeds => Dimensions.Where(dimension => dimension.IsOfSeeds).Aggregate(1, (product, dimension) => product * dimension.Values.Count);

    /// <summary>The points in the order in which they are queued; of a Bayesian search the first ones. The plan must be valid.</summary>
    public IReadOnlyList<SweepPoint> Expand() => Strategy == SweepStrategy.Grid
        ? PointsOf([.. Dimensions.Select(dimension => dimension.Values)])
        : [.. Drawn().SelectMany(PointsOf)];

    /// <summary>The first point with each end of a range, and each value of a list, in turn.</summary>
    internal IEnumerable<SweepPoint> Ends()
    {
        IReadOnlyList<SweepValue>[] first = [.. Drawn().First().Select(values => (IReadOnlyList<SweepValue>)[values[0]])];
        return Enumerable.Range(0, Dimensions.Count).Where(place => !Dimensions[place].IsOfSeeds)
            .SelectMany(place => PointsOf([.. first.Select((values, other) => other == place ? SweepDraws.Ends(Dimensions[place]) : values)]));
    }

    /// <summary>Every combination of these values, the last dimension changing fastest.</summary>
    /// <param name="values">For each dimension.</param>
    internal IReadOnlyList<SweepPoint> PointsOf(IReadOnlyList<SweepValue>[] values) => [.. values.Aggregate(
        (IEnumerable<SweepValue[]>)[[]],
        (made, ofOne) => made.SelectMany(begun => ofOne.Select(value => (SweepValue[])[.. begun, value])))
        .Select(taken => new SweepPoint(
            [.. Dimensions.Zip(taken, (dimension, value) => KeyValuePair.Create(dimension.Name, value.Label))],
            taken.SelectMany(value => value.Changes).ToDictionary(change => change.Key, change => change.Value)))];

    /// <summary>The options of a point's run, and what of its changes cannot be read.</summary>
    public (RunOptions Options, IReadOnlyList<OptionProblem> Problems) OptionsOf(SweepPoint point)
    {
        JsonObject json = LossCatalogue.RunSchema.Write(Options, WebJson.Options);
        foreach ((string option, JsonElement value) in point.Changes)
            LossCatalogue.RunSchema.Find(option).Put(json, JsonNode.Parse(value.GetRawText()));
        json["name"] = $"{Name.Trim()}: {point.Title}";
        return JsonBody.Read<RunOptions>(JsonSerializer.SerializeToUtf8Bytes(json, WebJson.Options));
    }

    /// <summary>What could not be written again for the points of a plan: a number beyond 64 bits, which was read as infinite, for one.</summary>
    internal static IEnumerable<OptionProblem> Unwritable(RunOptions options)
    {
        if (LossCatalogue.Unreadable(options) is { Count: > 0 } unreadable)
            return unreadable;
        HashSet<string> infinite = [.. LossCatalogue.RunSchema.Fields
            .Where(field => field.Value(options) is double value && !double.IsFinite(value)).Select(field => field.Path)];
        return RunPlan.Validate(options).Where(problem => infinite.Contains(problem.Field));
    }

    private static OptionProblem Unknown<T>(string field, T value) where T : struct, Enum =>
        new(field, $"The value '{value}' is unknown. Choose one of: {string.Join(", ", Enum.GetNames<T>())}.");

    private IEnumerable<string> Validate(int index)
    {
        SweepDimension dimension = Dimensions[index];
        string name = $"The dimension '{ForeignText.Quote(dimension.Name)}'";
        if (string.IsNullOrWhiteSpace(dimension.Name))
            yield return $"Dimension {index + 1} has no name. Name what varies.";
        else if (Names.Problem("", dimension.Name) is OptionProblem unfit)
            yield return $"Dimension {index + 1}: {unfit.Message}";
        if (Dimensions.Take(index).Any(other => string.Equals(other.Name, dimension.Name, StringComparison.OrdinalIgnoreCase)))
            yield return $"{name} is there twice. Give every dimension a name of its own.";
        foreach (string option in dimension.Options)
        {
            if (option == "name")
                yield return $"{name} changes the runs' name, which says where they stand in the sweep. Change another option.";
            else if (LossCatalogue.RunSchema.FindOrNull(option) is null)
                yield return $"{name} changes '{ForeignText.Quote(option)}', which is no option of a run. The options are: "
                    + $"{string.Join(", ", LossCatalogue.RunSchema.Settings.Select(field => field.Path))}.";
            if (Dimensions.Take(index).FirstOrDefault(other => other.Options.Contains(option)) is SweepDimension other)
                yield return $"{name} changes '{option}', which the dimension '{ForeignText.Quote(other.Name)}' changes as well. Vary it in one of them.";
        }
        if (dimension.Range is SweepRange range)
        {
            if (dimension.Values.Count > 0)
                yield return $"{name} has both values and a range. Leave one of them out.";
            if (Strategy == SweepStrategy.Grid)
                yield return $"{name} is a range, and a grid needs values. List its values, or choose the random or the Bayesian search.";
            if (LossCatalogue.RunSchema.FindOrNull(range.Option) is { Kind: not (OptionKind.Number or OptionKind.Integer) } field)
                yield return $"{name} is a range of '{field.Path}', which is no number. List its values.";
            if (!(double.IsFinite(range.Minimum) && double.IsFinite(range.Maximum) && range.Minimum < range.Maximum))
                yield return $"{name} ranges from {Text(range.Minimum)} to {Text(range.Maximum)}. The first must be the smaller number.";
            else if (SweepDraws.Width(range) < NarrowestShare)
                yield return $"{name} ranges from {Text(range.Minimum)} to {Text(range.Maximum)}, which is too narrow. Widen it.";
            else if (range.Logarithmic && range.Minimum <= 0)
                yield return $"{name} is logarithmic from {Text(range.Minimum)}; a logarithm needs more than 0. Raise the minimum.";
            else if (SweepDraws.IsInteger(range) && (Math.Abs(range.Minimum) > int.MaxValue || Math.Abs(range.Maximum) > int.MaxValue
                || Math.Ceiling(range.Minimum) > Math.Floor(range.Maximum)))
                yield return $"{name} has no whole number from {Text(range.Minimum)} to {Text(range.Maximum)}. Widen the range.";
            yield break;
        }
        if (dimension.Values.Count == 0)
            yield return $"{name} has no values. Give it at least one.";
        if (dimension.Values.Any(value => string.IsNullOrWhiteSpace(value.Label)))
            yield return $"{name} has a value without a label. Give every value one.";
        foreach (OptionProblem unfit in dimension.Values.Where(value => !string.IsNullOrWhiteSpace(value.Label))
            .Select(value => Names.Problem("", value.Label)).OfType<OptionProblem>())
            yield return $"{name} has a label that cannot be used. {unfit.Message}";
        foreach (SweepValue value in dimension.Values.Where(value => value.Changes.Count == 0))
            yield return $"{name} has the value '{ForeignText.Quote(value.Label)}', which changes nothing. Name an option that it changes.";
        foreach (IGrouping<string, SweepValue> same in dimension.Values.GroupBy(value => value.Label).Where(group => group.Count() > 1))
            yield return $"{name} has the value '{ForeignText.Quote(same.Key)}' {same.Count()} times. Leave the others out; to repeat a point, vary the seed.";
    }

    private IEnumerable<OptionProblem> ValidateCount()
    {
        if (Strategy != SweepStrategy.Grid && Draws < 1)
        {
            yield return new OptionProblem("draws", $"The value is {Draws}, expected at least 1 point to draw.");
            yield break;
        }
        if (Strategy == SweepStrategy.Bayesian && FirstPoints < LeastFirstPoints)
            yield return new OptionProblem("firstPoints", $"The value is {FirstPoints}, expected at least {LeastFirstPoints} points to learn from before one is proposed.");
        else if (Strategy == SweepStrategy.Bayesian && FirstPoints >= Draws)
            yield return new OptionProblem("firstPoints", $"The value is {FirstPoints}, and the sweep has {Draws} points: none would be proposed. Draw fewer at first, try more points, or choose the random search.");
        double distinct = SweepDraws.Count(Dimensions.Where(dimension => !dimension.IsOfSeeds));
        if (Strategy != SweepStrategy.Grid && Draws > distinct)
            yield return new OptionProblem("draws", $"{Draws} different points are to be drawn, and there are "
                + $"{distinct.ToString("0", CultureInfo.InvariantCulture)}. Draw at most so many, or choose the grid.");
        if (RunCount > MostRuns)
            yield return new OptionProblem(Strategy == SweepStrategy.Grid ? "dimensions" : "draws",
                $"The sweep has {RunCount.ToString(CultureInfo.InvariantCulture)} runs, expected at most {MostRuns}. Leave values out"
                + (Strategy == SweepStrategy.Grid ? ", or draw some points at random." : ", or draw fewer points."));
    }

    private IEnumerable<IReadOnlyList<SweepValue>[]> Drawn()
    {
        var random = new SplittableRandom(DrawSeed);
        HashSet<string> known = [];
        while (known.Count < (Strategy == SweepStrategy.Bayesian ? FirstPoints : Draws))
        {
            IReadOnlyList<SweepValue>[] draw = SweepDraws.Draw(Dimensions, random);
            if (known.Add(SweepDraws.Key(Dimensions, draw)))
                yield return draw;
        }
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
