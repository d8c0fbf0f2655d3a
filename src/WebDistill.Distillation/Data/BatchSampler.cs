using System.Runtime.CompilerServices;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data;

/// <summary>Where a sampler stands: small, serialisable, restores the exact stream.</summary>
/// <param name="Epoch">Epochs begun before this one, from 0.</param>
/// <param name="BatchInEpoch">Batches of this epoch already returned.</param>
/// <param name="RandomState">State of the generator when this epoch began.</param>
public sealed record SamplerPosition(int Epoch, int BatchInEpoch, string RandomState);

/// <summary>
/// An endless stream of micro-batches out of a token file, epoch after epoch. <see cref="SequenceMode.Packed"/>: blocks of contextLength
/// tokens that do not overlap; the tail of the stream that is shorter than a block is left out. <see cref="SequenceMode.HuggingFace"/>: one
/// document or piece of one per row, as the reference's LmSeqsDataset cuts and filters them, batched as its GroupedBatchSampler does when
/// grouped by size. Not thread-safe.
/// </summary>
public sealed class BatchSampler
{
    /// <summary>Memory that a sequence takes here: its piece, its place in the order, and that once more while the order is made.</summary>
    internal static readonly int BytesPerSequence = Unsafe.SizeOf<SequencePiece>() + 2 * sizeof(int);

    private const int ShortestGroupBound = 3;
    private const int GroupBoundStep = 4;

    private readonly TokenFile _file;
    private readonly int _contextLength;
    private readonly int _batchSize;
    private readonly bool _shuffle;
    private readonly bool _groupBySize;
    private readonly IReadOnlyList<SequencePiece> _pieces;
    private readonly SplittableRandom _random;
    private int[] _order = [];          // every sequence once: a batch is the next batchSize of them
    private SamplerPosition _position;

    /// <param name="contextLength">Longest sequence, tokens: at least 2, for HuggingFace at least 12.</param>
    /// <param name="batchSize">Sequences per batch; the last batch of an epoch may have fewer.</param>
    /// <param name="shuffle">Draw a new order in every epoch; otherwise the order of the corpus.</param>
    /// <param name="groupBySize">Put sequences of similar length into one batch; packed sequences are all alike.</param>
    /// <exception cref="InvalidDataException">The file gives no sequence; the message names the counts.</exception>
    public BatchSampler(TokenFile file, SequenceMode mode, int contextLength, int batchSize, bool shuffle, bool groupBySize, long seed)
    {
        int minContext = mode.ShortestContext();
        if (contextLength < minContext)
            throw new ArgumentOutOfRangeException(nameof(contextLength), contextLength,
                $"Context of {contextLength} tokens; expected at least {minContext} for {mode} sequences.");
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"Batch size {batchSize}; expected at least 1.");
        _file = file;
        _contextLength = contextLength;
        _batchSize = batchSize;
        _shuffle = shuffle;
        _groupBySize = groupBySize && mode == SequenceMode.HuggingFace;
        _pieces = SequenceSource.Cut(file, mode, contextLength);
        _random = new SplittableRandom(seed);
        _position = BeginEpoch(0);
    }

    /// <summary>Sequences per epoch.</summary>
    public int SequenceCount => _pieces.Count;

    /// <summary>ceil(sequences / batch size).</summary>
    public int BatchesPerEpoch => (int)(((long)SequenceCount + _batchSize - 1) / _batchSize);

    /// <summary>Where the stream stands; setting it makes <see cref="Next"/> go on exactly there.</summary>
    /// <exception cref="ArgumentException">A position that a sampler of this file and these options cannot have.</exception>
    public SamplerPosition Position
    {
        get => _position;
        set
        {
            if (value.Epoch < 0 || value.BatchInEpoch < 0 || value.BatchInEpoch > BatchesPerEpoch)
                throw new ArgumentException(
                    $"Position epoch {value.Epoch}, batch {value.BatchInEpoch}; expected a batch from 0 to {BatchesPerEpoch}. The "
                        + "corpus or the batch size has changed since it was saved.", nameof(value));
            try
            {
                _random.State = value.RandomState;
            }
            catch (FormatException problem)
            {
                throw new ArgumentException(problem.Message, nameof(value), problem);
            }
            _position = BeginEpoch(value.Epoch) with { BatchInEpoch = value.BatchInEpoch };
        }
    }

    /// <summary>The next batch; after the last one of an epoch comes the first of the next.</summary>
    public TokenBatch Next()
    {
        if (_position.BatchInEpoch == BatchesPerEpoch)
            _position = BeginEpoch(_position.Epoch + 1);
        int start = _position.BatchInEpoch * _batchSize;
        ReadOnlySpan<int> sequences = _order.AsSpan(start, Math.Min(_batchSize, _order.Length - start));
        _position = _position with { BatchInEpoch = _position.BatchInEpoch + 1 };
        return Collate(sequences);
    }

    private SamplerPosition BeginEpoch(int epoch)
    {
        string state = _random.State;
        var order = new int[_pieces.Count];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        if (_shuffle)
            _random.Shuffle(order);
        _order = _groupBySize ? Group(order) : order;
        return new SamplerPosition(epoch, 0, state);
    }

    // GroupedBatchSampler of the reference: a batch is emitted when its group has filled it; what is left over follows in ascending group.
    private int[] Group(int[] order)
    {
        int groupCount = GroupOf(_contextLength) + 1;
        var open = new List<int>[groupCount];
        for (int group = 0; group < groupCount; group++)
            open[group] = [];
        var grouped = new List<int>(order.Length);
        foreach (int sequence in order)
        {
            List<int> members = open[GroupOf(_pieces[sequence].Length)];
            members.Add(sequence);
            if (members.Count == _batchSize)
            {
                grouped.AddRange(members);
                members.Clear();
            }
        }
        foreach (List<int> members in open)
            grouped.AddRange(members);
        return [.. grouped];
    }

    // The number of bounds 3, 7, 11, ... below the context length that are not above the length.
    private int GroupOf(int length)
    {
        int boundCount = _contextLength <= ShortestGroupBound ? 0
            : (_contextLength - ShortestGroupBound + GroupBoundStep - 1) / GroupBoundStep;
        return length < ShortestGroupBound ? 0 : Math.Min((length - ShortestGroupBound) / GroupBoundStep + 1, boundCount);
    }

    private TokenBatch Collate(ReadOnlySpan<int> sequences)
    {
        int columns = 0;
        foreach (int sequence in sequences)
            columns = Math.Max(columns, _pieces[sequence].Length);
        var ids = new long[sequences.Length * columns];
        Array.Fill(ids, _file.EndOfTextId);
        var lengths = new int[sequences.Length];
        var buffer = new int[columns];
        for (int row = 0; row < sequences.Length; row++)
        {
            SequencePiece piece = _pieces[sequences[row]];
            Span<int> read = buffer.AsSpan(0, piece.Count);
            _file.Read(piece.Offset, read);
            // An end-of-text id before or after is the padding that stands there already.
            Span<long> target = ids.AsSpan(row * columns + (piece.EndOfTextBefore ? 1 : 0));
            for (int i = 0; i < read.Length; i++)
                target[i] = read[i];
            lengths[row] = piece.Length;
        }
        return new TokenBatch(ids, lengths, sequences.Length, columns);
    }
}
