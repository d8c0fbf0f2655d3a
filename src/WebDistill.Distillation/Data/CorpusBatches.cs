using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Files;
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
    private Place _place;

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
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"Batch size {batchSize}; expected at least 1.");
        _file = file;
        _contextLength = contextLength;
        _batchSize = batchSize;
        _shuffle = shuffle;
        _groupBySize = groupBySize && mode == SequenceMode.HuggingFace;
        _pieces = SequenceSource.Cut(file, mode, contextLength);
        Epoch = new EpochSize(_pieces.Count, _pieces.Sum(piece => (long)piece.Length));
        _random = new SplittableRandom(seed);
        _place = BeginEpoch(0);
    }

    /// <summary>Sequences per epoch.</summary>
    public int SequenceCount => _pieces.Count;

    /// <inheritdoc/>
    public override EpochSize Epoch { get; }

    /// <inheritdoc/>
    /// <remarks>⌈sequences / batch size⌉.</remarks>
    public override int BatchesPerEpoch => (int)(((long)SequenceCount + _batchSize - 1) / _batchSize);

    /// <inheritdoc/>
    public override JsonElement Position
    {
        get => JsonSerializer.SerializeToElement(_place, JsonSerializerOptions.Web);
        set
        {
            Place place;
            try
            {
                place = value.Deserialize<Place>(JsonSerializerOptions.Web) ?? throw new JsonException("It is null.");
            }
            catch (JsonException problem)
            {
                throw new ArgumentException(
                    $"A position of a corpus has epoch, batchInEpoch and randomState, and this one does not: {problem.Message}", nameof(value), problem);
            }
            if (place.Epoch < 0 || place.BatchInEpoch < 0 || place.BatchInEpoch > BatchesPerEpoch)
                throw new ArgumentException(
                    $"Position epoch {place.Epoch}, batch {place.BatchInEpoch}; expected a batch from 0 to {BatchesPerEpoch}. The "
                        + "corpus or the batch size has changed since it was saved.", nameof(value));
            try
            {
                _random.State = place.RandomState;
            }
            catch (FormatException problem)
            {
                throw new ArgumentException(problem.Message, nameof(value), problem);
            }
            _place = BeginEpoch(place.Epoch) with { BatchInEpoch = place.BatchInEpoch };
        }
    }

    /// <inheritdoc/>
    public override TokenBatch Next()
    {
        if (_place.BatchInEpoch == BatchesPerEpoch)
            _place = BeginEpoch(_place.Epoch + 1);
        int start = _place.BatchInEpoch * _batchSize;
        ReadOnlySpan<int> sequences = _order.AsSpan(start, Math.Min(_batchSize, _order.Length - start));
        _place = _place with { BatchInEpoch = _place.BatchInEpoch + 1 };
        return Collate(sequences);
    }

    private Place BeginEpoch(int epoch)
    {
        string state = _random.State;
        var order = new int[_pieces.Count];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        if (_shuffle)
            _random.Shuffle(order);
        _order = _groupBySize ? Group(order) : order;
        return new Place(epoch, 0, state);
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

    /// <param name="Epoch">Epochs begun before this one, from 0.</param>
    /// <param name="BatchInEpoch">Batches of this epoch already returned.</param>
    /// <param name="RandomState">State of the generator when this epoch began.</param>
    [method: JsonConstructor]
    private sealed record Place(
        [property: JsonRequired] int Epoch, [property: JsonRequired] int BatchInEpoch, [property: JsonRequired] string RandomState);
}
