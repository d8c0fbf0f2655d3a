namespace WebDistill.Distillation.Transforms;

/// <summary>What a transform tells while it works, and what it is told.</summary>
/// <param name="progress">Gets shares of the work, up to 1; null tells nobody.</param>
internal sealed class TransformWork(IProgress<double>? progress, CancellationToken cancel)
{
    /// <summary>What it found out about the whole model, for the report.</summary>
    public List<TransformFigure> Figures { get; } = [];

    /// <summary>Rank of each matrix that one was chosen for.</summary>
    public Dictionary<string, int> Ranks { get; } = [];

    /// <summary>The entries one after the other; between two of them it is told, and can be cancelled.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IEnumerable<T> Through<T>(IReadOnlyList<T> entries)
    {
        for (int done = 0; done < entries.Count; done++)
        {
            cancel.ThrowIfCancellationRequested();
            yield return entries[done];
            progress?.Report((done + 1.0) / entries.Count);
        }
    }
}
