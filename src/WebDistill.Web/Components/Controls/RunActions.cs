using Radzen;
using WebDistill.Data;

namespace WebDistill.Web.Components.Controls;

/// <summary>The questions asked before a run is stopped or deleted, the same on every page.</summary>
public static class RunActions
{
    /// <summary>Whether the run shall be stopped.</summary>
    public static Task<bool> ConfirmStopAsync(DialogService dialogs, Run run) => Confirmation.AskAsync(dialogs, $"Stop {run.Name}?",
        run.Status == RunStatus.Queued
            ? "It has not started yet and leaves the queue."
            : $"It ends after its present update, {Figures.Count(run.Step)} of {Figures.Count(run.TotalSteps)}.",
        "Its curves, log and checkpoints stay. It cannot be continued.", "Stop");

    /// <summary>Whether the run shall be deleted, naming everything that goes with it.</summary>
    public static Task<bool> ConfirmDeleteAsync(DialogService dialogs, Run run, IReadOnlyList<Checkpoint> checkpoints)
    {
        string saved = checkpoints.Count == 0
            ? ""
            : $" and {checkpoints.Count} {(checkpoints.Count == 1 ? "checkpoint" : "checkpoints")}, {Figures.BytesText(checkpoints.Sum(c => c.Bytes))}";
        return Confirmation.AskAsync(dialogs, $"Delete {run.Name}?",
            $"Deletes the run with its {Figures.Count(run.Step)} recorded steps and its log{saved}.",
            run.StudentModelId is null ? null : "The model that it made stays under Models.", "Delete");
    }
}
