using System.Text.Json;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Runs over given models, which stay those of the test.</summary>
internal static class Trainers
{
    public static Trainer Create(
        RunOptions options, TextModel? teacher, TextModel student, TokenFile train, TokenFile? validation, IReadOnlyList<Loss>? losses = null)
    {
        TrainingParts parts = TrainingParts.Of(options, teacher is null ? null : new ModelTeacher(teacher), student, train, validation);
        return new Trainer(losses is null ? parts : parts with { Losses = losses }, options);
    }

    /// <summary>A run over batches from anywhere, which has no place to go back to.</summary>
    public static Trainer Create(RunOptions options, TextModel? teacher, TextModel student, int batchesPerEpoch, Func<TokenBatch> nextBatch,
        TokenFile? validation, IReadOnlyList<Loss>? losses = null) => new(new TrainingParts(
            student, teacher is null ? null : new ModelTeacher(teacher), new GivenBatches(batchesPerEpoch, nextBatch), validation,
            losses ?? LossCatalogue.Active(options, teacher is not null)), options);

    private sealed class GivenBatches(int perEpoch, Func<TokenBatch> next) : BatchSource
    {
        public override int BatchesPerEpoch => perEpoch;

        public override JsonElement Position { get; set; }

        public override TokenBatch Next() => next();
    }
}

/// <summary>Collects what a run tells and may do something at each report.</summary>
internal sealed class Journal(Action<StepReport>? each = null, Action<FinishedRun>? whenFinished = null) : IRunJournal
{
    public List<StepReport> Reports { get; } = [];

    public List<string> Notes { get; } = [];

    public Perplexity? Teacher { get; private set; }

    public AttemptStart? Start { get; private set; }

    public FinishedRun? Finished { get; private set; }

    public IReadOnlyList<CheckpointManifest> Checkpoints { get; private set; } = [];

    public void Note(int step, string text, bool isWarning = false) => Notes.Add(text);

    public void Begin(AttemptStart start) => Start = start;

    public void TeacherMeasured(Perplexity perplexity) => Teacher = perplexity;

    public void Report(StepReport report)
    {
        Reports.Add(report);
        each?.Invoke(report);
    }

    public void Flush()
    {
    }

    public T WhenTheDiskTakesIt<T>(int step, long bytes, Func<T> write) => write();

    public void CheckpointsAre(IReadOnlyList<CheckpointManifest> complete) => Checkpoints = complete;

    public void Finish(FinishedRun run)
    {
        Finished = run;
        whenFinished?.Invoke(run);
    }

    /// <summary>What does not depend on the clock.</summary>
    public static StepReport Timeless(StepReport report) =>
        report.With((LoopSeries.TokensPerSecond, 0), (LoopSeries.StepSeconds, 0), (LoopSeries.MemoryBytes, 0));
}
