using Radzen;
using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>The questions asked before something is done to a run, the same on every page.</summary>
public static class RunActions
{
    /// <summary>Whether the run shall be stopped, or leave the queue.</summary>
    public static Task<bool> ConfirmStopAsync(DialogService dialogs, Run run) => run.Status == RunStatus.Queued
        ? Confirmation.AskAsync(dialogs, $"Cancel {run.Name}?", run.Step == 0
            ? "It has not started yet and leaves the queue."
            : $"It leaves the queue, with {Figures.Count(run.Step)} of {Figures.Count(run.TotalSteps)} updates done.",
            "It can be resumed later: then it is the next to start.", "Cancel the run")
        : Confirmation.AskAsync(dialogs, $"Stop {run.Name}?", run.IsActive
            ? $"It saves its state after its present update, {Figures.Count(run.Step)} of {Figures.Count(run.TotalSteps)}, and ends."
            : $"It ends with {Figures.Count(run.Step)} of {Figures.Count(run.TotalSteps)} updates done.",
            "Its curves, log and checkpoints stay. It can be resumed later from its last checkpoint.", "Stop");

    /// <summary>Whether the run shall be deleted, naming everything that goes with it.</summary>
    public static Task<bool> ConfirmDeleteAsync(DialogService dialogs, Run run, IReadOnlyList<Checkpoint> checkpoints)
    {
        string saved = checkpoints.Count == 0 ? "" : $" and {CheckpointsText(checkpoints)}";
        return Confirmation.AskAsync(dialogs, $"Delete {run.Name}?",
            $"Deletes the run with its {Figures.Count(run.Step)} recorded steps and its log{saved}.",
            run.StudentModelId is null ? null : "The model that it made stays under Models.", "Delete");
    }

    /// <summary>Whether the run shall go on from that checkpoint, naming what is made again and what goes.</summary>
    public static Task<bool> ConfirmResumeFromAsync(DialogService dialogs, Run run, int step, IReadOnlyList<Checkpoint> checkpoints)
    {
        int again = run.Step - step;
        Checkpoint[] later = [.. checkpoints.Where(saved => saved.Step > step)];
        string text = again <= 0
            ? $"No update was recorded after update {Figures.Count(step)}: nothing is made again."
            : $"{(again == 1 ? "The 1 update that was" : $"The {Figures.Count(again)} updates that were")} recorded after update "
                + $"{Figures.Count(step)} {(again == 1 ? "is" : "are")} made again.";
        string? removed = later.Length == 0 ? null
            : $"Removes {(later.Length == 1 ? "the later checkpoint" : $"the {later.Length} later checkpoints")}, "
                + $"{Figures.BytesText(later.Sum(saved => saved.Bytes))}: "
                + $"{(later.Length == 1 ? "update" : "updates")} {(later.Length > 6
                    ? $"{Figures.Count(later[0].Step)} to {Figures.Count(later[^1].Step)}"
                    : string.Join(", ", later.Select(saved => Figures.Count(saved.Step))))}.";
        return Confirmation.AskAsync(dialogs, $"Resume {run.Name} from update {Figures.Count(step)}?", text, removed, "Resume",
            destroys: later.Length > 0, refusal: "Cancel");
    }

    /// <summary>Whether that checkpoint shall be removed.</summary>
    public static Task<bool> ConfirmDeleteCheckpointAsync(DialogService dialogs, Run run, Checkpoint checkpoint, bool isOnly) =>
        Confirmation.AskAsync(dialogs, $"Delete the checkpoint of update {Figures.Count(checkpoint.Step)}?",
            $"Deletes the state of {run.Name} after update {Figures.Count(checkpoint.Step)}, {Figures.BytesText(checkpoint.Bytes)}.",
            isOnly ? "It is the only one: without it the run can only begin anew." : "The curves and the other checkpoints stay.",
            "Delete");

    /// <summary>Asks how many epochs a completed run shall train on; null when none.</summary>
    public static async Task<int?> AskEpochsAsync(DialogService dialogs, Run run) =>
        await dialogs.OpenAsync<ContinueDialog>($"Continue {run.Name}",
            new Dictionary<string, object?> { [nameof(ContinueDialog.Run)] = run }, Confirmation.Options) as int?;

    /// <summary>"3 checkpoints, 412 MB".</summary>
    public static string CheckpointsText(IReadOnlyCollection<Checkpoint> checkpoints) =>
        $"{checkpoints.Count} {(checkpoints.Count == 1 ? "checkpoint" : "checkpoints")}, "
        + Figures.BytesText(checkpoints.Sum(saved => saved.Bytes));
}
