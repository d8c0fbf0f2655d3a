using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>How far the latest validation of a run is from that of the pinned baseline: its perplexity, or its accuracy.</summary>
/// <param name="Text">"+0.12 (+3.1 %)", "+1.20 points", or that they cannot be compared.</param>
/// <param name="Hint">With what it is compared, or why it cannot be.</param>
/// <param name="IsComparable">Whether both are measured on the same text that is cut in the same way.</param>
public sealed record BaselineDifference(string Text, string Hint, bool IsComparable)
{
    /// <summary>The options on which a validation perplexity depends: what it is measured on, and how the text is cut for it.</summary>
    public static IReadOnlyList<string> DecidePerplexity { get; } = ["data.datasetId", "data.sequenceMode", "data.contextLength", "schedule.validationMaxTokens"];

    /// <summary>The same of a task: of labelled examples each is read whole, or up to the context's end.</summary>
    public static IReadOnlyList<string> Decide(ModelHead task) => task == ModelHead.Classes ? ["data.datasetId", "data.contextLength", "schedule.validationMaxTokens"] : DecidePerplexity;

    /// <summary>The options that decide what a student does with a text: perplexities of two tasks are no figures of one kind.</summary>
    public static IReadOnlyList<string> DecideTask { get; } = ["student.family", "teacher.modelId", "objective.mlm.weight", "objective.labels.weight"];

    /// <summary>That of a run; null where it is the baseline itself, none is pinned, or one of the two has not been measured.</summary>
    public static BaselineDifference? Of(Run run, Run? baseline)
    {
        if (baseline is null || run.Id == baseline.Id || run.Score() is not ValidationScore measured || baseline.Score() is not ValidationScore against)
            return null;
        string with = $"the baseline {baseline.Name}, {against.Text()}";
        if (measured.Figure != against.Figure)
            return new("another task", $"Not comparable with {with}: one of the two sorts texts into classes and is measured by its accuracy, the other one by its perplexity.", IsComparable: false);
        IReadOnlyList<string> obstacles = Obstacles(run, baseline);
        if (obstacles.Count > 0)
            return new(measured.Perplexity is null ? "other examples" : "another text", $"Not comparable with {with}: the two differ in {string.Join(", ", obstacles.Select(label => $"“{label}”"))}, so that they are measured on different {(measured.Perplexity is null ? "examples, or on examples" : "text, or on text")} "
                + "that is cut differently.", IsComparable: false);
        if (measured.Perplexity is not Perplexity own || against.Perplexity is not Perplexity other)
            return new(Figures.Points(measured.Value - against.Value), $"Against {with}; higher is better.", IsComparable: true);
        double relative = own.RelativeTo(other), apart = own.Value - other.Value;
        return new(double.IsFinite(apart) ? $"{Figures.Signed(apart)} ({Figures.Percent(relative)})" : Figures.Percent(relative), $"Against {with}; lower is better.", IsComparable: true);
    }

    /// <summary>The options for which two runs' perplexities cannot be compared, as the form calls them.</summary>
    public static IReadOnlyList<string> Obstacles(Run run, Run other)
    {
        (RunOptions first, RunOptions second) = (StoredOptions.Of(run), StoredOptions.Of(other));
        var (own, others) = (OptionTexts.Values(first), OptionTexts.Values(second));
        ModelHead task = run.Task();
        bool areTwoTasks = task != other.Task();
        return [.. LossCatalogue.RunSchema.Settings.Where(field => (Decide(task).Contains(field.Path) || areTwoTasks && DecideTask.Contains(field.Path)) && RunDraft.Write(field.In(own)) != RunDraft.Write(field.In(others)))
            .Select(field => field.Label)];
    }
}
