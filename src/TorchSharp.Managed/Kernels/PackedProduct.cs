namespace TorchSharp.Kernels;

/// <summary>
/// Products of operands that a kernel has packed itself, on the calling worker alone. Results are padded to whole tiles: C needs room for
/// rowPanels * Rows by columnPanels * Columns.
/// </summary>
internal static unsafe class PackedProduct
{
    /// <summary>The smallest multiple of <paramref name="unit"/> not below <paramref name="value"/>.</summary>
    public static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;

    /// <summary>
    /// Packs A(i, k) = source[i * rowStride + k * depthStride] into panels of TTile.Rows, each depth * TTile.Rows floats.
    /// </summary>
    public static void PackRows<TTile>(float* source, long rowStride, long depthStride, long rows, long depth, float* target)
        where TTile : struct, IGemmTile =>
        Pack(source, rowStride, depthStride, rows, depth, TTile.Rows, target);

    /// <summary>
    /// Packs B(k, j) = source[j * columnStride + k * depthStride] into panels of TTile.Columns, each depth * TTile.Columns floats.
    /// </summary>
    public static void PackColumns<TTile>(float* source, long columnStride, long depthStride, long columns, long depth, float* target)
        where TTile : struct, IGemmTile =>
        Pack(source, columnStride, depthStride, columns, depth, TTile.Columns, target);

    /// <summary>
    /// C = A B (+ C). The panels of B lie <paramref name="panelStrideB"/> floats apart, which lets a product use only the first part of
    /// their depth.
    /// </summary>
    public static void Multiply<TTile>(long rowPanels, long columnPanels, long depth, float* packedA, float* packedB, long panelStrideB,
        float* c, long ldc, bool accumulate = false) where TTile : struct, IGemmTile
    {
        for (long column = 0; column < columnPanels; column++)
            for (long row = 0; row < rowPanels; row++)
            {
                float* tile = c + row * TTile.Rows * ldc + column * TTile.Columns;
                TTile.Multiply(depth, packedA + row * TTile.Rows * depth, packedB + column * panelStrideB, tile, ldc,
                    accumulate ? tile : Gemm.Zeros, accumulate ? ldc : 0);
            }
    }

    private static void Pack(float* source, long outerStride, long depthStride, long count, long depth, int width, float* target)
    {
        for (long first = 0; first < count; first += width)
            GemmPacking.Panel(source + first * outerStride, outerStride, depthStride, Math.Min(width, count - first), width, depth,
                target + first * depth);
    }
}
