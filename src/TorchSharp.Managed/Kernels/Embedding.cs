namespace TorchSharp.Kernels;

/// <summary>Rows of a table by index, and the gradient of that.</summary>
internal static unsafe class Embedding
{
    private const long RowGrain = 64;
    private const long ColumnGrain = 64;

    /// <summary>y[i, :] = table[indices[i], :] for i in [0, rows); table: [tableRows, columns].</summary>
    /// <exception cref="IndexOutOfRangeException">An index is outside [0, tableRows).</exception>
    public static void Gather(long rows, long columns, long tableRows, float* table, long* indices, float* y)
    {
        CheckIndices(rows, tableRows, indices);
        WorkerPool.ForRange(rows, RowGrain, (start, end, _) =>
        {
            for (long row = start; row < end; row++)
                Buffer.MemoryCopy(table + indices[row] * columns, y + row * columns, columns * sizeof(float), columns * sizeof(float));
        });
    }

    /// <summary>
    /// dTable[indices[i], :] += dy[i, :], rows in ascending order, so the sum does not depend on threads. Rows whose index is
    /// <paramref name="paddingIndex"/> are left out.
    /// </summary>
    public static void ScatterAdd(long rows, long columns, long tableRows, long* indices, float* dy, float* dTable, long paddingIndex = -1)
    {
        CheckIndices(rows, tableRows, indices);
        WorkerPool.ForRange(columns, ColumnGrain, (start, end, _) =>
        {
            for (long row = 0; row < rows; row++)
                if (indices[row] != paddingIndex)
                    for (long i = start; i < end; i++)
                        dTable[indices[row] * columns + i] += dy[row * columns + i];
        });
    }

    private static void CheckIndices(long rows, long tableRows, long* indices)
    {
        for (long row = 0; row < rows; row++)
            if (indices[row] < 0 || indices[row] >= tableRows)
                throw new IndexOutOfRangeException($"Index {indices[row]} at position {row} is outside the table's rows [0, {tableRows}).");
    }
}
