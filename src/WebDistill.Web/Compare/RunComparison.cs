using System.Globalization;
using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Compare;

/// <summary>One run among those that are compared.</summary>
/// <param name="Run">The run.</param>
/// <param name="Slot">Which colour and line pattern it has, from 0.</param>
/// <param name="Lowest">Its lowest validation perplexity; null when none was measured.</param>
/// <param name="BestStep">The update after which that was measured.</param>
public sealed record ComparedRun(Run Run, int Slot, Perplexity? Lowest, int? BestStep)
{
    /// <summary>The run's name where there is little room: without what the names of all compared runs begin with.</summary>
    public string Label { get; init; } = Run.Name;

    /// <summary>Its seed: runs that differ in nothing else are one arm.</summary>
    public string Seed => StoredOptions.Of(Run).Seed.ToString(CultureInfo.InvariantCulture);

    /// <summary>The page of the run.</summary>
    public string Address => $"/runs/{Run.Id:N}";

    /// <summary>Its highest validation accuracy, of a run over labelled examples; null when none was measured.</summary>
    public double? Highest { get; init; }

    /// <summary>A run with the best figure that it recorded; null where it recorded none.</summary>
    public static ComparedRun Of(Run run, int slot, MeasuredPair? best) => best is null ? new(run, slot, null, null)
        : run.ValidationAccuracy is not null ? new(run, slot, null, best.Step) { Highest = best.Value }
        : new(run, slot, Distillation.Evaluation.Perplexity.Stored(best.Value, best.Logarithm), best.Step);

    /// <summary>The perplexity that a picture shows; null when none was measured.</summary>
    public Perplexity? Perplexity(bool best) => best ? Lowest : Run.Validation();

    /// <summary>The accuracy that a picture shows; null when none was measured.</summary>
    public double? Accuracy(bool best) => best ? Highest : Run.ValidationAccuracy;
}

/// <summary>An option in which the runs differ; each list has one entry per run.</summary>
/// <param name="Field">The option.</param>
/// <param name="Texts">Its values as they are read.</param>
/// <param name="Numbers">Its values as numbers; null where it is blank or none.</param>
public sealed record ComparedOption(OptionField Field, IReadOnlyList<string> Texts, IReadOnlyList<double?> Numbers)
{
    /// <summary>Whether it can be an axis: at least two runs have different numbers.</summary>
    public bool IsNumeric => Numbers.Where(number => number is not null).Distinct().Count() > 1;
}

/// <summary>A figure of the runs.</summary>
/// <param name="Title">What it is.</param>
/// <param name="Unit">In which unit; null without one.</param>
/// <param name="Texts">One entry per run; null where there is none.</param>
/// <param name="Extra">A remark per run; null where there is none.</param>
/// <param name="Mark">What the best one is called.</param>
/// <param name="Marked">The places of the best ones; empty when all are equal, there are not two, or they cannot be compared.</param>
public sealed record ComparedFigure(
    string Title, string? Unit, IReadOnlyList<string?> Texts, IReadOnlyList<string?> Extra, string Mark, IReadOnlySet<int> Marked)
{
    /// <summary>How it was measured, for a tooltip; null where that needs no word.</summary>
    public string? Hint { get; init; }
}

/// <summary>In what some runs differ, and which of them did best.</summary>
public sealed class RunComparison
{
    // What the total loss is the weighted sum of.
    private static readonly string[] DecideTotalLoss =
        ["teacher.modelId", "data.datasetId", .. LossCatalogue.All.SelectMany(loss => loss.Fields).Select(field => field.Path)];

    private RunComparison(
        IReadOnlyList<ComparedRun> runs, IReadOnlyList<ComparedOption> differing, IReadOnlyList<(OptionField Field, string Text)> same)
    {
        (Runs, Differing, Same) = (runs, differing, same);
        ModelHead[] tasks = [.. runs.Select(run => run.Run.Task()).Distinct()];
        bool areTwoTasks = tasks.Length > 1;
        SortTexts = tasks is [ModelHead.Classes];
        MixesFigures = areTwoTasks && tasks.Contains(ModelHead.Classes);
        PerplexityObstacles = [.. differing.Where(option => BaselineDifference.Decide(tasks is [var task] ? task : ModelHead.NextToken).Contains(option.Field.Path)
            || areTwoTasks && BaselineDifference.DecideTask.Contains(option.Field.Path))];
        TotalLossObstacles = [.. differing.Where(option => DecideTotalLoss.Contains(option.Field.Path))];
        Figures = [.. Measure()];
    }

    /// <summary>The runs, in the order in which they were chosen.</summary>
    public IReadOnlyList<ComparedRun> Runs { get; }

    /// <summary>The options in which they differ, in the form's reading order.</summary>
    public IReadOnlyList<ComparedOption> Differing { get; }

    /// <summary>The options that all have in common.</summary>
    public IReadOnlyList<(OptionField Field, string Text)> Same { get; }

    /// <summary>The options in which they differ and on which a perplexity depends, so that none is the best.</summary>
    public IReadOnlyList<ComparedOption> PerplexityObstacles { get; }

    /// <summary>The options in which they differ and of which the total loss is made, so that none is the best.</summary>
    public IReadOnlyList<ComparedOption> TotalLossObstacles { get; }

    /// <summary>Whether all of them sort texts: then an accuracy takes the perplexity's place, of which more is better.</summary>
    public bool SortTexts { get; }

    /// <summary>Whether some of them sort texts and others do not: an accuracy and a perplexity have no common scale.</summary>
    public bool MixesFigures { get; }

    /// <summary>What the pictures show of each run, in a sentence.</summary>
    public string FigureName => SortTexts ? "validation accuracy" : "validation perplexity";

    /// <summary>What the best one is called.</summary>
    public string BestWord => SortTexts ? "highest" : "lowest";

    /// <summary>What a picture shows of a run; null when it was not measured.</summary>
    public double? ValueOf(ComparedRun run, bool best) => SortTexts ? run.Accuracy(best) : run.Perplexity(best)?.Value;

    /// <summary>The same as it is written.</summary>
    public string Write(double value) => SortTexts ? Formats.Figures.Accuracy(value) : Formats.Figures.Perplexity(value);

    /// <summary>Their latest figures.</summary>
    public IReadOnlyList<ComparedFigure> Figures { get; }

    /// <summary>What their updates have numbers of, one run or another.</summary>
    public IReadOnlyList<StepSeries> Series { get; private init; } = [];

    /// <summary>A run's name, with its perplexity where one was measured that a picture cannot show.</summary>
    public static string WithPerplexity(ComparedRun run, bool best) => run.Perplexity(best) is Perplexity measured && !double.IsFinite(measured.Value)
        ? $"{run.Run.Name} (perplexity {Formats.Figures.Perplexity(measured)})"
        : run.Run.Name;

    /// <summary>Compares runs whose options <paramref name="texts"/> writes.</summary>
    public static RunComparison Of(IReadOnlyList<ComparedRun> runs, IReadOnlyList<StepSeries> series, OptionTexts texts)
    {
        JsonObject[] values = [.. runs.Select(run => OptionTexts.Values(StoredOptions.Of(run.Run)))];
        List<ComparedOption> differing = [];
        List<(OptionField, string)> same = [];
        foreach (OptionField field in LossCatalogue.RunSchema.Settings)
        {
            string[] written = [.. values.Select(options => RunDraft.Write(field.In(options)))];
            if (written.Distinct().Count() > 1)
                differing.Add(new ComparedOption(field, [.. values.Select(options => texts.Of(field, field.In(options)))],
                    [.. values.Select(options => Number(field, field.In(options)))]));
            else if (runs.Count > 0)
                same.Add((field, texts.Of(field, field.In(values[0]))));
        }
        IReadOnlyList<string> labels = Labels([.. runs.Select(run => run.Run.Name)]);
        return new RunComparison([.. runs.Select((run, i) => run with { Label = labels[i] })], differing, same) { Series = series };
    }

    /// <summary>
    /// Names that tell runs apart in little room: where all of them begin with the same words, as those of a sweep do, an ellipsis stands
    /// for these. What differs is at the end then, and would be cut off first.
    /// </summary>
    internal static IReadOnlyList<string> Labels(IReadOnlyList<string> names)
    {
        const int worthwhile = 12;
        if (names.Distinct().Count() < 2)
            return names;
        int shared = names.Min(StringComparer.Ordinal)!.AsSpan().CommonPrefixLength(names.Max(StringComparer.Ordinal));
        int words = shared < worthwhile ? 0 : names[0].LastIndexOf(' ', shared - 1) + 1;
        return words < worthwhile || names.Any(name => name.Length == words) ? names : [.. names.Select(name => "…" + name[words..])];
    }

    private static double? Number(OptionField field, JsonNode? value) =>
        field.Kind is OptionKind.Number or OptionKind.Integer ? value?.GetValue<double>() : null;

    private IEnumerable<ComparedFigure> Measure()
    {
        bool perplexities = PerplexityObstacles.Count == 0, losses = TotalLossObstacles.Count == 0;
        string hint = Protocols, name = PerplexityProtocol.Short(Runs.Count > 0 && Runs.All(run => run.Run.Task() == ModelHead.MaskedToken));
        yield return Figure("Updates", null, run => null,
            run => Formats.Figures.Count(run.Run.Step),
            run => run.Run.TotalSteps > 0 ? $"of {Formats.Figures.Count(run.Run.TotalSteps)}" : null);
        if (Runs.Any(run => run.Run.ValidationAccuracy is not null))
        {
            yield return Figure($"{ScoreTexts.Accuracy}, latest", null, run => perplexities ? -run.Run.ValidationAccuracy : null,
                run => run.Run.ValidationAccuracy is double share ? Formats.Figures.Accuracy(share) : null) with { Hint = hint };
            yield return Figure($"{ScoreTexts.Accuracy}, highest", null, run => perplexities ? -run.Highest : null,
                run => run.Highest is double share ? Formats.Figures.Accuracy(share) : null,
                run => run is { Highest: not null, BestStep: int step } ? $"update {Formats.Figures.Count(step)}" : null) with { Hint = hint };
            yield return Figure("Accuracy to the teacher's", null, run => perplexities ? -run.Run.PointsToTeacher() : null,
                run => run.Run.PointsToTeacher() is double points ? Formats.Figures.Points(points) : null,
                run => run.Run.TeacherScore() is { Perplexity: null } score ? $"teacher {score.Text()}" : null) with { Hint = hint };
        }
        if (!SortTexts)
        {
            yield return Figure($"{name}, latest", null, run => perplexities ? run.Run.ValidationPerplexity : null,
                run => run.Run.Validation() is Perplexity p ? Formats.Figures.Perplexity(p) : null) with { Hint = hint };
            yield return Figure($"{name}, lowest", null, run => perplexities ? run.Lowest?.Value : null,
                run => run.Lowest is Perplexity p ? Formats.Figures.Perplexity(p) : null,
                run => run is { Lowest: not null, BestStep: int step } ? $"update {Formats.Figures.Count(step)}" : null) with { Hint = hint };
            yield return Figure("Gap to the teacher", null, run => perplexities ? run.Run.GapToTeacher() : null,
                run => run.Run.GapToTeacher() is double gap ? Formats.Figures.Percent(gap) : null,
                run => run.Run.Teacher() is Perplexity p ? $"teacher {Formats.Figures.Perplexity(p)}" : null) with { Hint = hint };
        }
        yield return Figure("Total loss", null, run => losses ? run.Run.TotalLoss : null,
            run => run.Run.TotalLoss is double loss ? Formats.Figures.Loss(loss) : null);
        yield return Figure("Throughput", "tokens/s", run => -run.Run.TokensPerSecond,
            run => run.Run.TokensPerSecond is double speed ? Formats.Figures.Short(speed) : null, mark: "fastest");
        yield return Figure("Trained time", null, run => run.Run.Status == RunStatus.Completed ? run.Run.Duration() : null,
            run => run.Run.Duration() is double time ? Formats.Figures.Duration(time) : null, mark: "shortest");
        yield return Figure("Student", "parameters", run => run.Run.StudentParameters,
            run => run.Run.StudentParameters is long count ? Formats.Figures.Short(count) : null, mark: "smallest");
    }

    // Under which protocols the perplexities were measured, each once.
    private string Protocols => string.Join(" ", Runs.Select(run => ScoreTexts.Protocol(run.Run.Task(), StoredOptions.Of(run.Run).Schedule.ValidationMaxTokens)).Distinct()
        .Select(protocol => $"{protocol.Name}: {protocol.What}").Concat(SortTexts ? [] : [PerplexityProtocol.WhyTheyDiffer]));

    // Ranked from the lowest on, NaN last; a run without a rank is not marked, nor is one whose rank is not finite.
    private ComparedFigure Figure(string title, string? unit, Func<ComparedRun, double?> rank, Func<ComparedRun, string?> text,
        Func<ComparedRun, string?>? extra = null, string mark = "best")
    {
        double?[] ranks = [.. Runs.Select(rank)];
        double[] known = [.. ranks.OfType<double>().Distinct().Order(NotFinite.NaNLast)];
        HashSet<int> marked = known.Length < 2 || !double.IsFinite(known[0]) ? [] : [.. Enumerable.Range(0, ranks.Length).Where(i => ranks[i] == known[0])];
        return new ComparedFigure(title, unit, [.. Runs.Select(text)], [.. Runs.Select(run => extra?.Invoke(run))], mark, marked);
    }
}
