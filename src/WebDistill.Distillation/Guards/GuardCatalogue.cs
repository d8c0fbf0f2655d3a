using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Guards;

/// <summary>The catalogue of guards. To add one: write its file, its option in <see cref="GuardOptions"/>, and add one line to <see cref="All"/>.</summary>
public static class GuardCatalogue
{
    /// <summary>Every guard, in the order in which pages show them.</summary>
    public static IReadOnlyList<Guard> All { get; } =
    [
        new NonFiniteGuard(), new SpikeGuard(), new PlateauGuard(), new ValidationGuard(), new NoOpGuard(), new StallGuard(), new ThroughputGuard(),
        new MemoryGuard(),
    ];

    /// <summary>What a guard of that name is called; the name itself for one of another version.</summary>
    public static string Title(string name) => All.FirstOrDefault(guard => guard.Name == name)?.Title ?? name;

    /// <summary>Names and titles of what early stopping can look at: every loss of the run, their sum, and the validation.</summary>
    /// <remarks>It reads no loss's parameters: options are looked at here in which nobody could read them.</remarks>
    /// <param name="head">The student's, which says what is measured.</param>
    public static IReadOnlyList<(string Name, string Title)> Measures(RunOptions options, ModelHead head = ModelHead.NextToken) =>
        [.. LossCatalogue.Active(options, options.Teacher.ModelId is not null).Select(loss => loss.Series(options)).Prepend(LoopSeries.TotalLoss)
            .Concat(head == ModelHead.Classes ? LoopSeries.Measured(head) : [LoopSeries.ValidationPerplexity, LoopSeries.ValidationNatsPerToken]).Select(series => (series.Name, series.Title))];

    /// <summary>The problems of what the guards of a run name.</summary>
    /// <param name="head">The student's; what holds where nothing is said is the mean loss on held-out data, whatever that is called.</param>
    public static IReadOnlyList<OptionProblem> Validate(RunOptions options, ModelHead head = ModelHead.NextToken)
    {
        IReadOnlyList<(string Name, string Title)> measures = Measures(options, head);
        return options.Guards.Measure == LoopSeries.ValidationNatsPerToken.Name || measures.Any(measure => measure.Name == options.Guards.Measure) ? []
            : [new OptionProblem(OptionPath.Of(options.Guards.Measure), $"'{ForeignText.Quote(options.Guards.Measure)}' is no loss and no measurement of this run. "
                + $"Choose among: {string.Join(", ", measures.Select(measure => measure.Name))}.")];
    }
}
