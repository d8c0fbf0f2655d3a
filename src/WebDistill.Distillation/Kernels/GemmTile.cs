using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// The innermost product: a tile of C kept in registers while some rows of A and one packed panel of B stream past. A(i, k) lies at
/// a[i * rowStrideA + k * depthStrideA], packed (strides 1 and Rows) or where the matrix is; B(k, j) at b[k * Columns + j].
/// </summary>
internal unsafe interface IGemmTile
{
    static abstract int Rows { get; }
    static abstract int Columns { get; }

    /// <summary>C(i, j) = initial[i * initialStride + j] + sum over k in [0, depth) of A(i, k) B(k, j).</summary>
    static abstract void Multiply(long depth, float* a, long rowStrideA, long depthStrideA, float* b, float* c, long ldc, float* initial,
        long initialStride);
}

/// <summary>8 rows by 2 vectors: 16 accumulators, for the 32 registers of Arm (8 x 8).</summary>
internal readonly unsafe struct GemmTile8<S, V> : IGemmTile where S : struct, ISimd<V>
{
    public static int Rows => 8;

    public static int Columns => 2 * S.Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Multiply(long depth, float* a, long rowStrideA, long depthStrideA, float* b, float* c, long ldc, float* initial,
        long initialStride)
    {
        V c00 = S.Zero, c01 = S.Zero, c10 = S.Zero, c11 = S.Zero, c20 = S.Zero, c21 = S.Zero, c30 = S.Zero, c31 = S.Zero;
        V c40 = S.Zero, c41 = S.Zero, c50 = S.Zero, c51 = S.Zero, c60 = S.Zero, c61 = S.Zero, c70 = S.Zero, c71 = S.Zero;
        nint step = (nint)rowStrideA * sizeof(float), step3 = 3 * step, step5 = 5 * step, step7 = 7 * step;
        for (long k = depth; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count);
            V x = S.Create(*a);
            c00 = S.MultiplyAdd(x, b0, c00);
            c01 = S.MultiplyAdd(x, b1, c01);
            x = S.Create(*(float*)((byte*)a + step));
            c10 = S.MultiplyAdd(x, b0, c10);
            c11 = S.MultiplyAdd(x, b1, c11);
            x = S.Create(*(float*)((byte*)a + 2 * step));
            c20 = S.MultiplyAdd(x, b0, c20);
            c21 = S.MultiplyAdd(x, b1, c21);
            x = S.Create(*(float*)((byte*)a + step3));
            c30 = S.MultiplyAdd(x, b0, c30);
            c31 = S.MultiplyAdd(x, b1, c31);
            x = S.Create(*(float*)((byte*)a + 4 * step));
            c40 = S.MultiplyAdd(x, b0, c40);
            c41 = S.MultiplyAdd(x, b1, c41);
            x = S.Create(*(float*)((byte*)a + step5));
            c50 = S.MultiplyAdd(x, b0, c50);
            c51 = S.MultiplyAdd(x, b1, c51);
            x = S.Create(*(float*)((byte*)a + 2 * step3));
            c60 = S.MultiplyAdd(x, b0, c60);
            c61 = S.MultiplyAdd(x, b1, c61);
            x = S.Create(*(float*)((byte*)a + step7));
            c70 = S.MultiplyAdd(x, b0, c70);
            c71 = S.MultiplyAdd(x, b1, c71);
            a += depthStrideA;
            b += 2 * S.Count;
        }
        GemmTileRow.Store<S, V>(c00, c01, c, initial);
        GemmTileRow.Store<S, V>(c10, c11, c + ldc, initial + initialStride);
        GemmTileRow.Store<S, V>(c20, c21, c + 2 * ldc, initial + 2 * initialStride);
        GemmTileRow.Store<S, V>(c30, c31, c + 3 * ldc, initial + 3 * initialStride);
        GemmTileRow.Store<S, V>(c40, c41, c + 4 * ldc, initial + 4 * initialStride);
        GemmTileRow.Store<S, V>(c50, c51, c + 5 * ldc, initial + 5 * initialStride);
        GemmTileRow.Store<S, V>(c60, c61, c + 6 * ldc, initial + 6 * initialStride);
        GemmTileRow.Store<S, V>(c70, c71, c + 7 * ldc, initial + 7 * initialStride);
    }
}

/// <summary>6 rows by 2 vectors: 12 accumulators, for the 16 registers of AVX2 (6 x 16).</summary>
internal readonly unsafe struct GemmTile6<S, V> : IGemmTile where S : struct, ISimd<V>
{
    public static int Rows => 6;

    public static int Columns => 2 * S.Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Multiply(long depth, float* a, long rowStrideA, long depthStrideA, float* b, float* c, long ldc, float* initial,
        long initialStride)
    {
        V c00 = S.Zero, c01 = S.Zero, c10 = S.Zero, c11 = S.Zero, c20 = S.Zero, c21 = S.Zero;
        V c30 = S.Zero, c31 = S.Zero, c40 = S.Zero, c41 = S.Zero, c50 = S.Zero, c51 = S.Zero;
        nint step = (nint)rowStrideA * sizeof(float), step3 = 3 * step, step5 = 5 * step;
        for (long k = depth; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count);
            V x = S.Create(*a);
            c00 = S.MultiplyAdd(x, b0, c00);
            c01 = S.MultiplyAdd(x, b1, c01);
            x = S.Create(*(float*)((byte*)a + step));
            c10 = S.MultiplyAdd(x, b0, c10);
            c11 = S.MultiplyAdd(x, b1, c11);
            x = S.Create(*(float*)((byte*)a + 2 * step));
            c20 = S.MultiplyAdd(x, b0, c20);
            c21 = S.MultiplyAdd(x, b1, c21);
            x = S.Create(*(float*)((byte*)a + step3));
            c30 = S.MultiplyAdd(x, b0, c30);
            c31 = S.MultiplyAdd(x, b1, c31);
            x = S.Create(*(float*)((byte*)a + 4 * step));
            c40 = S.MultiplyAdd(x, b0, c40);
            c41 = S.MultiplyAdd(x, b1, c41);
            x = S.Create(*(float*)((byte*)a + step5));
            c50 = S.MultiplyAdd(x, b0, c50);
            c51 = S.MultiplyAdd(x, b1, c51);
            a += depthStrideA;
            b += 2 * S.Count;
        }
        GemmTileRow.Store<S, V>(c00, c01, c, initial);
        GemmTileRow.Store<S, V>(c10, c11, c + ldc, initial + initialStride);
        GemmTileRow.Store<S, V>(c20, c21, c + 2 * ldc, initial + 2 * initialStride);
        GemmTileRow.Store<S, V>(c30, c31, c + 3 * ldc, initial + 3 * initialStride);
        GemmTileRow.Store<S, V>(c40, c41, c + 4 * ldc, initial + 4 * initialStride);
        GemmTileRow.Store<S, V>(c50, c51, c + 5 * ldc, initial + 5 * initialStride);
    }
}

/// <summary>
/// 6 rows by 4 vectors: 24 accumulators, for AVX-512 (6 x 64). The wide tile loads least for each multiply-add, and 64 divides the widths
/// of nearly every model.
/// </summary>
internal readonly unsafe struct GemmTile6Wide<S, V> : IGemmTile where S : struct, ISimd<V>
{
    public static int Rows => 6;

    public static int Columns => 4 * S.Count;

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static void Multiply(long depth, float* a, long rowStrideA, long depthStrideA, float* b, float* c, long ldc, float* initial,
        long initialStride)
    {
        V c00 = S.Zero, c01 = S.Zero, c02 = S.Zero, c03 = S.Zero;
        V c10 = S.Zero, c11 = S.Zero, c12 = S.Zero, c13 = S.Zero;
        V c20 = S.Zero, c21 = S.Zero, c22 = S.Zero, c23 = S.Zero;
        V c30 = S.Zero, c31 = S.Zero, c32 = S.Zero, c33 = S.Zero;
        V c40 = S.Zero, c41 = S.Zero, c42 = S.Zero, c43 = S.Zero;
        V c50 = S.Zero, c51 = S.Zero, c52 = S.Zero, c53 = S.Zero;
        nint step = (nint)rowStrideA * sizeof(float), step3 = 3 * step, step5 = 5 * step;
        for (long k = depth; k > 0; k--)
        {
            V b0 = S.Load(b), b1 = S.Load(b + S.Count), b2 = S.Load(b + 2 * S.Count), b3 = S.Load(b + 3 * S.Count);
            V x = S.Create(*a);
            c00 = S.MultiplyAdd(x, b0, c00);
            c01 = S.MultiplyAdd(x, b1, c01);
            c02 = S.MultiplyAdd(x, b2, c02);
            c03 = S.MultiplyAdd(x, b3, c03);
            x = S.Create(*(float*)((byte*)a + step));
            c10 = S.MultiplyAdd(x, b0, c10);
            c11 = S.MultiplyAdd(x, b1, c11);
            c12 = S.MultiplyAdd(x, b2, c12);
            c13 = S.MultiplyAdd(x, b3, c13);
            x = S.Create(*(float*)((byte*)a + 2 * step));
            c20 = S.MultiplyAdd(x, b0, c20);
            c21 = S.MultiplyAdd(x, b1, c21);
            c22 = S.MultiplyAdd(x, b2, c22);
            c23 = S.MultiplyAdd(x, b3, c23);
            x = S.Create(*(float*)((byte*)a + step3));
            c30 = S.MultiplyAdd(x, b0, c30);
            c31 = S.MultiplyAdd(x, b1, c31);
            c32 = S.MultiplyAdd(x, b2, c32);
            c33 = S.MultiplyAdd(x, b3, c33);
            x = S.Create(*(float*)((byte*)a + 4 * step));
            c40 = S.MultiplyAdd(x, b0, c40);
            c41 = S.MultiplyAdd(x, b1, c41);
            c42 = S.MultiplyAdd(x, b2, c42);
            c43 = S.MultiplyAdd(x, b3, c43);
            x = S.Create(*(float*)((byte*)a + step5));
            c50 = S.MultiplyAdd(x, b0, c50);
            c51 = S.MultiplyAdd(x, b1, c51);
            c52 = S.MultiplyAdd(x, b2, c52);
            c53 = S.MultiplyAdd(x, b3, c53);
            a += depthStrideA;
            b += 4 * S.Count;
        }
        GemmTileRow.Store<S, V>(c00, c01, c, initial);
        GemmTileRow.Store<S, V>(c02, c03, c + 2 * S.Count, initial + 2 * S.Count);
        GemmTileRow.Store<S, V>(c10, c11, c + ldc, initial + initialStride);
        GemmTileRow.Store<S, V>(c12, c13, c + ldc + 2 * S.Count, initial + initialStride + 2 * S.Count);
        GemmTileRow.Store<S, V>(c20, c21, c + 2 * ldc, initial + 2 * initialStride);
        GemmTileRow.Store<S, V>(c22, c23, c + 2 * ldc + 2 * S.Count, initial + 2 * initialStride + 2 * S.Count);
        GemmTileRow.Store<S, V>(c30, c31, c + 3 * ldc, initial + 3 * initialStride);
        GemmTileRow.Store<S, V>(c32, c33, c + 3 * ldc + 2 * S.Count, initial + 3 * initialStride + 2 * S.Count);
        GemmTileRow.Store<S, V>(c40, c41, c + 4 * ldc, initial + 4 * initialStride);
        GemmTileRow.Store<S, V>(c42, c43, c + 4 * ldc + 2 * S.Count, initial + 4 * initialStride + 2 * S.Count);
        GemmTileRow.Store<S, V>(c50, c51, c + 5 * ldc, initial + 5 * initialStride);
        GemmTileRow.Store<S, V>(c52, c53, c + 5 * ldc + 2 * S.Count, initial + 5 * initialStride + 2 * S.Count);
    }
}

/// <summary>The last step of a tile's row.</summary>
internal static unsafe class GemmTileRow
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<S, V>(V left, V right, float* c, float* initial) where S : struct, ISimd<V>
    {
        S.Store(S.Add(S.Load(initial), left), c);
        S.Store(S.Add(S.Load(initial + S.Count), right), c + S.Count);
    }
}
