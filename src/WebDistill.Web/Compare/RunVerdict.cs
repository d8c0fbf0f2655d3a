using WebDistill.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Compare;

/// <summary>What the verdict on some runs is about, and what of them decides.</summary>
public static class RunVerdict
{
    /// <summary>What can decide, by the name that the address has: the first one where none is named.</summary>
    public static IReadOnlyList<(string Name, string Label)> Measures { get; } =
        [("latest", "Validation perplexity, latest"), ("best", "Validation perplexity, lowest"), ("gap", "Gap to the teacher"), ("loss", "Total loss")];

    // What "best" was called before there were accuracies: addresses that were kept have it.
    private const string EarlierBest = "lowest";

    /// <summary>The same as they are called for some runs.</summary>
    public static IReadOnlyList<(string Name, string Label)> MeasuresOf(RunComparison comparison) => comparison.MixesFigures
        ? [("latest", "Validation figure, latest"), ("best", "Validation figure, best"), ("gap", "Difference from the teacher"), ("loss", "Total loss")]
        : !comparison.SortTexts ? Measures
        : [("latest", "Validation accuracy, latest"), ("best", "Validation accuracy, highest"), ("gap", "Accuracy to the teacher's"), ("loss", "Total loss")];

    /// <summary>The name of a measure as <see cref="Measures"/> has it: of an earlier name the one of today, of none the first; null where there is no such measure.</summary>
    public static string? NameOf(string? measure)
    {
        string name = measure is null ? Measures[0].Name : measure == EarlierBest ? "best" : measure;
        return Measures.Any(known => known.Name == name) ? name : null;
    }

    /// <summary>The verdict on some runs.</summary>
    /// <param name="measure">A name of <see cref="Measures"/>; another one stands for the first.</param>
    /// <param name="baseline">The arm that the others shall beat; null takes the one that was trained on the text alone, and without such a one the best.</param>
    public static Verdict Of(RunComparison comparison, IReadOnlyList<ComparedArm> arms, string? measure, ComparedArm? baseline)
    {
        baseline ??= arms.Count(arm => arm.IsTextAlone) == 1 && arms.Count > 1 ? arms.Single(arm => arm.IsTextAlone) : null;
        Func<ComparedRun, double?> value = NameOf(measure) switch
        {
            "best" => run => comparison.ValueOf(run, best: true),
            "gap" => run => comparison.SortTexts ? run.Run.PointsToTeacher() : run.Run.GapToTeacher(),
            "loss" => run => run.Run.TotalLoss,
            _ => run => comparison.ValueOf(run, best: false),
        };
        VerdictArm[] measured = [.. arms.Select(arm => arm.With(value))];
        return Verdict.Of(Measure(comparison, measure), measured, baseline is null ? null : measured[arms.ToList().IndexOf(baseline)], Obstacle(comparison, measure));
    }

    /// <summary>What decides.</summary>
    /// <param name="measure">As in <see cref="Of"/>.</param>
    public static VerdictMeasure Measure(RunComparison comparison, string? measure)
    {
        string? name = NameOf(measure);
        if (comparison.MixesFigures && name != "loss")
            return new("Validation accuracy or validation perplexity", "Of runs over labelled examples an accuracy is measured, of the others a perplexity.", Figures.Exact, Significant) { HigherIsBetter = null };
        RunOptions first = comparison.Runs.Count == 0 ? new RunOptions() : StoredOptions.Of(comparison.Runs[0].Run);
        ModelHead task = comparison.Runs.Count == 0 ? ModelHead.NextToken : comparison.Runs[0].Run.Task();
        PerplexityProtocol protocol = ScoreTexts.Protocol(task, first.Schedule.ValidationMaxTokens);
        if (comparison.SortTexts && name != "loss")
            return (name switch
            {
                "best" => new VerdictMeasure($"Highest {Lower(protocol.Name)}", $"{protocol.What} The highest one that was measured during the run: a run that measures more often has an advantage.", Figures.Accuracy, Figures.UnsignedPoints),
                "gap" => new("Accuracy to the teacher's", $"Student's accuracy − teacher's. {protocol.What}", Figures.Points, Figures.UnsignedPoints),
                _ => new(protocol.Name, $"{protocol.What} After the last update.", Figures.Accuracy, Figures.UnsignedPoints),
            }) with { HigherIsBetter = true };
        return name switch
        {
            "best" => new($"Lowest {Lower(protocol.Name)}", $"{protocol.What} The lowest one that was measured during the run: a run that measures more often has an advantage.", Figures.Perplexity, Significant),
            "gap" => new("Gap to the teacher", $"Student's perplexity / teacher's - 1. {protocol.What}", Figures.Percent, Figures.Unsigned),
            "loss" => new("Total loss", "The weighted loss of the last update, from one batch.", Figures.Loss, Significant),
            _ => new(protocol.Name, $"{protocol.What} After the last update.", Figures.Perplexity, Significant),
        };

        static string Significant(double size) => Figures.Significant(size, 2);
        static string Lower(string name) => char.ToLowerInvariant(name[0]) + name[1..];
    }

    /// <summary>Why the runs' values cannot be compared with each other; null when they can.</summary>
    /// <param name="measure">As in <see cref="Of"/>.</param>
    public static string? Obstacle(RunComparison comparison, string? measure)
    {
        if (comparison.MixesFigures && measure != "loss")
            return "These runs cannot be compared with each other: some are measured by an accuracy and the others by a perplexity, and these two are never compared.";
        IReadOnlyList<ComparedOption> obstacles = measure == "loss" ? comparison.TotalLossObstacles : comparison.PerplexityObstacles;
        string names = string.Join(", ", obstacles.Select(option => $"“{option.Field.Label}”"));
        return obstacles.Count == 0 ? null : measure == "loss"
            ? $"The total losses cannot be compared: each is a weighted sum, and the runs differ in {names}."
            : $"These {(comparison.SortTexts ? "accuracies" : "perplexities")} cannot be compared with each other: the runs differ in {names}, so that they are measured on different text, or on text that is cut differently.";
    }
}
