using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>Reads a plan that somebody wrote, part by part, so that every part that cannot be read is named by its place.</summary>
internal static class SweepPlanJson
{
    private const string ExampleOfValue = """{"label": "4", "changes": {"objective.ce.temperature": 4}}""",
        ExampleOfRange = """{"option": "optimiser.learningRate", "minimum": 1e-5, "maximum": 1e-3, "logarithmic": true}""",
        ExampleOfHalving = """{"firstRungUpdates": 100, "eta": 3}""",
        ExampleOfDimension = $$"""{"name": "T", "values": [{{ExampleOfValue}}]}""",
        ExampleOfPlan = $$$"""{"name": "Temperatures", "options": {"data": {"datasetId": "..."}}, "dimensions": [{{{ExampleOfDimension}}}]}""";

    /// <summary>The plan without what cannot be read, and the problems of that. Options without a rule of their own keep
    /// <see cref="SweepPlan.DefaultKeepLastCheckpoints"/> checkpoints.</summary>
    /// <exception cref="OptionsInvalidException">Not JSON, or not an object.</exception>
    public static (SweepPlan Plan, IReadOnlyList<OptionProblem> Problems) Read(ReadOnlyMemory<byte> json)
    {
        (PlanParts parts, IReadOnlyList<OptionProblem> unread) = JsonBody.Read<PlanParts>(json, ExampleOfPlan);
        List<OptionProblem> problems = [.. unread];
        var plan = new SweepPlan();
        RunOptions options = plan.Options;
        if (parts.Options is JsonElement written)
        {
            options = Part<RunOptions>(written, "options", problems, """{"schedule": {"epochs": 2}}""") ?? options;
            if (FlatOptions.Grouped(written, out _) is { ValueKind: JsonValueKind.Object } grouped
                && LossCatalogue.RunSchema.Find("checkpoints.keepLast").In(JsonObject.Create(grouped)!) is null)
                options = options with { Checkpoints = options.Checkpoints with { KeepLast = SweepPlan.DefaultKeepLastCheckpoints } };
        }
        plan = plan with
        {
            Name = parts.Name,
            Options = options,
            Dimensions = [.. parts.Dimensions.Select((part, i) => Dimension(part, $"dimensions[{i}]", problems)).OfType<SweepDimension>()],
            Strategy = parts.Strategy ?? plan.Strategy,
            Draws = parts.Draws ?? plan.Draws,
            DrawSeed = parts.DrawSeed ?? plan.DrawSeed,
            FirstPoints = parts.FirstPoints ?? plan.FirstPoints,
            Metric = parts.Metric ?? plan.Metric,
            Halving = parts.Halving is { ValueKind: not JsonValueKind.Null } halving ? Part<SweepHalving>(halving, "halving", problems, ExampleOfHalving) : null,
        };
        return (plan, problems);
    }

    /// <summary>A plan as it was stored, with every option at its place.</summary>
    public static JsonElement Stored(string planJson)
    {
        JsonObject plan = JsonNode.Parse(planJson)!.AsObject();
        if (plan["options"] is JsonObject options)
            plan["options"] = JsonObject.Create(FlatOptions.Grouped(JsonSerializer.SerializeToElement(options)));
        foreach (JsonNode? dimension in plan["dimensions"] as JsonArray ?? [])
        {
            foreach (JsonNode? value in dimension!["values"] as JsonArray ?? [])
                value!["changes"] = new JsonObject(value["changes"]!.AsObject().Select(change => KeyValuePair.Create(FlatOptions.PathOf(change.Key), change.Value?.DeepClone())));
            if (dimension["range"] is JsonObject range)
                range["option"] = FlatOptions.PathOf(range["option"]!.GetValue<string>());
        }
        return JsonSerializer.SerializeToElement(plan);
    }

    private static SweepDimension? Dimension(JsonElement json, string path, List<OptionProblem> problems)
    {
        if (Part<DimensionParts>(json, path, problems, ExampleOfDimension) is not DimensionParts parts)
            return null;
        return new SweepDimension
        {
            Name = parts.Name,
            Values = [.. parts.Values.Select((part, i) => Value(part, $"{path}.values[{i}]", problems)).OfType<SweepValue>()],
            Range = parts.Range is JsonElement range && Part<SweepRange>(range, $"{path}.range", problems, ExampleOfRange) is SweepRange read
                ? read with { Option = FlatOptions.PathOf(read.Option) } : null,
        };
    }

    private static SweepValue? Value(JsonElement json, string path, List<OptionProblem> problems)
    {
        if (Part<SweepValue>(json, path, problems, ExampleOfValue) is not SweepValue value)
            return null;
        foreach (IGrouping<string, string> names in value.Changes.Keys.GroupBy(FlatOptions.PathOf).Where(names => names.Count() > 1))
            problems.Add(new OptionProblem($"{path}.changes", $"'{names.Key}' is changed twice, once as '{names.First(name => name != names.Key)}', as it was "
                + "called before options had groups. Leave one of them out."));
        return value with { Changes = value.Changes.GroupBy(change => FlatOptions.PathOf(change.Key)).ToDictionary(same => same.Key, same => same.First().Value) };
    }

    private static T? Part<T>(JsonElement json, string path, List<OptionProblem> problems, string example) where T : class
    {
        try
        {
            (T value, IReadOnlyList<OptionProblem> found) = JsonBody.Read<T>(JsonSerializer.SerializeToUtf8Bytes(json), example);
            problems.AddRange(found.Select(Placed));
            return value;
        }
        catch (OptionsInvalidException e)
        {
            problems.AddRange(e.Problems.Select(Placed));
            return null;
        }

        OptionProblem Placed(OptionProblem problem) =>
            problem with { Field = problem.Field == "$" ? path : $"{path}.{problem.Field}" };
    }

    // The same properties as the records they stand for; their insides are read one by one.
    private sealed record PlanParts
    {
        public string Name { get; init; } = "";

        public JsonElement? Options { get; init; }

        public IReadOnlyList<JsonElement> Dimensions { get; init; } = [];

        public SweepStrategy? Strategy { get; init; }

        public int? Draws { get; init; }

        public long? DrawSeed { get; init; }

        public int? FirstPoints { get; init; }

        public SweepMetric? Metric { get; init; }

        public JsonElement? Halving { get; init; }
    }

    private sealed record DimensionParts
    {
        public required string Name { get; init; }

        public IReadOnlyList<JsonElement> Values { get; init; } = [];

        public JsonElement? Range { get; init; }
    }
}
