using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;

namespace WebDistill.Distillation.Data;

/// <summary>One micro-batch.</summary>
/// <param name="Ids">[Rows, Columns], row-major, right-padded with the end-of-text id.</param>
/// <param name="Lengths">[Rows]: tokens of each row that are not padding.</param>
/// <param name="Columns">The longest of the lengths.</param>
public sealed record TokenBatch(long[] Ids, int[] Lengths, int Rows, int Columns)
{
    /// <summary>What it offers to the losses.</summary>
    public LossCounts Counts() => new(Lengths.Sum(length => (long)length), Lengths.Sum(length => Math.Max(0L, length - 1)));

    /// <summary>Where in <see cref="Ids"/> each token stands that is not padding, in order.</summary>
    public long[] TokenPlaces() => [.. Enumerable.Range(0, Rows).SelectMany(
        row => Enumerable.Range(0, Lengths[row]).Select(column => (long)row * Columns + column))];

    /// <summary>The id after each token that is not padding; <see cref="LogitLosses.NoTarget"/> after a sequence's last one.</summary>
    public long[] Targets() => [.. Enumerable.Range(0, Rows).SelectMany(row => Enumerable.Range(0, Lengths[row]).Select(
        column => column + 1 < Lengths[row] ? Ids[row * Columns + column + 1] : LogitLosses.NoTarget))];

    /// <summary>For each of <see cref="Ids"/>, whether it is a token and no padding.</summary>
    public bool[] IsToken() => [.. Enumerable.Range(0, Rows).SelectMany(row => Enumerable.Range(0, Columns).Select(column => column < Lengths[row]))];
}
