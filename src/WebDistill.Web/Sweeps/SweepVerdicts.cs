using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Web.Compare;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Sweeps;

/// <summary>The verdict on a sweep, and what belongs to it.</summary>
/// <param name="Verdict">Its points are the arms, and its metric decides.</param>
/// <param name="Between">In what the arms differ, in a sentence.</param>
/// <param name="MissingBaselines">Runs that the best distillation lacks for its baseline, which learns from the text alone; null where nothing of the sweep
/// learns from a teacher.</param>
public sealed record SweepJudgement(Verdict Verdict, string Between, int? MissingBaselines);

/// <summary>Judges sweeps: which point is better, or whether the best one was worth its teacher.</summary>
public sealed class SweepVerdicts(RunService runs, RunTable table, ModelService models, DatasetTable datasets, Baselines baselines)
{
    /// <summary>What is compared with the text alone, in an address.</summary>
    public const string TextAlone = "text";

    /// <summary>The verdict on a sweep as it stands.</summary>
    /// <param name="againstText">Whether the points shall beat the runs that learn from the text alone; otherwise the best point is compared with all others.</param>
    public async Task<SweepJudgement> ReadAsync(SweepReport report, bool againstText = false, CancellationToken cancel = default)
    {
        Run[] own = [.. report.Runs.Select(run => run.Run)];
        IReadOnlyList<Run> distillation = BestDistillation(report);
        IReadOnlyDictionary<string, Run> known = distillation.Count == 0 ? new Dictionary<string, Run>() : await baselines.FindAsync(distillation, cancel);
        int missing = distillation.Select(run => Baselines.Key(Baselines.Of(run))).Distinct().Count(key => !known.ContainsKey(key));
        Run[] text = againstText ? [.. known.Values.OrderBy(run => run.QueueOrder)] : [];
        // A sweep may hold the text alone as one of its points: that is the arm then.
        int place = report.Groups.ToList().FindIndex(group => group.Runs.Any(run => text.Any(other => other.Id == run.Run.Id)));
        Run[] added = place < 0 ? text : [];

        IReadOnlyDictionary<Guid, MeasuredPair> best = added.Length > 0 && report.Plan.Metric.IsBestOfRun()
            ? await runs.BestAsync([.. added.Select(run => run.Id)], cancel) : new Dictionary<Guid, MeasuredPair>();
        OptionTexts texts = await OptionTexts.ReadAsync(own.Concat(added).Select(StoredOptions.Of), table, models, datasets, cancel);
        RunComparison comparison = RunComparison.Of([.. own.Concat(added).Select((run, slot) => new ComparedRun(run, slot, null, null))], [], texts);

        List<VerdictArm> arms = [.. report.Groups.Select(group => Arm(group.Title, group.Runs))];
        if (added.Length > 0)
            arms.Add(Arm(comparison.SortTexts ? "Labels alone" : "Text alone", [.. added.Select(run => new SweepRun(run, [], SweepReport.ValueOf(report.Plan.Metric, run, best).Value, null))]));
        VerdictArm? baseline = added.Length > 0 ? arms[^1] : place >= 0 ? arms[place] : null;
        string measure = report.Plan.Metric.Measure();
        string? halved = report.Plan.Halving is not null && arms.Where(arm => arm.Mean is not null).ToArray() is [VerdictArm only]
            ? $"{only.Title} alone was trained to its end: the others were stopped after fewer updates, where nothing is said about chance. Raise one of them by hand, or train the best again "
                + "under several seeds beside another one." : null;
        Verdict verdict = Verdict.Of(RunVerdict.Measure(comparison, measure), arms, baseline, RunVerdict.Obstacle(comparison, measure) ?? halved);
        return new SweepJudgement(verdict, ComparedArm.Between(comparison, ComparedArm.Of(comparison)), distillation.Count == 0 ? null : missing);
    }

    /// <summary>Makes sure that the best distillation has its baseline: what is missing is queued.</summary>
    /// <returns>How many runs are new.</returns>
    /// <exception cref="Failures.OptionsInvalidException">One cannot be made, as when the teacher or the text was deleted; says why.</exception>
    public async Task<int> CompleteBaselineAsync(SweepReport report, CancellationToken cancel = default) =>
        (await baselines.CompleteAsync(BestDistillation(report), cancel)).Queued;

    // Points are ordered by their means: the first that learns from a teacher.
    private static IReadOnlyList<Run> BestDistillation(SweepReport report) =>
        [.. report.Groups.FirstOrDefault(group => group.Runs.Any(run => !Baselines.IsTextAlone(StoredOptions.Of(run.Run))))?.Runs.Select(run => run.Run) ?? []];

    private static VerdictArm Arm(string title, IReadOnlyList<SweepRun> runs) => new(title, [.. runs.Where(run => run.Counts).Select(run => new VerdictValue(run.Run.Id,
        StoredOptions.Of(run.Run).Seed.ToString(CultureInfo.InvariantCulture), run.Value!.Value))], runs.Count(run => !run.Counts));
}
