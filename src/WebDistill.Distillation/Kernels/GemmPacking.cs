using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Copies of pieces of a matrix in the order in which <see cref="IGemmTile"/> reads them: a panel of <c>width</c> neighbours i holds
/// element (i, k) at [k * width + i]; neighbours beyond the matrix are 0. A source element (i, k) lies at source[i * outerStride + k *
/// depthStride], and one of the two strides is 1.
/// </summary>
internal static unsafe class GemmPacking
{
    /// <summary>
    /// Packs one panel of <paramref name="available"/> (at most <paramref name="width"/>) neighbours over <paramref name="depth"/> steps.
    /// A full panel is as wide as a tile has columns, which is a multiple of 8; one of a tile's rows is packed here only where rows are missing.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Panel(float* source, long outerStride, long depthStride, long available, int width, long depth, float* target)
    {
        if (available < width)
            PanelPlain(source, outerStride, depthStride, available, width, depth, target);
        else if (depthStride == 1)
            PanelTransposed(source, outerStride, width, depth, target);
        else
            PanelCopied(source, depthStride, width, depth, target);
    }

    private static void PanelPlain(float* source, long outerStride, long depthStride, long available, int width, long depth, float* target)
    {
        for (long k = 0; k < depth; k++, source += depthStride, target += width)
        {
            for (int i = 0; i < available; i++)
                target[i] = source[i * outerStride];
            for (long i = available; i < width; i++)
                target[i] = 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PanelCopied(float* source, long depthStride, int width, long depth, float* target)
    {
        if (width == 64)
        {
            for (long k = 0; k < depth; k++, source += depthStride, target += 64)
            {
                Vector512.Store(Vector512.Load(source), target);
                Vector512.Store(Vector512.Load(source + 16), target + 16);
                Vector512.Store(Vector512.Load(source + 32), target + 32);
                Vector512.Store(Vector512.Load(source + 48), target + 48);
            }
        }
        else
        {
            for (long k = 0; k < depth; k++, source += depthStride, target += width)
                for (int i = 0; i < width; i += 8)
                    Vector256.Store(Vector256.Load(source + i), target + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PanelTransposed(float* source, long outerStride, int width, long depth, float* target)
    {
        long k = 0;
        if (Avx.IsSupported)
        {
            for (; k + 8 <= depth; k += 8)
                for (int i = 0; i < width; i += 8)
                    Transpose8x8(source + i * outerStride + k, outerStride, target + k * width + i, width);
        }
        else
        {
            for (; k + 4 <= depth; k += 4)
                for (int i = 0; i < width; i += 4)
                    Transpose4x4(source + i * outerStride + k, outerStride, target + k * width + i, width);
        }
        PanelPlain(source + k, outerStride, 1, width, width, depth - k, target + k * width);
    }

    /// <summary>target[k * targetStride + i] = source[i * sourceStride + k] for i, k in [0, 8).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8x8(float* source, long sourceStride, float* target, long targetStride)
    {
        Vector256<float> r0 = Vector256.Load(source), r1 = Vector256.Load(source + sourceStride);
        Vector256<float> r2 = Vector256.Load(source + 2 * sourceStride), r3 = Vector256.Load(source + 3 * sourceStride);
        Vector256<float> r4 = Vector256.Load(source + 4 * sourceStride), r5 = Vector256.Load(source + 5 * sourceStride);
        Vector256<float> r6 = Vector256.Load(source + 6 * sourceStride), r7 = Vector256.Load(source + 7 * sourceStride);
        Vector256<float> p0 = Avx.UnpackLow(r0, r1), p1 = Avx.UnpackHigh(r0, r1), p2 = Avx.UnpackLow(r2, r3), p3 = Avx.UnpackHigh(r2, r3);
        Vector256<float> p4 = Avx.UnpackLow(r4, r5), p5 = Avx.UnpackHigh(r4, r5), p6 = Avx.UnpackLow(r6, r7), p7 = Avx.UnpackHigh(r6, r7);
        Vector256<float> q0 = Avx.Shuffle(p0, p2, 0x44), q1 = Avx.Shuffle(p0, p2, 0xEE), q2 = Avx.Shuffle(p1, p3, 0x44),
            q3 = Avx.Shuffle(p1, p3, 0xEE);
        Vector256<float> q4 = Avx.Shuffle(p4, p6, 0x44), q5 = Avx.Shuffle(p4, p6, 0xEE), q6 = Avx.Shuffle(p5, p7, 0x44),
            q7 = Avx.Shuffle(p5, p7, 0xEE);
        Vector256.Store(Avx.Permute2x128(q0, q4, 0x20), target);
        Vector256.Store(Avx.Permute2x128(q1, q5, 0x20), target + targetStride);
        Vector256.Store(Avx.Permute2x128(q2, q6, 0x20), target + 2 * targetStride);
        Vector256.Store(Avx.Permute2x128(q3, q7, 0x20), target + 3 * targetStride);
        Vector256.Store(Avx.Permute2x128(q0, q4, 0x31), target + 4 * targetStride);
        Vector256.Store(Avx.Permute2x128(q1, q5, 0x31), target + 5 * targetStride);
        Vector256.Store(Avx.Permute2x128(q2, q6, 0x31), target + 6 * targetStride);
        Vector256.Store(Avx.Permute2x128(q3, q7, 0x31), target + 7 * targetStride);
    }

    /// <summary>target[k * targetStride + i] = source[i * sourceStride + k] for i, k in [0, 4).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose4x4(float* source, long sourceStride, float* target, long targetStride)
    {
        Vector128<float> r0 = Vector128.Load(source), r1 = Vector128.Load(source + sourceStride);
        Vector128<float> r2 = Vector128.Load(source + 2 * sourceStride), r3 = Vector128.Load(source + 3 * sourceStride);
        Vector128<float> p0 = InterleaveLow(r0, r2), p1 = InterleaveHigh(r0, r2), p2 = InterleaveLow(r1, r3), p3 = InterleaveHigh(r1, r3);
        Vector128.Store(InterleaveLow(p0, p2), target);
        Vector128.Store(InterleaveHigh(p0, p2), target + targetStride);
        Vector128.Store(InterleaveLow(p1, p3), target + 2 * targetStride);
        Vector128.Store(InterleaveHigh(p1, p3), target + 3 * targetStride);
    }

    /// <summary>(a0, b0, a1, b1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    /// <summary>(a2, b2, a3, b3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);
}
