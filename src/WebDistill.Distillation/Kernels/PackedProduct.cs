namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Products whose B a kernel has packed itself, on the calling worker alone. Results are padded to whole tiles: C needs room for
/// rowPanels * Rows by columnPanels * Columns.
/// </summary>
internal static unsafe class PackedProduct
{
    // The initial value of a product that adds to nothing: as wide as the widest tile.
    private static readonly float* s_zeros = AlignedMemory.Zeros(64);

    /// <summary>The smallest multiple of <paramref name="unit"/> not below <paramref name="value"/>.</summary>
    public static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;

    /// <summary>
    /// Packs B(k, j) = source[j * columnStride + k * depthStride] into panels of TTile.Columns, each depth * TTile.Columns floats.
    /// </summary>
    public static void PackColumns<TTile>(float* source, long columnStride, long depthStride, long columns, long depth, float* target)
        where TTile : struct, IGemmTile
    {
        for (long first = 0; first < columns; first += TTile.Columns)
            GemmPacking.Panel(source + first * columnStride, columnStride, depthStride, Math.Min(TTile.Columns, columns - first),
                TTile.Columns, depth, target + first * depth);
    }

    /// <summary>
    /// C = A B (+ C) with A(i, k) = a[i * rowStrideA + k * depthStrideA]. The panels of B lie <paramref name="panelStrideB"/> floats apart,
    /// which lets a product use only the first part of their depth.
    /// </summary>
    /// <param name="readableRows">Rows of A that are there to be read; the last tile's missing ones count as 0.</param>
    public static void Multiply<TTile>(long rowPanels, long columnPanels, long depth, float* a, long rowStrideA, long depthStrideA,
        long readableRows, float* packedB, long panelStrideB, float* c, long ldc, bool accumulate = false) where TTile : struct, IGemmTile
    {
        float* edge = rowPanels * TTile.Rows > readableRows ? AlignedMemory.Floats(TTile.Rows * depth) : null;
        if (edge != null)
        {
            long first = (rowPanels - 1) * TTile.Rows;
            GemmPacking.Panel(a + first * rowStrideA, rowStrideA, depthStrideA, readableRows - first, TTile.Rows, depth, edge);
        }
        for (long column = 0; column < columnPanels; column++)
            for (long row = 0; row < rowPanels; row++)
            {
                float* tile = c + row * TTile.Rows * ldc + column * TTile.Columns, panelB = packedB + column * panelStrideB;
                float* initial = accumulate ? tile : s_zeros;
                long initialStride = accumulate ? ldc : 0;
                if (edge != null && row == rowPanels - 1)
                    TTile.Multiply(depth, edge, 1, TTile.Rows, panelB, tile, ldc, initial, initialStride);
                else
                    TTile.Multiply(depth, a + row * TTile.Rows * rowStrideA, rowStrideA, depthStrideA, panelB, tile, ldc, initial,
                        initialStride);
            }
        AlignedMemory.Free(edge);
    }
}
