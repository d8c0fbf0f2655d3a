using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Training;

namespace WebDistill.Benchmarks;

/// <summary>Hears what a run tells and keeps nothing.</summary>
internal sealed class RunListener(Action<StepReport>? reported = null, Action<SampleSet>? sampled = null, Action<Diagnosis>? diagnosed = null) : IRunJournal
{
    public void Note(int step, string text, bool isWarning = false)
    {
    }

    public void Begin(AttemptStart start)
    {
    }

    public void TeacherMeasured(ValidationScore score)
    {
    }

    public void Sampled(SampleSet samples) => sampled?.Invoke(samples);

    public void Report(StepReport report) => reported?.Invoke(report);

    public void Diagnosed(Diagnosis diagnosis) => diagnosed?.Invoke(diagnosis);

    public void Flush()
    {
    }

    public T WhenTheDiskTakesIt<T>(int step, long bytes, Func<T> write) => write();

    public void CheckpointsAre(IReadOnlyList<CheckpointManifest> complete)
    {
    }

    public void Finish(FinishedRun run)
    {
    }
}
