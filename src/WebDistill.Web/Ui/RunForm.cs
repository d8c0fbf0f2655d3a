using WebDistill.Distillation.Options;

namespace WebDistill.Web.Ui;

/// <summary>The state that the fields of the run form share: what is typed, what it is compared with, what is wrong with it.</summary>
public sealed class RunForm(RunDraft draft, RunDraft basis, string basisName, Action changed)
{
    /// <summary>Options that name a model, a data set or the run itself: a preset neither sets nor compares them.</summary>
    public static IReadOnlySet<string> Untouched { get; } = new HashSet<string> { "name", "teacher.modelId", "teacher.others", "data.datasetId", "student.modelId" };

    /// <summary>What is typed.</summary>
    public RunDraft Draft => draft;

    /// <summary>Name of the preset or run that the form started from.</summary>
    public string BasisName => basisName;

    /// <summary>Options that keep their value.</summary>
    public IReadOnlySet<string> Kept { get; init; } = new HashSet<string>();

    /// <summary>Why <see cref="Kept"/> ones do.</summary>
    public string WhyKept { get; init; } = "";

    /// <summary>Every problem found, in the form's reading order.</summary>
    public IReadOnlyList<OptionProblem> Problems { get; set; } = [];

    /// <summary>What may go wrong or be unintended with the last state that was checked.</summary>
    public IReadOnlyList<OptionProblem> Warnings { get; set; } = [];

    /// <summary>What was changed in a field because a model that was chosen cannot do otherwise, until somebody types there.</summary>
    public Dictionary<string, string> Fitted { get; } = [];

    /// <summary>Everything to know: the warnings, and what was fitted.</summary>
    public IReadOnlyList<OptionProblem> Remarks => [.. Warnings, .. Fitted.Select(one => new OptionProblem(one.Key, one.Value))];

    /// <summary>The option that somebody is led to: a panel that hides it opens.</summary>
    public string? Revealed { get; set; }

    /// <summary>The message beside a field.</summary>
    public string? ProblemOf(string field) => Problems.FirstOrDefault(problem => problem.Field == field)?.Message;

    /// <summary>What stands beside a field that can be used and may go wrong.</summary>
    public string? WarningOf(string field) => Warnings.FirstOrDefault(warning => warning.Field == field)?.Message ?? Fitted.GetValueOrDefault(field);

    /// <summary>Types a text.</summary>
    public void Set(string field, string text)
    {
        draft[field] = text;
        Fitted.Remove(field);
        changed();
    }

    /// <summary>Whether a field differs from the preset.</summary>
    public bool Differs(string field) => !Untouched.Contains(field) && draft[field].Trim() != basis[field];

    /// <summary>What <see cref="Reset"/> would type.</summary>
    public string Basis(string field) => basis[field] == "" ? "automatic" : basis[field];

    /// <summary>Takes the preset's text again.</summary>
    public void Reset(string field) => Set(field, basis[field]);
}
