using System.Text.Json;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>
/// Micro-batches out of a labelled file: each row a text, or a pair, with its class in <see cref="TokenBatch.Classes"/>. With a vocabulary that has ids for it a row is [CLS] text [SEP], of a
/// pair [CLS] first [SEP] second [SEP] with <see cref="TokenBatch.TokenTypeIds"/> 1 from the second text on; with one that has none, as GPT-2's, it is the text alone.
/// </summary>
/// <remarks>What is too long is cut at its end; of a pair token by token off the longer text, off the second where both are as long (Devlin et al. 2018).</remarks>
public sealed class LabelledBatches : BatchSource
{
    private readonly LabelledFile _file;
    private readonly int _contextLength;
    private readonly EpochOrder _order;

    /// <param name="file">It belongs to the caller.</param>
    /// <param name="contextLength">Most tokens of a row: at least 3, of pairs 5, so that each text keeps one.</param>
    /// <param name="batchSize">Examples per batch; the last batch of an epoch may have fewer.</param>
    /// <param name="shuffle">Draw a new order in every epoch; otherwise the order of the file.</param>
    /// <param name="groupBySize">Put examples of similar length into one batch.</param>
    /// <exception cref="ArgumentOutOfRangeException">Context or batch size are too small.</exception>
    public LabelledBatches(LabelledFile file, int contextLength, int batchSize, bool shuffle, bool groupBySize, long seed)
    {
        int least = file.Task.ShortestContext;
        if (contextLength < least)
            throw new ArgumentOutOfRangeException(nameof(contextLength), contextLength, $"Context of {contextLength} tokens; expected at least {least} for {(file.HoldsPairs ? "pairs" : "texts")} with what begins and ends them.");
        if (file.ExampleCount > Array.MaxLength)
            throw new ArgumentException($"The file has {file.ExampleCount} examples; expected at most {Array.MaxLength}. Split it.", nameof(file));
        (_file, _contextLength) = (file, contextLength);
        int[] lengths = Lengths(file, contextLength);
        Epoch = Of(lengths);
        _order = new EpochOrder(lengths.Length, example => lengths[example], contextLength, batchSize, shuffle, groupBySize, seed, "a labelled data set");
    }

    /// <inheritdoc/>
    public override EpochSize Epoch { get; }

    /// <inheritdoc/>
    /// <remarks>⌈examples / batch size⌉.</remarks>
    public override int BatchesPerEpoch => _order.BatchesPerEpoch;

    /// <inheritdoc/>
    public override JsonElement Position
    {
        get => _order.Position;
        set => _order.Position = value;
    }

    /// <inheritdoc/>
    public override TokenBatch Next()
    {
        ReadOnlySpan<int> examples = _order.Next();
        int rows = examples.Length;
        var found = new TokenExample[rows];
        var lengths = new int[rows];
        for (int row = 0; row < rows; row++)
        {
            found[row] = _file.Example(examples[row]);
            lengths[row] = LengthOf(found[row]);
        }
        int columns = lengths.Max();
        var ids = new int[rows * columns];
        Array.Fill(ids, _file.Roles.Padding);
        long[]? types = _file.HoldsPairs ? new long[ids.Length] : null;
        for (int row = 0; row < rows; row++)
            Fill(_file, found[row], ids.AsSpan(row * columns, lengths[row]), types is null ? default : types.AsSpan(row * columns, lengths[row]));
        return new TokenBatch(Array.ConvertAll(ids, id => (long)id), lengths, rows, columns) { Classes = [.. found.Select(example => (long)example.Class)], TokenTypeIds = types };
    }

    /// <summary>One pass over the examples of a file, without making batches of them.</summary>
    /// <param name="contextLength">Most tokens of a row.</param>
    public static EpochSize Measure(LabelledFile file, int contextLength) => Of(Lengths(file, contextLength));

    /// <summary>The ids of one example as a batch has them: with those that begin, separate and end its texts.</summary>
    /// <param name="index">Its place in the file.</param>
    /// <param name="contextLength">Most tokens.</param>
    public static int[] RowOf(LabelledFile file, long index, int contextLength)
    {
        TokenExample example = file.Example(index);
        var ids = new int[LengthOf(example.First, example.Second, file.HoldsPairs, file.Roles, contextLength)];
        Fill(file, example, ids, file.HoldsPairs ? new long[ids.Length] : default);
        return ids;
    }

    private static int[] Lengths(LabelledFile file, int contextLength)
    {
        var lengths = new int[file.ExampleCount];
        for (int i = 0; i < lengths.Length; i++)
        {
            TokenExample example = file.Example(i);
            lengths[i] = LengthOf(example.First, example.Second, file.HoldsPairs, file.Roles, contextLength);
        }
        return lengths;
    }

    private static EpochSize Of(int[] lengths) => new(lengths.Length, lengths.Sum(length => (long)length));

    /// <summary>Tokens of a row.</summary>
    /// <param name="first">Tokens of the text.</param>
    /// <param name="second">Tokens of the second one.</param>
    /// <param name="most">Of the row.</param>
    internal static int LengthOf(int first, int second, bool isPair, TokenRoles roles, int most) =>
        (int)Math.Min(most, (long)first + second + (!roles.BeginsDocuments ? 0 : isPair ? 3 : 2));

    /// <summary>What is left of two texts that are to have <paramref name="room"/> tokens together.</summary>
    internal static (int First, int Second) Cut(int first, int second, int room)
    {
        int surplus = (int)Math.Max(0, (long)first + second - room);
        int ofLonger = Math.Min(surplus, Math.Abs(first - second));
        (first, second, surplus) = (first > second ? first - ofLonger : first, first > second ? second : second - ofLonger, surplus - ofLonger);
        return (first - surplus / 2, second - (surplus + 1) / 2);
    }

    private int LengthOf(TokenExample example) => LengthOf(example.First, example.Second, _file.HoldsPairs, _file.Roles, _contextLength);

    private static void Fill(LabelledFile file, TokenExample example, Span<int> ids, Span<long> types)
    {
        TokenRoles roles = file.Roles;
        if (!roles.BeginsDocuments)
        {
            file.Read(example.Offset, ids);
            return;
        }
        (int first, int second) = file.HoldsPairs ? Cut(example.First, example.Second, ids.Length - 3) : (ids.Length - 2, 0);
        ids[0] = roles.BeginOfText;
        file.Read(example.Offset, ids.Slice(1, first));
        ids[1 + first] = roles.EndOfText;
        if (!file.HoldsPairs)
            return;
        file.Read(example.Offset + example.First, ids.Slice(2 + first, second));
        ids[^1] = roles.EndOfText;
        types[(2 + first)..].Fill(1);
    }
}
