using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Losses;

/// <summary>The catalogue of losses. To add one: write its file and add one line to <see cref="All"/>.</summary>
public static class LossCatalogue
{
    /// <summary>Every loss, in the order in which charts and messages show them.</summary>
    public static IReadOnlyList<Loss> All { get; } =
        [
            new DistillationCrossEntropy(), new CausalLanguageModel(), new LogitsSquaredError(), new HiddenCosine(), new CentredLogits(),
            new MaskedLanguageModel(), new PatientLayers(), new LayerStates(), new AttentionScores(), new AttentionRelations(), new ClassLabels(),
        ];

    /// <summary>The loss that learns the data itself with a student of that head; null where there is none.</summary>
    internal static RowLoss? Predicting(ModelHead head) => All.OfType<RowLoss>().FirstOrDefault(loss => loss.Predicts == head);

    /// <summary>Where a loss stands in <see cref="All"/>; after the last one for one that does not.</summary>
    internal static int Place(Loss loss) => All.TakeWhile(other => other.Name != loss.Name).Count();

    /// <summary>The options of a run with those of the losses' terms.</summary>
    public static OptionSchema RunSchema { get; } = SchemaWith(All);

    /// <summary>The options of a run with those of the terms of some losses.</summary>
    public static OptionSchema SchemaWith(IReadOnlyList<Loss> losses) => OptionSchema.Of<RunOptions>([.. losses.SelectMany(loss => loss.Fields)]);

    /// <summary>Every problem of an objective: terms that are no losses, values out of range, and that nothing is minimised; empty when there is none.</summary>
    public static IReadOnlyList<OptionProblem> Validate(RunOptions options) => Validate(options, All);

    /// <summary>The terms of an objective that are no losses, and parameters that no loss can read: there is no value to look at or to write.</summary>
    public static IReadOnlyList<OptionProblem> Unreadable(RunOptions options) => Unreadable(options, All);

    private static IReadOnlyList<OptionProblem> Unreadable(RunOptions options, IReadOnlyList<Loss> losses)
    {
        var problems = new OptionProblems();
        foreach ((string name, ObjectiveTerm term) in options.Objective)
        {
            if (losses.FirstOrDefault(loss => loss.Name == name) is not Loss loss)
                problems.Add($"objective.{ForeignText.Quote(name)}",
                    $"'{ForeignText.Quote(name)}' is no loss. Choose among: {string.Join(", ", losses.Select(known => known.Name))}.");
            else if (loss.Unreadable(term) is OptionProblem unreadable)
                problems.AddRange([unreadable]);
        }
        return problems.Found;
    }

    /// <param name="sortsTexts">Whether the run is one over labelled examples.</param>
    internal static IReadOnlyList<OptionProblem> Validate(RunOptions options, IReadOnlyList<Loss> losses, bool sortsTexts = false)
    {
        if (Unreadable(options, losses) is { Count: > 0 } unreadable)
            return unreadable;
        var problems = new OptionProblems();
        problems.AddRange(losses.SelectMany(loss => loss.Fields).Select(field => (field.Path, Message: field.Problem(options)))
            .Where(found => found.Message is not null).Select(found => new OptionProblem(found.Path, found.Message!)));
        bool hasTeacher = options.Teacher.ModelId is not null;
        foreach (Loss loss in Active(options, losses, hasTeacher))
        {
            if (options.Teacher.HasSeveral && loss.ProblemWithSeveralTeachers(options.Teacher.Combination) is string unfit)
                problems.Add(loss.Fields[0].Path, unfit);
        }
        if (problems.Found.Count > 0 || losses.Any(loss => IsActive(loss, options, hasTeacher)))
            return problems.Found;
        Loss first = hasTeacher ? losses[0] : sortsTexts ? Predicting(ModelHead.Classes)! : losses.First(loss => !loss.NeedsTeacher);
        problems.Add(first.Fields[0].Path, hasTeacher
            ? "All loss weights are 0, so nothing would be minimised. Give at least one of them a weight above 0."
            : $"The weight of '{first.Label}' is 0 and there is no teacher, so nothing would be minimised. Give it a weight above 0.");
        return problems.Found;
    }

    /// <summary>The losses that a run minimises: weight above 0, and without a teacher only those that need none.</summary>
    public static IReadOnlyList<Loss> Active(RunOptions options, bool hasTeacher) => Active(options, All, hasTeacher);

    internal static IReadOnlyList<Loss> Active(RunOptions options, IReadOnlyList<Loss> losses, bool hasTeacher) =>
        [.. losses.Where(loss => IsActive(loss, options, hasTeacher))];

    /// <summary>The unit of the weighted sum that a run minimises: that of its losses; null where they have several, whose sum has none.</summary>
    public static string? UnitOfSum(RunOptions options) =>
        Active(options, options.Teacher.ModelId is not null).Select(loss => loss.Unit).Distinct().ToList() is [string only] ? only : null;

    private static bool IsActive(Loss loss, RunOptions options, bool hasTeacher) => loss.Weight(options) > 0 && (hasTeacher || !loss.NeedsTeacher);
}
