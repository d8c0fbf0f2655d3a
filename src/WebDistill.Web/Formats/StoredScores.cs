using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Training;

namespace WebDistill.Web.Formats;

/// <summary>Where rows of runs and checkpoints keep what was measured on held-out data: a perplexity in columns of its own, what was told of classes as JSON by the names of the series.</summary>
public static class StoredScores
{
    /// <summary>What was measured last of a run's student; null when nothing was.</summary>
    public static ValidationScore? Score(this Run run) =>
        ValidationScore.Stored(Perplexity.Stored(run.ValidationPerplexity, run.ValidationNatsPerToken), Read(run.ValidationOfClassesJson));

    /// <summary>What was measured of its teacher; null without one, and when nothing was.</summary>
    public static ValidationScore? TeacherScore(this Run run) =>
        ValidationScore.Stored(Perplexity.Stored(run.TeacherPerplexity, run.TeacherNatsPerToken), Read(run.TeacherOfClassesJson));

    /// <summary>What was measured of a checkpoint's weights; null when nothing was.</summary>
    public static ValidationScore? Score(this Checkpoint checkpoint) =>
        ValidationScore.Stored(Perplexity.Stored(checkpoint.ValidationPerplexity, checkpoint.ValidationNatsPerToken), Read(checkpoint.ValidationOfClassesJson));

    /// <summary>What an update measured; null when it measured nothing.</summary>
    internal static ValidationScore? ScoreOf(StepReport report) =>
        report[LoopSeries.ValidationPerplexity.Name] is double perplexity ? ValidationScore.Of(new Perplexity(perplexity, report[LoopSeries.ValidationNatsPerToken.Name]!.Value))
        : report[LoopSeries.ValidationAccuracy.Name] is null ? null
        : new ValidationScore(ValidationFigure.OfClasses, LoopSeries.Measured(ModelHead.Classes).ToDictionary(series => series.Name, series => report[series.Name]!.Value));

    /// <summary>The best figure that each of some runs has recorded, with the mean loss beside it: the lowest perplexity, or the highest accuracy. Those that recorded none are missing.</summary>
    internal static async Task<IReadOnlyDictionary<Guid, MeasuredPair>> BestAsync(this WebDistillDb db, IReadOnlyCollection<Guid> runIds, CancellationToken cancel)
    {
        IReadOnlyDictionary<Guid, MeasuredPair> lowest = await db.LowestAsync(runIds, LoopSeries.ValidationPerplexity.Name, LoopSeries.ValidationNatsPerToken.Name, cancel);
        // A run measures the one or the other.
        Guid[] others = [.. runIds.Where(run => !lowest.ContainsKey(run))];
        return others.Length == 0 ? lowest
            : lowest.Concat(await db.HighestAsync(others, LoopSeries.ValidationAccuracy.Name, LoopSeries.ValidationNatsPerText.Name, cancel)).ToDictionary(best => best.Key, best => best.Value);
    }

    internal static void Put(this Run run, ValidationScore score)
    {
        if (score.Perplexity is Perplexity perplexity)
            (run.ValidationPerplexity, run.ValidationNatsPerToken) = (perplexity.Value, perplexity.NatsPerToken);
        else
            (run.ValidationOfClassesJson, run.ValidationAccuracy) = (Write(score), score.Value);
    }

    internal static void PutTeacher(this Run run, ValidationScore score)
    {
        if (score.Perplexity is Perplexity perplexity)
            (run.TeacherPerplexity, run.TeacherNatsPerToken) = (perplexity.Value, perplexity.NatsPerToken);
        else
            run.TeacherOfClassesJson = Write(score);
    }

    internal static void Put(this Checkpoint row, ValidationScore? score)
    {
        Perplexity? perplexity = score?.Perplexity;
        (row.ValidationPerplexity, row.ValidationNatsPerToken) = (perplexity?.Value, perplexity?.NatsPerToken);
        row.ValidationOfClassesJson = score is { Perplexity: null } ? Write(score) : null;
    }

    private static string Write(ValidationScore score) => JsonSerializer.Serialize(score.Values, WebJson.Measured);

    private static Dictionary<string, double>? Read(string? json) => json is null ? null : JsonSerializer.Deserialize<Dictionary<string, double>>(json, WebJson.Measured);
}
