namespace WebDistill.Distillation.Text;

/// <summary>The merges of a vocabulary: which two neighbouring ids join, how early, and into which id.</summary>
/// <remarks>Open addressing with linear probing, at most half full. Read-only after construction, hence thread-safe.</remarks>
internal sealed class MergeTable
{
    /// <summary>Up to this many symbols a scan for the lowest rank beats a priority queue.</summary>
    private const int ScanLimit = 48;

    private const int NoMerge = int.MaxValue;

    private readonly record struct Slot(ulong KeyPlusOne, int Rank, int Id);

    private readonly Slot[] _slots;
    private readonly int _shift;

    public MergeTable(IReadOnlyList<Merge> merges)
    {
        int bits = 4;
        while (1L << bits < merges.Count * 2L)
            bits++;
        _slots = new Slot[1 << bits];
        _shift = 64 - bits;
        for (int rank = 0; rank < merges.Count; rank++)
        {
            Merge merge = merges[rank];
            ulong key = Key(merge.Left, merge.Right) + 1;
            int index = Home(key);
            while (_slots[index].KeyPlusOne != 0)
                index = (index + 1) & (_slots.Length - 1);
            _slots[index] = new Slot(key, rank, merge.Id);
        }
    }

    /// <summary>Merges in place, as the reference does: again and again all occurrences, left to right, of the pair with the lowest rank.
    /// Returns how many symbols are left.</summary>
    public int Apply(Span<int> symbols) => symbols.Length <= ScanLimit ? ApplyByScan(symbols) : ApplyByQueue(symbols);

    private int ApplyByScan(Span<int> symbols)
    {
        int count = symbols.Length;
        Span<int> ranks = stackalloc int[ScanLimit];
        Span<int> ids = stackalloc int[ScanLimit];
        for (int i = 0; i + 1 < count; i++)
            (ranks[i], ids[i]) = Find(symbols[i], symbols[i + 1]);
        while (count > 1)
        {
            int best = 0;
            for (int i = 1; i < count - 1; i++)
                if (ranks[i] < ranks[best])
                    best = i;
            int rank = ranks[best];
            if (rank == NoMerge)
                break;
            for (int i = best; i < count - 1; i++)
            {
                if (ranks[i] != rank)
                    continue;
                symbols[i] = ids[i];
                symbols[(i + 2)..count].CopyTo(symbols[(i + 1)..]);
                ranks[(i + 1)..(count - 1)].CopyTo(ranks[i..]);
                ids[(i + 1)..(count - 1)].CopyTo(ids[i..]);
                count--;
                if (i > 0)
                    (ranks[i - 1], ids[i - 1]) = Find(symbols[i - 1], symbols[i]);
                if (i + 1 < count)
                    (ranks[i], ids[i]) = Find(symbols[i], symbols[i + 1]);
            }
        }
        return count;
    }

    private int ApplyByQueue(Span<int> symbols)
    {
        var next = new int[symbols.Length];
        var previous = new int[symbols.Length];
        var queue = new PriorityQueue<int, ulong>(symbols.Length);
        for (int i = 0; i < symbols.Length; i++)
        {
            next[i] = i + 1;
            previous[i] = i - 1;
            if (i + 1 < symbols.Length && Find(symbols[i], symbols[i + 1]).Rank is var rank and not NoMerge)
                queue.Enqueue(i, Priority(rank, i));
        }

        const int Merged = -1;
        var newPairs = new List<(int Left, ulong Priority)>();
        int passRank = -1;
        while (queue.Count > 0 || newPairs.Count > 0)
        {
            // All occurrences of one pair are merged before a pair that this makes is looked at, whatever its rank.
            if (!queue.TryPeek(out _, out ulong nextPriority) || (int)(nextPriority >> 32) != passRank)
            {
                queue.EnqueueRange(newPairs);
                newPairs.Clear();
                queue.TryPeek(out _, out nextPriority);
                passRank = (int)(nextPriority >> 32);
            }
            queue.TryDequeue(out int left, out ulong priority);
            if (symbols[left] == Merged || next[left] == symbols.Length)
                continue;
            int right = next[left];
            (int rank, int id) = Find(symbols[left], symbols[right]);
            if (rank == NoMerge || Priority(rank, left) != priority)
                continue;
            symbols[left] = id;
            symbols[right] = Merged;
            next[left] = next[right];
            if (next[left] < symbols.Length)
            {
                previous[next[left]] = left;
                if (Find(id, symbols[next[left]]).Rank is var rankAfter and not NoMerge)
                    newPairs.Add((left, Priority(rankAfter, left)));
            }
            if (previous[left] >= 0 && Find(symbols[previous[left]], id).Rank is var rankBefore and not NoMerge)
                newPairs.Add((previous[left], Priority(rankBefore, previous[left])));
        }

        int count = 0;
        foreach (int symbol in symbols)
            if (symbol != Merged)
                symbols[count++] = symbol;
        return count;
    }

    private (int Rank, int Id) Find(int left, int right)
    {
        ulong key = Key(left, right) + 1;
        for (int index = Home(key); ; index = (index + 1) & (_slots.Length - 1))
        {
            Slot slot = _slots[index];
            if (slot.KeyPlusOne == key)
                return (slot.Rank, slot.Id);
            if (slot.KeyPlusOne == 0)
                return (NoMerge, 0);
        }
    }

    private int Home(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> _shift);

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private static ulong Priority(int rank, int position) => ((ulong)(uint)rank << 32) | (uint)position;
}

/// <summary>Left and Right, next to each other, become Id.</summary>
internal readonly record struct Merge(int Left, int Right, int Id);
