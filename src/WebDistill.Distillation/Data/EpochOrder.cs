using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Data;

/// <summary>
/// In which order sequences are learned from, epoch after epoch, and where in it a stream stands. Grouped by size it is that of the reference's GroupedBatchSampler. Not thread-safe.
/// </summary>
internal sealed class EpochOrder
{
    private const int ShortestGroupBound = 3;
    private const int GroupBoundStep = 4;

    private readonly int _count;
    private readonly Func<int, int> _lengthOf;
    private readonly int _longest;
    private readonly int _batchSize;
    private readonly bool _shuffle;
    private readonly bool _groupBySize;
    private readonly SplittableRandom _random;
    private readonly string _what;
    private int[] _order = [];          // every sequence once: a batch is the next batchSize of them
    private Place _place;

    /// <param name="count">Sequences.</param>
    /// <param name="lengthOf">Tokens of each.</param>
    /// <param name="longest">Most tokens that one may have.</param>
    /// <param name="batchSize">Sequences per batch; the last batch of an epoch may have fewer.</param>
    /// <param name="shuffle">Draw a new order in every epoch; otherwise the order of the sequences.</param>
    /// <param name="groupBySize">Put sequences of similar length into one batch.</param>
    /// <param name="what">What it is a position of, for messages.</param>
    public EpochOrder(int count, Func<int, int> lengthOf, int longest, int batchSize, bool shuffle, bool groupBySize, long seed, string what)
    {
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"Batch size {batchSize}; expected at least 1.");
        (_count, _lengthOf, _longest, _batchSize, _shuffle, _groupBySize, _what) = (count, lengthOf, longest, batchSize, shuffle, groupBySize, what);
        _random = new SplittableRandom(seed);
        _place = BeginEpoch(0);
    }

    /// <summary>⌈sequences / batch size⌉.</summary>
    public int BatchesPerEpoch => (int)(((long)_count + _batchSize - 1) / _batchSize);

    /// <summary>Where the stream stands: small, and all that it takes to restore exactly what follows.</summary>
    /// <exception cref="ArgumentException">Set to a position that it cannot have; says what was expected.</exception>
    public JsonElement Position
    {
        get => JsonSerializer.SerializeToElement(_place, JsonSerializerOptions.Web);
        set
        {
            Place place = BatchSource.ReadPosition<Place>(value, $"{_what} has epoch, batchInEpoch and randomState");
            if (place.Epoch < 0 || place.BatchInEpoch < 0 || place.BatchInEpoch > BatchesPerEpoch)
                throw new ArgumentException(
                    $"Position epoch {place.Epoch}, batch {place.BatchInEpoch}; expected a batch from 0 to {BatchesPerEpoch}. The "
                        + "data or the batch size has changed since it was saved.", nameof(value));
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

    /// <summary>The sequences of the next batch; after the last one of an epoch comes the first of the next.</summary>
    public ReadOnlySpan<int> Next()
    {
        if (_place.BatchInEpoch == BatchesPerEpoch)
            _place = BeginEpoch(_place.Epoch + 1);
        int start = _place.BatchInEpoch * _batchSize;
        _place = _place with { BatchInEpoch = _place.BatchInEpoch + 1 };
        return _order.AsSpan(start, Math.Min(_batchSize, _order.Length - start));
    }

    private Place BeginEpoch(int epoch)
    {
        string state = _random.State;
        var order = new int[_count];
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
        int groupCount = GroupOf(_longest) + 1;
        var open = new List<int>[groupCount];
        for (int group = 0; group < groupCount; group++)
            open[group] = [];
        var grouped = new List<int>(order.Length);
        foreach (int sequence in order)
        {
            List<int> members = open[GroupOf(_lengthOf(sequence))];
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

    // The number of bounds 3, 7, 11, ... below the longest length that are not above the length.
    private int GroupOf(int length)
    {
        int boundCount = _longest <= ShortestGroupBound ? 0
            : (_longest - ShortestGroupBound + GroupBoundStep - 1) / GroupBoundStep;
        return length < ShortestGroupBound ? 0 : Math.Min((length - ShortestGroupBound) / GroupBoundStep + 1, boundCount);
    }

    /// <param name="Epoch">Epochs begun before this one, from 0.</param>
    /// <param name="BatchInEpoch">Batches of this epoch already returned.</param>
    /// <param name="RandomState">State of the generator when this epoch began.</param>
    [method: JsonConstructor]
    private sealed record Place(
        [property: JsonRequired] int Epoch, [property: JsonRequired] int BatchInEpoch, [property: JsonRequired] string RandomState);
}
