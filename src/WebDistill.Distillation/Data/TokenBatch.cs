using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Data;

/// <summary>One micro-batch.</summary>
/// <param name="Ids">[Rows, Columns], row-major, right-padded with the vocabulary's padding id.</param>
/// <param name="Lengths">[Rows]: tokens of each row that are not padding.</param>
/// <param name="Columns">The longest of the lengths.</param>
public sealed record TokenBatch(long[] Ids, int[] Lengths, int Rows, int Columns)
{
    /// <summary>
    /// [Rows, Columns]: the id to guess at each place, <see cref="LogitLosses.NoTarget"/> where there is none, as in a masked language model; null where each token's target is
    /// the one after it.
    /// </summary>
    public long[]? Labels { get; init; }

    /// <summary>[Rows]: the class of each text; null where none is known.</summary>
    public long[]? Classes { get; init; }

    /// <summary>[Rows, Columns]: 1 in the second text of a pair, else 0; null where no row has two texts.</summary>
    public long[]? TokenTypeIds { get; init; }

    /// <summary>Whether some row is filled up.</summary>
    public bool HasPadding => Lengths.Any(length => length < Columns);

    /// <summary>What it offers to the losses.</summary>
    public LossCounts Counts() => new(Lengths.Sum(length => (long)length),
        Labels?.Count(label => label != LogitLosses.NoTarget) ?? Lengths.Sum(length => Math.Max(0L, length - 1)),
        Rows, Lengths.Sum(length => (long)length * length));

    /// <summary>Where in <see cref="Ids"/> each token stands that is not padding, in order.</summary>
    public long[] TokenPlaces() => [.. Enumerable.Range(0, Rows).SelectMany(
        row => Enumerable.Range(0, Lengths[row]).Select(column => (long)row * Columns + column))];

    /// <summary>
    /// What is to be predicted: the class of each text where they have some, else of each token that is not padding its label or the id after it in its sequence,
    /// <see cref="LogitLosses.NoTarget"/> for nothing.
    /// </summary>
    public long[] Targets() => Classes is long[] classes ? classes : Labels is long[] labels ? [.. TokenPlaces().Select(place => labels[place])]
        : [.. Enumerable.Range(0, Rows).SelectMany(row => Enumerable.Range(0, Lengths[row]).Select(
            column => column + 1 < Lengths[row] ? Ids[row * Columns + column + 1] : LogitLosses.NoTarget))];

    /// <summary>Which of the tokens that are not padding have something to predict, as places in <see cref="Targets"/>: the rows of a comparison that is restricted to the mask.</summary>
    public int[] RowsWithTarget() => [.. Targets().Index().Where(row => row.Item != LogitLosses.NoTarget).Select(row => row.Index)];

    /// <summary>What goes into a model: nothing that it has no use for.</summary>
    /// <param name="ids">The ids as a tensor, int64 [Rows, Columns].</param>
    internal ModelInput InputOf(Tensor ids, Architecture model)
    {
        // Nothing that comes before padding sees it in a model that reads from left to right.
        Tensor? mask = !model.Family.ContinuesTexts && HasPadding ? tensor(IsToken(), [Rows, Columns], device: ids.device).to(ScalarType.Int64) : null;
        return new ModelInput(ids, mask, TokenTypeIds: TokenTypeIds is long[] types && model.TokenTypes > 1 ? tensor(types, [Rows, Columns], device: ids.device) : null);
    }

    /// <summary>For each of <see cref="Ids"/>, whether it is a token and no padding.</summary>
    public bool[] IsToken() => [.. Enumerable.Range(0, Rows).SelectMany(row => Enumerable.Range(0, Columns).Select(column => column < Lengths[row]))];
}
