using WebDistill.Data;
using WebDistill.Distillation.Models;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Compare;

/// <summary>Compared runs that differ in their seeds alone.</summary>
/// <param name="Title">What tells it from the others: the options in which it differs, or the name of its first run where they are many.</param>
/// <param name="Runs">Its runs, in the order in which they were chosen.</param>
/// <param name="IsTextAlone">Whether nothing of a teacher is in what it minimises.</param>
public sealed record ComparedArm(string Title, IReadOnlyList<ComparedRun> Runs, bool IsTextAlone)
{
    // Beyond that a title is no title.
    private const int MostOptions = 2, MostCharacters = 60;

    /// <summary>The arms of some runs, in the order of their first ones.</summary>
    public static IReadOnlyList<ComparedArm> Of(RunComparison comparison)
    {
        ComparedOption[] telling = [.. comparison.Differing.Where(option => option.Field.Path != "seed")];
        var arms = comparison.Runs.Select((run, i) => (Run: run, Place: i, Key: string.Join('\n', telling.Select(option => option.Texts[i]))))
            .GroupBy(one => one.Key).Select(group => (Runs: group.Select(one => one.Run).ToArray(), group.First().Place)).ToArray();
        int alone = arms.Count(arm => Baselines.IsTextAlone(StoredOptions.Of(arm.Runs[0].Run)));
        return [.. arms.Select(arm =>
        {
            bool isTextAlone = Baselines.IsTextAlone(StoredOptions.Of(arm.Runs[0].Run));
            string title = string.Join(", ", telling.Select(option => $"{option.Field.Label} {option.Texts[arm.Place]}"));
            return new ComparedArm(isTextAlone && alone == 1 && arms.Length > 1 ? (arm.Runs[0].Run.Task() == ModelHead.Classes ? "Labels alone" : "Text alone")
                : telling.Length is 0 or > MostOptions || title.Length > MostCharacters ? arm.Runs[0].Label : title, arm.Runs, isTextAlone);
        })];
    }

    /// <summary>The arm with the values of its complete runs.</summary>
    public VerdictArm With(Func<ComparedRun, double?> value)
    {
        VerdictValue[] values = [.. Runs.Where(run => run.Run.Status == RunStatus.Completed)
            .Select(run => value(run) is double measured ? new VerdictValue(run.Run.Id, run.Seed, measured) : (VerdictValue?)null).OfType<VerdictValue>()];
        return new VerdictArm(Title, values, Runs.Count - values.Length);
    }

    /// <summary>In what arms differ, in a sentence: the objective is one thing, however many of its numbers differ.</summary>
    public static string Between(RunComparison comparison, IReadOnlyList<ComparedArm> arms)
    {
        string[] things = [.. comparison.Differing.Where(option => option.Field.Path != "seed")
            .Select(option => option.Field.Path.StartsWith("objective.", StringComparison.Ordinal) && arms.Any(arm => arm.IsTextAlone) ? "Objective" : option.Field.Label).Distinct()];
        string[] facts = [.. Facts(arms).Select(fact => fact.What.ToLowerInvariant())];
        string beyond = facts.Length == 0 ? "" : $" Their records differ in {Join(facts)} too.";
        return things.Length switch
        {
            0 => $"All options but the seed are the same: these runs are one arm.{beyond}",
            1 => $"The arms differ in “{things[0]}” alone.{beyond}",
            _ => $"The arms differ in {things.Length} things ({Join([.. things.Select(thing => $"“{thing}”")])}): the verdict does not say which of them made the difference.{beyond}",
        };
    }

    private static string Join(string[] words) => words.Length <= 1 ? string.Concat(words) : $"{string.Join(", ", words[..^1])} and {words[^1]}";

    /// <summary>What of the runs' own records differs between the arms, besides options: a budget, a version, an engine.</summary>
    public static IReadOnlyList<(string What, IReadOnlyList<string> Texts)> Facts(IReadOnlyList<ComparedArm> arms)
    {
        (string What, Func<Run, string> Text)[] facts =
        [
            ("Updates", run => run.TotalSteps > 0 ? Figures.Count(run.TotalSteps) : "–"),
            ("Student's parameters", run => run.StudentParameters is long count ? Figures.Short(count) : "–"),
            ("Text", run => Beginning(run.DatasetSha256)),
            ("Teacher's weights", run => Beginning(run.TeacherSha256)),
            ("Engine", run => run.Engine ?? "–"),
            ("Version", run => run.Version ?? "–"),
        ];
        return [.. facts.Select(fact => (fact.What, Texts: (IReadOnlyList<string>)[.. arms.Select(arm =>
                string.Join(" and ", arm.Runs.Select(run => fact.Text(run.Run)).Where(text => text != "–").Distinct()) is { Length: > 0 } text ? text : "–")]))
            .Where(fact => fact.Texts.Where(text => text != "–").Distinct().Count() > 1)];

        static string Beginning(string? hash) => hash is null ? "–" : hash[..10];
    }
}
