using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Sweeps;

/// <summary>A value of a dimension that changes several options, as it is being typed.</summary>
public sealed class SweepValueDraft
{
    /// <summary>As tables and charts show it.</summary>
    public string Label { get; set; } = "";

    /// <summary>"objective.ce.weight = 5; objective.clm.weight = 0".</summary>
    public string Changes { get; set; } = "";
}

/// <summary>A dimension of a sweep as it is being typed.</summary>
public sealed class SweepDimensionDraft
{
    /// <summary>As tables and charts show it.</summary>
    public string Name { get; set; } = "";

    /// <summary>The option that it varies; blank when its values change several.</summary>
    public string Option { get; set; } = "";

    /// <summary>The preset that it was made by; null where somebody made it.</summary>
    public string? Preset { get; set; }

    /// <summary>The values of the one option.</summary>
    public List<string> Values { get; init; } = [];

    /// <summary>The values that change several options.</summary>
    public List<SweepValueDraft> Rows { get; init; } = [];

    /// <summary>Whether the one option's values are drawn from a range.</summary>
    public bool IsRange { get; set; }

    /// <summary>The range's lower end.</summary>
    public string Minimum { get; set; } = "";

    /// <summary>The range's upper end.</summary>
    public string Maximum { get; set; } = "";

    /// <summary>Whether the logarithm is drawn evenly.</summary>
    public bool Logarithmic { get; set; }

    /// <summary>Whether <see cref="Option"/> can be drawn from a range.</summary>
    [JsonIgnore]
    public bool IsNumber => LossCatalogue.RunSchema.FindOrNull(Option) is { Kind: OptionKind.Number or OptionKind.Integer };

    /// <summary>What separates <see cref="Values"/> where several are typed at once.</summary>
    [JsonIgnore]
    public char Separator => LossCatalogue.RunSchema.FindOrNull(Option) is { Kind: OptionKind.LayerList or OptionKind.Numbers or OptionKind.Lines or OptionKind.Entries } ? ';' : ',';

    /// <summary>A dimension of a plan as text.</summary>
    public static SweepDimensionDraft Of(SweepDimension dimension)
    {
        var draft = new SweepDimensionDraft { Name = dimension.Name };
        string[] options = [.. dimension.Options];
        // One option whose labels are its values reads shorter as a list.
        if (options is [string option] && dimension.Values.All(value => value.Label == Write(value.Changes[option])))
        {
            draft.Option = option;
            draft.Values.AddRange(dimension.Values.Select(value => value.Label));
        }
        else
        {
            draft.Rows.AddRange(dimension.Values.Select(value => new SweepValueDraft
            {
                Label = value.Label,
                Changes = string.Join("; ", value.Changes.Select(change => $"{change.Key} = {Write(change.Value)}".TrimEnd())),
            }));
        }
        return draft;
    }

    /// <summary>The dimension; FormatException says what cannot be read.</summary>
    public SweepDimension Read()
    {
        string name = Name.Trim();
        if (Option == "")
            return new SweepDimension { Name = name, Values = [.. Rows.Select(ReadRow)] };
        OptionField field = LossCatalogue.RunSchema.Find(Option);
        if (IsRange && IsNumber)
        {
            return new SweepDimension
            {
                Name = name,
                Range = new SweepRange
                {
                    Option = Option, Minimum = ReadBound("smallest", Minimum), Maximum = ReadBound("largest", Maximum),
                    Logarithmic = Logarithmic,
                },
            };
        }
        return new SweepDimension
        {
            Name = name,
            Values = [.. Values.SelectMany(text => Spread.IsOne(text) && IsNumber ? Spread.Read(field, text) : [text])
                .Select(text => SweepValue.Of(Option, ReadValue(field, text)))],
        };
    }

    /// <summary>Takes what was typed as values: several at once, or a spread such as 1..20 log 5. What cannot be read stays as it was typed.</summary>
    public void Add(string typed)
    {
        foreach (string text in typed.Split(Separator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!Spread.IsOne(text) || !IsNumber)
            {
                Values.Add(text);
                continue;
            }
            try
            {
                Values.AddRange(Spread.Read(LossCatalogue.RunSchema.Find(Option), text));
            }
            catch (FormatException)
            {
                // Reading the dimension says what is wrong with it, where it can be seen.
                Values.Add(text);
            }
        }
    }

    private double ReadBound(string which, string text) => text.Trim() == ""
        ? throw new FormatException($"The {which} value of “{Name}” is blank. Enter a number.")
        : RunDraft.ParseNumber(text.Trim());

    private SweepValue ReadRow(SweepValueDraft row)
    {
        var changes = new Dictionary<string, JsonElement>();
        foreach (string part in row.Changes.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int equals = part.IndexOf('=');
            string option = FlatOptions.PathOf(equals < 0 ? part : part[..equals].Trim());
            if (equals < 0)
                throw new FormatException($"“{part}” of the value “{row.Label}” is no change. Write it like objective.ce.weight = 5.");
            if (LossCatalogue.RunSchema.FindOrNull(option) is not OptionField field)
                throw new FormatException($"“{option}” of the value “{row.Label}” is no option. Write it like objective.ce.weight = 5; "
                    + $"the options are {string.Join(", ", LossCatalogue.RunSchema.Settings.Select(known => known.Path))}.");
            if (!changes.TryAdd(option, JsonSerializer.SerializeToElement(ReadValue(field, part[(equals + 1)..].Trim()), WebJson.Options)))
                throw new FormatException($"The value “{row.Label}” changes {option} twice. Leave one of them out.");
        }
        return new SweepValue { Label = row.Label.Trim(), Changes = changes };
    }

    private static JsonNode? ReadValue(OptionField field, string text) =>
        field.Kind == OptionKind.Boolean && text is not ("true" or "false")
            ? throw new FormatException($"“{text}” is neither true nor false, which {field.Label} is.")
            : RunDraft.Parse(field, text);

    private static string Write(JsonElement value) => RunDraft.Write(JsonNode.Parse(value.GetRawText()));
}

/// <summary>A sweep's plan as it is being typed.</summary>
public sealed class SweepDraft
{
    /// <summary>The sweep's name; blank takes the one that is suggested.</summary>
    public string Name { get; set; } = "";

    /// <summary>What varies.</summary>
    public List<SweepDimensionDraft> Dimensions { get; init; } = [];

    /// <summary>Which combinations are tried.</summary>
    public SweepStrategy Strategy { get; set; }

    /// <summary>Combinations to try.</summary>
    public string Draws { get; set; } = new SweepPlan().Draws.ToString(CultureInfo.InvariantCulture);

    /// <summary>Seed of the draws.</summary>
    public string DrawSeed { get; set; } = new SweepPlan().DrawSeed.ToString(CultureInfo.InvariantCulture);

    /// <summary>How many of them are drawn before the first one is proposed.</summary>
    public string FirstPoints { get; set; } = new SweepPlan().FirstPoints.ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether points that are not worth it end early.</summary>
    public bool Halves { get; set; }

    /// <summary>The update at which they are compared for the first time.</summary>
    public string FirstRungUpdates { get; set; } = new SweepHalving().FirstRungUpdates.ToString(CultureInfo.InvariantCulture);

    /// <summary>One of how many goes on.</summary>
    public string Eta { get; set; } = new SweepHalving().Eta.ToString(CultureInfo.InvariantCulture);

    /// <summary>The number by which the runs are compared.</summary>
    public SweepMetric Metric { get; set; }

    /// <summary>"Sweep of T × seed".</summary>
    [JsonIgnore]
    public string SuggestedName
    {
        get
        {
            string names = string.Join(" × ", Dimensions.Select(dimension => dimension.Name.Trim()).Where(name => name != ""));
            return names == "" ? "Sweep" : $"Sweep of {names}";
        }
    }

    /// <summary>The plan over these options, without what cannot be read; <paramref name="problems"/> says what and why.</summary>
    public SweepPlan Read(RunOptions options, out IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> found = [];
        List<SweepDimension> dimensions = [];
        for (int i = 0; i < Dimensions.Count; i++)
        {
            int place = i;
            if (Try($"dimensions[{i}]", () => Dimensions[place].Read()) is SweepDimension dimension)
                dimensions.Add(dimension);
        }
        var plan = new SweepPlan
        {
            Name = Name.Trim() == "" ? SuggestedName : Name.Trim(),
            Options = options with { Name = "" },
            Dimensions = dimensions,
            Strategy = Strategy,
            Metric = Metric,
        };
        if (Strategy != SweepStrategy.Grid)
        {
            plan = plan with
            {
                Draws = (int)(Try("draws", () => (long?)RunDraft.ParseInteger(Draws.Trim(), 1, SweepPlan.MostRuns)) ?? plan.Draws),
                DrawSeed = Try("drawSeed", () => (long?)RunDraft.ParseInteger(DrawSeed.Trim(), long.MinValue, long.MaxValue))
                    ?? plan.DrawSeed,
            };
        }
        if (Strategy == SweepStrategy.Bayesian)
            plan = plan with { FirstPoints = (int)(Try("firstPoints", () => (long?)RunDraft.ParseInteger(FirstPoints.Trim(), 1, SweepPlan.MostRuns)) ?? plan.FirstPoints) };
        if (Halves)
        {
            var halving = new SweepHalving();
            plan = plan with
            {
                Halving = new SweepHalving
                {
                    FirstRungUpdates = (int)(Try("halving.firstRungUpdates", () => (long?)RunDraft.ParseInteger(FirstRungUpdates.Trim(), 1, int.MaxValue)) ?? halving.FirstRungUpdates),
                    Eta = (int)(Try("halving.eta", () => (long?)RunDraft.ParseInteger(Eta.Trim(), SweepHalving.LeastEta, SweepHalving.MostEta)) ?? halving.Eta),
                },
            };
        }
        problems = found;
        return plan;

        T? Try<T>(string field, Func<T?> read)
        {
            try
            {
                return read();
            }
            catch (FormatException e)
            {
                found.Add(new OptionProblem(field, e.Message));
                return default;
            }
        }
    }
}
