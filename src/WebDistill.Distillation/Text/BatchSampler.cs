namespace WebDistill.Distillation.Text;

/// <summary>One micro-batch.</summary>
/// <param name="Ids">[Rows, Columns], row-major, right-padded with the end-of-text id.</param>
/// <param name="Lengths">[Rows]: tokens of each row that are not padding.</param>
public sealed record TokenBatch(long[] Ids, int[] Lengths, int Rows, int Columns);

/// <summary>Where a sampler stands: small, serialisable, restores the exact stream.</summary>
/// <param name="Epoch">Epochs begun before this one, from 0.</param>
/// <param name="BatchInEpoch">Batches of this epoch already returned.</param>
/// <param name="RandomState">State of the generator when this epoch began.</param>
public sealed record SamplerPosition(int Epoch, int BatchInEpoch, string RandomState);

public sealed class BatchSampler
{
    public BatchSampler(TokenFile file, SequenceMode mode, int contextLength, int batchSize, bool shuffle, bool groupBySize, long seed) =>
        throw new NotSupportedException();

    public int SequenceCount => throw new NotSupportedException();

    public int BatchesPerEpoch => throw new NotSupportedException();

    public TokenBatch Next() => throw new NotSupportedException();

    public SamplerPosition Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }
}
