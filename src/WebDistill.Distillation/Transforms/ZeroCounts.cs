using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms;

/// <summary>Numbers of a matrix by which its weights are ranked.</summary>
/// <param name="Count">How many.</param>
/// <param name="Read">All of them, as often as it is called.</param>
internal sealed record RankedNumbers(long Count, Func<float[]> Read);

/// <summary>How many weights of each matrix become 0 where a share of them is to.</summary>
internal static class ZeroCounts
{
    /// <summary>round(s·n), halves to even, as torch.nn.utils.prune counts.</summary>
    public static long Rounded(double sparsity, long count) => (long)Math.Round(sparsity * count);

    /// <summary>n − ⌊(1 − s)·n⌋, as Sanh et al. 2020 count.</summary>
    public static long AllButFloor(double sparsity, long count)
    {
        // 1 − 0.9 is a little less than the tenth that is meant.
        const int Decimals = 6;
        return count - (long)Math.Floor(Math.Round((1 - sparsity) * count, Decimals));
    }

    /// <summary>Whether more are to be 0 than matrices of these sizes may lose.</summary>
    /// <param name="wanted">How many of so many weights.</param>
    /// <param name="minimumKept">Share of a matrix that stays in any case.</param>
    public static bool IsTooMuch(PruningScope scope, IReadOnlyList<long> counts, Func<long, long> wanted, double minimumKept) => scope == PruningScope.EachMatrix
        ? counts.Any(count => wanted(count) > Most(count, minimumKept)) : wanted(counts.Sum()) > counts.Sum(count => Most(count, minimumKept));

    /// <summary>How many each matrix loses: its share, or what of the smallest of all is in it, where none loses more than it may and the others lose what that leaves over.</summary>
    /// <param name="wanted">How many of so many weights.</param>
    /// <param name="minimumKept">Share of a matrix that stays in any case.</param>
    /// <param name="key">By what they are ranked (<see cref="SmallestNumbers"/>).</param>
    public static long[] Of(PruningScope scope, IReadOnlyList<RankedNumbers> matrices, Func<long, long> wanted, double minimumKept, Func<float, uint> key)
    {
        if (scope == PruningScope.EachMatrix)
            return [.. matrices.Select(matrix => wanted(matrix.Count))];
        long total = wanted(matrices.Sum(matrix => matrix.Count));
        var zeros = new long[matrices.Count];
        List<int> free = [.. Enumerable.Range(0, matrices.Count)];
        while (true)
        {
            long budget = total - Enumerable.Range(0, matrices.Count).Except(free).Sum(place => zeros[place]);
            SmallestNumbers smallest = SmallestNumbers.Of([.. free.Select(place => matrices[place].Read)], budget, key);
            foreach (int place in free)
                zeros[place] = smallest.Mark(matrices[place].Read(), _ => { });
            int[] full = [.. free.Where(place => zeros[place] > Most(matrices[place].Count, minimumKept))];
            if (full.Length == 0)
                return zeros;
            foreach (int place in full)
                zeros[place] = Most(matrices[place].Count, minimumKept);
            free = [.. free.Except(full)];
        }
    }

    private static long Most(long count, double minimumKept) => count - (long)Math.Ceiling(minimumKept * count);
}
