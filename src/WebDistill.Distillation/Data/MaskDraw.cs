using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data;

/// <summary>
/// Draws what of a batch is to be guessed: n = ⌈proportion · tokens⌉ places of the batch without replacement, in proportion to the weight of the id
/// that stands there; each is masked, kept or replaced by any id of the vocabulary, independently of the others. Ids with a role of
/// their own are never drawn, nor is padding.
/// </summary>
/// <param name="weightOfId">[V]: <see cref="Weights"/>.</param>
internal sealed class MaskDraw(double[] weightOfId, int maskId, MaskingOptions options)
{
    /// <summary>max(n, 1)^-smoothing of an id that occurs n times; 0 for ids with a role of their own.</summary>
    public static double[] Weights(IReadOnlyList<long> counts, TokenRoles roles, double smoothing)
    {
        double[] weights = [.. counts.Select(count => Math.Pow(Math.Max(count, 1), -smoothing))];
        foreach (int id in roles.All)
            weights[id] = 0;
        return weights;
    }

    /// <summary>How often each id occurs in a file, those that begin and end documents included.</summary>
    public static long[] Counts(TokenFile file)
    {
        const int chunk = 1 << 16;
        var counts = new long[file.VocabularySize];
        var ids = new int[chunk];
        for (long offset = 0; offset < file.TokenCount; offset += chunk)
        {
            Span<int> part = ids.AsSpan(0, (int)Math.Min(chunk, file.TokenCount - offset));
            file.Read(offset, part);
            foreach (int id in part)
                counts[id]++;
        }
        return counts;
    }

    /// <summary>Tokens to guess of so many; a batch with fewer that may be drawn gives all of those.</summary>
    public static int Guessed(double proportion, long tokens) => (int)Math.Ceiling(proportion * tokens);

    /// <summary>The batch as the models see it, with its <see cref="TokenBatch.Labels"/>.</summary>
    public TokenBatch Apply(TokenBatch batch, SeededRandom random)
    {
        // The smallest of exponential waiting times, each at the rate of its weight: drawing one after the other from what is left comes to the same
        // (Efraimidis and Spirakis 2006).
        List<(double Wait, int Place)> drawn = [];
        for (int row = 0; row < batch.Rows; row++)
        {
            for (int place = row * batch.Columns, end = place + batch.Lengths[row]; place < end; place++)
            {
                double weight = weightOfId[batch.Ids[place]];
                if (weight > 0)
                    drawn.Add((-Math.Log(1 - random.NextDouble()) / weight, place));
            }
        }
        drawn.Sort();
        var ids = (long[])batch.Ids.Clone();
        var labels = new long[ids.Length];
        Array.Fill(labels, LogitLosses.NoTarget);
        foreach ((_, int place) in drawn.Take(Guessed(options.Proportion, batch.Lengths.Sum(length => (long)length))))
        {
            labels[place] = ids[place];
            double share = random.NextDouble();
            ulong bits = random.NextBits();
            if (share < options.MaskShare)
                ids[place] = maskId;
            else if (share >= options.MaskShare + options.KeepShare)
                ids[place] = (long)Math.BigMul(bits, (ulong)weightOfId.Length, out _);
        }
        return batch with { Ids = ids, Labels = labels };
    }
}
