using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation;

/// <summary>Trains a student towards a teacher, or from the text alone when there is no teacher.</summary>
public sealed class Distiller : IDisposable
{
    /// <summary>Checks that options, models and corpus fit together and prepares the run.</summary>
    /// <param name="validation">Held-out split; null measures no perplexity.</param>
    /// <exception cref="ArgumentException">Something does not fit; the message states the values, what was expected and the fix.</exception>
    public Distiller(DistillationOptions options, Gpt2? teacher, Gpt2 student, TokenFile train, TokenFile? validation) =>
        throw new NotSupportedException($"{options} {teacher} {student} {train} {validation}");

    /// <summary>Updates of the whole run.</summary>
    public int TotalSteps => throw new NotSupportedException();

    /// <summary>Updates made so far.</summary>
    public int CompletedSteps => throw new NotSupportedException();

    /// <summary>What a reader of the run's record should know about it.</summary>
    public IReadOnlyList<string> Notes => throw new NotSupportedException();

    /// <summary>The teacher's perplexity on the held-out split, once measured by <see cref="Run"/>.</summary>
    public double? TeacherValidationPerplexity => throw new NotSupportedException();

    /// <summary>The student's latest perplexity on the held-out split.</summary>
    public double? LastValidationPerplexity => throw new NotSupportedException();

    /// <summary>The model in training.</summary>
    public Gpt2 Student => throw new NotSupportedException();

    /// <summary>One update.</summary>
    /// <exception cref="TrainingDivergedException">A loss or the gradient became NaN or infinite.</exception>
    public StepReport Step() => throw new NotSupportedException();

    /// <summary>Trains to the end: updates, validation at the interval, checkpoints when due.</summary>
    /// <param name="checkpointDue">Called every <see cref="DistillationOptions.CheckpointIntervalSteps"/> updates.</param>
    /// <exception cref="OperationCanceledException">Cancelled, between two micro-batches.</exception>
    /// <exception cref="TrainingDivergedException">A loss or the gradient became NaN or infinite.</exception>
    public void Run(IProgress<StepReport> progress, Action<string>? log, Action<Distiller>? checkpointDue, CancellationToken cancel) =>
        throw new NotSupportedException($"{progress} {log} {checkpointDue} {cancel}");

    /// <summary>Frees the optimiser's state; the models belong to the caller.</summary>
    public void Dispose() => throw new NotSupportedException();
}
