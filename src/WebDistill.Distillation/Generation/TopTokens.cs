namespace WebDistill.Distillation.Generation;

/// <summary>The largest of many numbers.</summary>
internal static class TopTokens
{
    /// <summary>Indices of the <paramref name="count"/> largest values, largest first; of equal ones the smaller index first.</summary>
    public static int[] Of(ReadOnlySpan<float> values, int count)
    {
        count = Math.Min(count, values.Length);
        var indices = new int[count];
        int kept = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (kept == count && !(values[i] > values[indices[kept - 1]]))
                continue;
            int place = kept < count ? kept++ : kept - 1;
            while (place > 0 && values[i] > values[indices[place - 1]])
            {
                indices[place] = indices[place - 1];
                place--;
            }
            indices[place] = i;
        }
        return indices;
    }
}
