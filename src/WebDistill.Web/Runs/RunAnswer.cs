using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Runs;

/// <summary>A figure of a page's head.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Value">The number, written.</param>
/// <param name="Unit">Stands behind it, lighter.</param>
/// <param name="Beside">What it is compared with, below it.</param>
/// <param name="Hint">The protocol by which it was measured.</param>
/// <param name="Tone">"student" or "teacher", whose colour it has; null for neither.</param>
public sealed record HeadFigure(string Label, string Value, string? Unit = null, string? Beside = null, string? Hint = null, string? Tone = null);

/// <summary>What a run waits for, and how long it still takes.</summary>
/// <param name="Place">Its place in the queue, from 1; null where it does not wait or is not listed.</param>
/// <param name="WaitsFor">The run that must be complete first, while it is not.</param>
/// <param name="Preparation">What its data set is still doing; null when that is ready.</param>
/// <param name="Left">How long it still trains, as far as that can be said.</param>
/// <param name="HeldOutTokens">Tokens of the held-out text; null where the data set is gone.</param>
/// <param name="Checkpoints">Those on the disk, first one first.</param>
/// <param name="IsHeld">Whether it rests with its state in memory.</param>
/// <param name="Baseline">The run that is pinned as the baseline; null while none is.</param>
public sealed record RunOutlook(
    int? Place = null, Run? WaitsFor = null, string? Preparation = null, TimeSpan? Left = null, long? HeldOutTokens = null,
    IReadOnlyList<Checkpoint>? Checkpoints = null, bool IsHeld = false, Run? Baseline = null)
{
    /// <summary>Whether its data set holds labelled examples; false where the data set is gone.</summary>
    public bool HoldsExamples { get; init; }

    /// <summary>What the student does.</summary>
    internal ModelHead Task(Run run) => HoldsExamples ? ModelHead.Classes : run.Task();
}

/// <summary>What came out of a run, or what happens with it now: a sentence and at most four figures.</summary>
public sealed record RunAnswer(string Sentence, IReadOnlyList<HeadFigure> Figures)
{
    /// <summary>That of a run as it stands.</summary>
    public static RunAnswer Of(Run run, RunOutlook outlook)
    {
        RunOptions options = StoredOptions.Of(run);
        ModelHead task = outlook.Task(run);
        string tokens = task == ModelHead.Classes ? "on held-out examples" : $"first {Formats.Figures.Count(ScoreTexts.TokensRead(options, outlook.HeldOutTokens))} tokens";
        return new RunAnswer(SentenceOf(run, options, outlook, task, tokens), [.. FiguresOf(run, options, task, tokens, BaselineDifference.Of(run, outlook.Baseline)).Take(4)]);
    }

    private static string SentenceOf(Run run, RunOptions options, RunOutlook outlook, ModelHead task, string tokens) => run.Status switch
    {
        RunStatus.Completed => Result(run, task, tokens) is string result ? $"{result}." : $"Completed after {Updates(run.Step)}; the held-out {(task == ModelHead.Classes ? "examples were" : "text was")} not measured.",
        RunStatus.Queued => outlook.Preparation is string phase ? $"Waits for its data set: {phase}."
            : outlook.WaitsFor is { } before ? $"Waits for its teacher: {before.Name} has made {Formats.Figures.Share(before.Progress())} of its updates."
            : outlook.Place is int place ? (place == 1 ? "The next to start; one run trains at a time." : $"{Place(place)}; one run trains at a time.")
            : "Waits for its turn; one run trains at a time.",
        RunStatus.Preparing => "Reads its models, its corpus and its checkpoint.",
        RunStatus.Running => Result(run, task, tokens) is string soFar ? $"So far {soFar}."
            : run.Step == 0 ? "Makes its first update."
            : options.Schedule.ValidationIntervalSteps is > 0 and int interval && interval < run.TotalSteps
                ? $"Learns; the held-out {Held(task)} measured for the first time after update {Formats.Figures.Count(Math.Max(interval, (run.Step / interval + 1) * interval))}."
                : $"Learns; the held-out {Held(task)} measured at the end.",
        RunStatus.Pausing or RunStatus.Stopping => $"Saves its state after {Updates(run.Step)}.",
        RunStatus.Paused when outlook.IsHeld => $"Waits for room on the disk after {Updates(run.Step)}, its state in memory.",
        RunStatus.Paused when run.Step >= run.RestAtStep => $"Waits at update {Formats.Figures.Count(run.Step)} for the other points of its sweep: the best of them go on. Resume lets it go on to its end.",
        RunStatus.Paused => $"Rests after {Done(run)}; its state is saved.",
        RunStatus.Failed when run.ErrorCause == RunErrorCause.Diverged =>
            $"Diverged after {Updates(run.Step)}: a number stopped being finite. Half the learning rate is worth a try.",
        _ when run.Step == 0 => $"{Ended(run)} before its first update.",
        _ => $"{Ended(run)} after {Done(run)}{GoesOn(run, outlook)}",
    };

    private static string Ended(Run run) => run.Status == RunStatus.Interrupted ? "Cut off by the end of the process" : $"{run.Status}";

    private static string GoesOn(Run run, RunOutlook outlook) => outlook.Checkpoints switch
    {
        null => ".",
        [] => "; no checkpoint is left, so it can only begin anew.",
        [.., var last] when last.Step < run.Step => $"; its newest checkpoint is that of update {Formats.Figures.Count(last.Step)}.",
        _ => "; it can go on from there.",
    };

    // "58 % of the teacher's size, 0.4 % worse: validation perplexity 1.67 against 1.65, first 8 192 tokens"
    private static string? Result(Run run, ModelHead task, string tokens)
    {
        if (run.Score() is { Perplexity: null } told)
            return ResultOfClasses(run, told);
        if (run.Validation() is not Perplexity own)
            return null;
        string name = ScoreTexts.FigureOf(task);
        if (run.Teacher() is not Perplexity teacher || run.GapToTeacher() is not double gap)
            return $"{(run.Status == RunStatus.Completed ? name : Lower(name))} {Formats.Figures.Perplexity(own)} after {Updates(run.Step)}, {tokens}";
        string size = Ratio(run) is double ratio ? $"{Formats.Figures.Part(ratio)} of the teacher's size, " : "";
        string quality = !double.IsFinite(gap) ? "not comparable with it" : Math.Abs(gap) < 0.0005 ? "as good" : $"{Formats.Figures.Unsigned(gap)} {(gap > 0 ? "worse" : "better")}";
        return $"{size}{quality}: {Lower(name)} {Formats.Figures.Perplexity(own)} against {Formats.Figures.Perplexity(teacher)}, {tokens}";
    }

    // "58 % of the teacher's size, 1.20 points worse: validation accuracy 91.30 % against 92.50 %, higher is better"
    private static string ResultOfClasses(Run run, ValidationScore told)
    {
        string name = run.Status == RunStatus.Completed ? ScoreTexts.Accuracy : Lower(ScoreTexts.Accuracy), also = $"macro F1 {Formats.Figures.Decimal(told.Of(LoopSeries.ValidationMacroF1))}";
        if (run.TeacherScore() is not { } teacher || run.PointsToTeacher() is not double points)
            return $"{name} {told.Text()} after {Updates(run.Step)}, {also}, on held-out examples; higher is better";
        string size = Ratio(run) is double ratio ? $"{Formats.Figures.Part(ratio)} of the teacher's size, " : "";
        string quality = Math.Abs(points) < 0.00005 ? "as good" : $"{Formats.Figures.UnsignedPoints(points)} {(points < 0 ? "worse" : "better")}";
        return $"{size}{quality}: {Lower(ScoreTexts.Accuracy)} {told.Text()} against {teacher.Text()}, {also}; higher is better";
    }

    private static string Held(ModelHead task) => task == ModelHead.Classes ? "examples are" : "text is";

    private static IEnumerable<HeadFigure> FiguresOf(Run run, RunOptions options, ModelHead task, string tokens, BaselineDifference? difference)
    {
        bool distils = run.Kind == RunKind.Distillation;
        if (run.Score() is { Perplexity: null } told)
        {
            ValidationScore? taught = run.TeacherScore();
            yield return new(ScoreTexts.Accuracy, told.Text(),
                Beside: Joined(taught is null ? null : $"{Formats.Figures.Points(told.Value - taught.Value)} to the teacher's {taught.Text()}", difference is null ? null : $"baseline: {difference.Text}"),
                Hint: $"{(difference is null ? "" : $"{difference.Hint} ")}{ScoreTexts.Protocol(task, options.Schedule.ValidationMaxTokens).What}", Tone: distils ? "student" : null);
            yield return new("Macro F1", Score(told, LoopSeries.ValidationMacroF1), Beside: $"Matthews {Score(told, LoopSeries.ValidationMatthews)}",
                Hint: "Mean of the classes' F1, 0 to 1, and the correlation of what is with what is told, -1 to 1. Both count small classes as much as large ones; higher is better.");
            yield return new("Cross-entropy", Formats.Figures.Loss(told.NatsOnAverage), Unit: "nats/text", Beside: taught is null ? null : $"teacher {Formats.Figures.Loss(taught.NatsOnAverage)}",
                Hint: "Mean of −ln p of the held-out texts' classes. Lower is better; it is decided by how sure the model is, and not only by what it tells.");
        }
        if (run.Validation() is Perplexity own)
        {
            bool isMasked = task == ModelHead.MaskedToken;
            yield return new(PerplexityProtocol.Short(isMasked), Formats.Figures.Perplexity(own),
                Beside: Joined(run.Teacher() is Perplexity teacher ? $"teacher {Formats.Figures.Perplexity(teacher)}" : null, difference is null ? null : $"baseline: {difference.Text}"),
                Hint: $"{(difference is null ? "" : $"{difference.Hint} ")}{(isMasked
                    ? $"Perplexity of 15 % of the {tokens} of the held-out text, hidden from the model and always the same ones. It is no perplexity of the text."
                    : $"Perplexity on the {tokens} of the held-out text, read in windows that do not overlap: the protocol of every run's page and of the table of "
                        + "runs. Evaluations slide their windows and so measure less.")}", Tone: distils ? "student" : null);
        }
        if (run.GapToTeacher() is double gap)
            yield return new("Against the teacher", Formats.Figures.Percent(gap), Beside: gap > 0 ? "worse" : "better",
                Hint: "Difference of the two perplexities, as a share of the teacher's.");
        if (run.StudentParameters is long parameters)
            yield return new(distils ? "Student" : "Model", Formats.Figures.Short(parameters), Unit: Formats.Figures.Layers(run.StudentLayers),
                Beside: Ratio(run) is double ratio ? $"{Formats.Figures.Part(ratio)} of {Formats.Figures.Short(run.TeacherParameters!.Value)}" : null,
                Hint: "Parameters, a tied head counted once.");
        if (run.IsActive && run.TokensPerSecond is double speed)
            yield return new("Throughput", Formats.Figures.Short(speed), Unit: "tokens/s", Hint: "Tokens of the latest update divided by its duration.");
        else if (run.Duration() is double took && run.Step > 0)
            yield return new(run.Status == RunStatus.Completed ? "Trained in" : "Trained so far", Formats.Figures.Duration(took),
                Beside: run.TokensPerSecond is double last ? $"{Formats.Figures.Short(last)} tokens/s" : null, Hint: "All attempts together; pauses do not count.");
        if (run.TotalLoss is double loss)
            yield return new("Total loss", Formats.Figures.Loss(loss), Beside: "latest update, not smoothed",
                Hint: "The weighted sum that is minimised. The curves smooth it unless smoothing is off.");
    }

    private static string Score(ValidationScore told, StepSeries series) => told.Of(series).ToString("0.000", CultureInfo.InvariantCulture);

    private static string Lower(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    private static string? Joined(params string?[] parts) => string.Join("; ", parts.OfType<string>()) is { Length: > 0 } text ? text : null;

    private static double? Ratio(Run run) =>
        run is { StudentParameters: > 0 and long student, TeacherParameters: > 0 and long teacher } ? (double)student / teacher : null;

    private static string Done(Run run) => $"{Formats.Figures.Count(run.Step)} of {Updates(run.TotalSteps)}";

    private static string Updates(int count) => Formats.Figures.Counted(count, "update", "updates");

    private static string Place(int place) => RunFigures.PlaceText(place) is var text ? $"{char.ToUpperInvariant(text[0])}{text[1..]}" : "";
}
