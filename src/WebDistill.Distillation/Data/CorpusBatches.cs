using System.Runtime.CompilerServices;
using System.Text.Json;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data;

/// <summary>
/// Micro-batches out of a token file. <see cref="SequenceMode.Packed"/>: blocks of contextLength
/// tokens that do not overlap; the tail of the stream that is shorter than a block is left out. <see cref="SequenceMode.HuggingFace"/>: one
/// document or piece of one per row, as the reference's LmSeqsDataset cuts and filters them, batched as its GroupedBatchSampler does when
/// grouped by size.
/// </summary>
public sealed class CorpusBatches : BatchSource
{
    /// <summary>Memory that a sequence takes here: its piece, its place in the order, and that once more while the order is made.</summary>
    internal static readonly int BytesPerSequence = Unsafe.SizeOf<SequencePiece>() + 2 * sizeof(int);

    private readonly TokenFile _file;
    private readonly IReadOnlyList<SequencePiece> _pieces;
    private readonly EpochOrder _order;

    /// <param name="contextLength">Longest sequence, tokens: at least 2, for HuggingFace at least 12.</param>
    /// <param name="batchSize">Sequences per batch; the last batch of an epoch may have fewer.</param>
    /// <param name="shuffle">Draw a new order in every epoch; otherwise the order of the corpus.</param>
    /// <param name="groupBySize">Put sequences of similar length into one batch; packed sequences are all alike.</param>
    /// <exception cref="InvalidDataException">The file gives no sequence; the message names the counts.</exception>
    public CorpusBatches(TokenFile file, SequenceMode mode, int contextLength, int batchSize, bool shuffle, bool groupBySize, long seed)
    {
        int minContext = mode.ShortestContext();
        if (contextLength < minContext)
            throw new ArgumentOutOfRangeException(nameof(contextLength), contextLength,
                $"Context of {contextLength} tokens; expected at least {minContext} for {mode} sequences.");
        _file = file;
        _pieces = SequenceSource.Cut(file, mode, contextLength);
        Epoch = new EpochSize(_pieces.Count, _pieces.Sum(piece => (long)piece.Length));
        _order = new EpochOrder(
            _pieces.Count, sequence => _pieces[sequence].Length, contextLength, batchSize, shuffle, groupBySize && mode == SequenceMode.HuggingFace, seed, "a corpus");
    }

    /// <summary>Sequences per epoch.</summary>
    public int SequenceCount => _pieces.Count;

    /// <inheritdoc/>
    public override EpochSize Epoch { get; }

    /// <inheritdoc/>
    /// <remarks>⌈sequences / batch size⌉.</remarks>
    public override int BatchesPerEpoch => _order.BatchesPerEpoch;

    /// <inheritdoc/>
    public override JsonElement Position
    {
        get => _order.Position;
        set => _order.Position = value;
    }

    /// <inheritdoc/>
    public override TokenBatch Next() => Collate(_order.Next());

    private TokenBatch Collate(ReadOnlySpan<int> sequences)
    {
        int columns = 0;
        foreach (int sequence in sequences)
            columns = Math.Max(columns, _pieces[sequence].Length);
        var ids = new long[sequences.Length * columns];
        Array.Fill(ids, _file.Roles.Padding);
        var lengths = new int[sequences.Length];
        var buffer = new int[columns];
        for (int row = 0; row < sequences.Length; row++)
        {
            SequencePiece piece = _pieces[sequences[row]];
            Span<int> read = buffer.AsSpan(0, piece.Count);
            _file.Read(piece.Offset, read);
            Span<long> target = ids.AsSpan(row * columns, piece.Length);
            if (piece.BeginBefore)
                target[0] = _file.Roles.BeginOfText;
            int first = piece.BeginBefore ? 1 : 0;
            for (int i = 0; i < read.Length; i++)
                target[first + i] = read[i];
            if (piece.EndAfter)
                target[^1] = _file.Roles.EndOfText;
            lengths[row] = piece.Length;
        }
        return new TokenBatch(ids, lengths, sequences.Length, columns);
    }
}
