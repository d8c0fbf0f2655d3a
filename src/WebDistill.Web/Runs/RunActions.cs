using System.Globalization;
using MudBlazor;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>The questions asked before something is done to a run, the same on every page.</summary>
public static class RunActions
{
    /// <summary>
    /// Whether a page offers to resume it. Not where it diverged: the updates after its newest checkpoint are made again to the last bit, and so is what they ended with.
    /// </summary>
    public static bool OffersResume(Run run) => RunCommands.CanResume(run) && !(run is { Status: RunStatus.Failed, ErrorCause: RunErrorCause.Diverged });

    /// <summary>What a run that diverged needs instead, and where: the form with half the learning rate, from its newest checkpoint or else from the beginning.</summary>
    public static (string Label, string Address) HalvedRate(Run run, IReadOnlyList<Checkpoint> checkpoints) => checkpoints is [.., Checkpoint newest]
        ? ($"Branch from update {Figures.Count(newest.Step)} with half the learning rate",
            string.Create(CultureInfo.InvariantCulture, $"/runs/new?branch={run.Id:N}&step={newest.Step}&halve=learningRate"))
        : ("Clone with half the learning rate", $"/runs/new?clone={run.Id:N}&halve=learningRate");

    /// <summary>Whether the run shall be stopped, or leave the queue.</summary>
    public static Task<bool> ConfirmStopAsync(Dialogs dialogs, Run run) => run.Status == RunStatus.Queued
        ? dialogs.ConfirmAsync($"Cancel {run.Name}?", run.Step == 0
            ? "It has not started yet and leaves the queue."
            : $"It leaves the queue, with {Figures.Count(run.Step)} of {Figures.Count(run.TotalSteps)} updates done.",
            "It can be resumed later: then it is the next to start.", "Cancel the run")
        : dialogs.ConfirmAsync($"Stop {run.Name}?", run.IsActive
            ? $"It saves its state after its present update, {Figures.Count(run.Step)} of {Figures.Count(run.TotalSteps)}, and ends."
            : $"It ends with {Figures.Count(run.Step)} of {Figures.Count(run.TotalSteps)} updates done.",
            "Its curves, log and checkpoints stay. It can be resumed later from its last checkpoint.", "Stop");

    /// <summary>Whether the run shall be deleted, naming everything that goes with it.</summary>
    public static Task<bool> ConfirmDeleteAsync(Dialogs dialogs, Run run, IReadOnlyList<Checkpoint> checkpoints)
    {
        string saved = checkpoints.Count == 0 ? "" : $" and {CheckpointsText(checkpoints)}";
        return dialogs.ConfirmAsync($"Delete {run.Name}?",
            $"Deletes the run with its {Figures.Count(run.Step)} recorded steps and its log{saved}.",
            run.StudentModelId is null ? null : "The model that it made stays under Models.", "Delete");
    }

    /// <summary>Whether those runs shall be stopped, or leave the queue.</summary>
    /// <param name="runs">Those that can be.</param>
    /// <param name="chosen">How many were chosen.</param>
    public static Task<bool> ConfirmStopAsync(Dialogs dialogs, IReadOnlyList<Run> runs, int chosen) => runs.Count == 0
        ? throw new ConflictException(chosen == 1 ? "The run has ended already: there is nothing to stop." : $"All {Figures.Count(chosen)} runs have ended already: there is nothing to stop.")
        : runs.Count == 1
            ? ConfirmStopAsync(dialogs, runs[0])
            : dialogs.ConfirmAsync($"Stop {Figures.Count(runs.Count)} runs?",
                "One that trains saves its state after its present update and ends; those that wait leave the queue.",
                $"Their curves, logs and checkpoints stay, and each can be resumed later.{(runs.Count < chosen ? $" {Figures.Count(chosen - runs.Count)} of the chosen have ended already." : "")}", "Stop them");

    /// <summary>Whether those runs shall be deleted, naming everything that goes with them.</summary>
    public static Task<bool> ConfirmDeleteAsync(Dialogs dialogs, IReadOnlyList<Run> runs, IReadOnlyList<Checkpoint> checkpoints) => runs.Count == 1
        ? ConfirmDeleteAsync(dialogs, runs[0], checkpoints)
        : dialogs.ConfirmAsync($"Delete {Figures.Count(runs.Count)} runs?",
            $"Deletes them with their {Figures.Count(runs.Sum(run => (long)run.Step))} recorded steps and their logs{(checkpoints.Count == 0 ? "" : $" and {CheckpointsText(checkpoints)}")}.",
            runs.Any(run => run.StudentModelId is not null) ? "The models that they made stay under Models." : null, "Delete them");

    /// <summary>Whether the run shall go on from that checkpoint, naming what is made again and what goes.</summary>
    public static Task<bool> ConfirmResumeFromAsync(Dialogs dialogs, Run run, int step, IReadOnlyList<Checkpoint> checkpoints)
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
        return dialogs.ConfirmAsync($"Resume {run.Name} from update {Figures.Count(step)}?", text, removed, "Resume", destroys: later.Length > 0);
    }

    /// <summary>Whether that checkpoint shall be removed.</summary>
    public static Task<bool> ConfirmDeleteCheckpointAsync(Dialogs dialogs, Run run, Checkpoint checkpoint, bool isOnly) =>
        dialogs.ConfirmAsync($"Delete the checkpoint of update {Figures.Count(checkpoint.Step)}?",
            $"Deletes the state of {run.Name} after update {Figures.Count(checkpoint.Step)}, {Figures.BytesText(checkpoint.Bytes)}.",
            isOnly ? "It is the only one: without it the run can only begin anew." : "The curves and the other checkpoints stay.",
            "Delete");

    /// <summary>Pins a run as the baseline, or unpins it, and says so.</summary>
    /// <param name="isPinned">Whether it is the baseline now.</param>
    public static async Task PinAsync(PinnedBaseline baseline, ISnackbar snackbar, Run run, bool isPinned)
    {
        if (isPinned)
            await baseline.UnpinAsync();
        else
            await baseline.PinAsync(run.Id);
        snackbar.Add(isPinned ? "No run is the baseline any more" : $"{run.Name} is the baseline: every comparable figure shows its difference to it", Severity.Success);
    }

    /// <summary>Asks how many epochs a completed run shall train on; null when none.</summary>
    public static async Task<int?> AskEpochsAsync(Dialogs dialogs, Run run) =>
        await dialogs.AskAsync($"Continue {run.Name}", new DialogParameters<ContinueDialog> { { dialog => dialog.Run, run } }) as int?;

    /// <summary>"3 checkpoints, 412 MB".</summary>
    public static string CheckpointsText(IReadOnlyCollection<Checkpoint> checkpoints) =>
        $"{checkpoints.Count} {(checkpoints.Count == 1 ? "checkpoint" : "checkpoints")}, "
        + Figures.BytesText(checkpoints.Sum(saved => saved.Bytes));
}
