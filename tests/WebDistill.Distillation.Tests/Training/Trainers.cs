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
    /// <param name="catalogue">The losses that there are; null is the product's.</param>
    public static Trainer Create(RunOptions options, TextModel? teacher, TextModel student, TokenFile train, TokenFile? validation,
        IReadOnlyList<Loss>? catalogue = null, SamplePrompts? prompts = null)
    {
        TrainingParts parts = TrainingParts.Of(
            options, catalogue ?? LossCatalogue.All, teacher is null ? null : new ModelTeacher(teacher), student, train, validation);
        return new Trainer(parts with { Prompts = prompts }, options);
    }

    /// <summary>A run of any teacher, which stays the test's.</summary>
    public static Trainer CreateWith(RunOptions options, Teacher teacher, TextModel student, TokenFile train, TokenFile? validation) =>
        new(TrainingParts.Of(options, teacher, student, train, validation), options);

    /// <summary>A run of any teacher, which stays the test's, that meets one batch again and again.</summary>
    public static Trainer CreateWith(RunOptions options, Teacher teacher, TextModel student, TokenBatch batch) =>
        new(new TrainingParts(student, teacher, new GivenBatches(4, batch.Rows, () => batch), null, LossCatalogue.Active(options, hasTeacher: true)), options);

    /// <summary>A run over batches from anywhere, which has no place to go back to.</summary>
    public static Trainer Create(RunOptions options, TextModel? teacher, TextModel student, int batchesPerEpoch, Func<TokenBatch> nextBatch,
        TokenFile? validation, IReadOnlyList<Loss>? losses = null) => new(new TrainingParts(
            student, teacher is null ? null : new ModelTeacher(teacher), new GivenBatches(batchesPerEpoch, options.Schedule.BatchSize, nextBatch), validation,
            losses ?? LossCatalogue.Active(options, teacher is not null)), options);

    private sealed class GivenBatches(int perEpoch, int batchSize, Func<TokenBatch> next) : BatchSource
    {
        public override int BatchesPerEpoch => perEpoch;

        // How long its sequences are only budgets of tokens ask, which nobody sets here.
        public override EpochSize Epoch => new(perEpoch * batchSize, perEpoch * batchSize);

        public override JsonElement Position { get; set; }

        public override TokenBatch Next() => next();
    }
}

/// <summary>Collects what a run tells and may do something at each report.</summary>
internal sealed class Journal(Action<StepReport>? each = null, Action<FinishedRun>? whenFinished = null, Action<SampleSet>? whenSampled = null) : IRunJournal
{
    public List<StepReport> Reports { get; } = [];

    public List<Diagnosis> Diagnoses { get; } = [];

    public List<SampleSet> Samples { get; } = [];

    public List<string> Notes { get; } = [];

    public Perplexity? Teacher { get; private set; }

    public ValidationScore? TeacherScore { get; private set; }

    public AttemptStart? Start { get; private set; }

    public FinishedRun? Finished { get; private set; }

    public IReadOnlyList<CheckpointManifest> Checkpoints { get; private set; } = [];

    public void Note(int step, string text, bool isWarning = false) => Notes.Add(text);

    public void Begin(AttemptStart start) => Start = start;

    public void TeacherMeasured(ValidationScore score) => (TeacherScore, Teacher) = (score, score.Perplexity);

    public void Sampled(SampleSet samples)
    {
        Samples.Add(samples);
        whenSampled?.Invoke(samples);
    }

    public void Report(StepReport report)
    {
        Reports.Add(report);
        each?.Invoke(report);
    }

    public void Diagnosed(Diagnosis diagnosis) => Diagnoses.Add(diagnosis);

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
