namespace TorchSharp.Kernels;

/// <summary>
/// General matrix product C[M, N] = op(A)[M, K] * op(B)[K, N] (+ C) (+ bias[N]), row-major, float32. op(A) is A stored as [M, K] or, transposed,
/// as [K, M]; op(B) is B stored as [K, N] or, transposed, as [N, K]. The leading dimensions lda, ldb, ldc count floats between stored rows.
/// <para>Every element of C is summed in one order that depends on the shape alone, so results do not change with the number of threads.</para>
/// </summary>
internal static unsafe class Gemm
{
    /// <summary>C = op(A) op(B), plus C itself if <paramref name="accumulate"/>, plus bias on each row if not null.</summary>
    public static void Run(bool transA, bool transB, long m, long n, long k, float* a, long lda, float* b, long ldb, float* c, long ldc,
        bool accumulate = false, float* bias = null)
    {
        if (m <= 0 || n <= 0)
            return;
        RunPlain(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, accumulate, bias);
    }

    /// <summary>C = op(A) B with B packed beforehand.</summary>
    public static void Run(bool transA, long m, float* a, long lda, PackedMatrix b, float* c, long ldc, bool accumulate = false, float* bias = null) =>
        Run(transA, false, m, b.N, b.K, a, lda, b.Data, b.N, c, ldc, accumulate, bias);

    /// <summary>
    /// <paramref name="batch"/> independent products; matrix i of each operand starts stride * i floats after the first. A stride of 0 uses the
    /// same A or B for all; that of C must not be 0.
    /// </summary>
    public static void RunBatched(long batch, bool transA, bool transB, long m, long n, long k, float* a, long lda, long strideA,
        float* b, long ldb, long strideB, float* c, long ldc, long strideC, bool accumulate = false)
    {
        WorkerPool.For(checked((int)batch), (i, _) =>
            Run(transA, transB, m, n, k, a + i * strideA, lda, b + i * strideB, ldb, c + i * strideC, ldc, accumulate));
    }

    private static void RunPlain(bool transA, bool transB, long m, long n, long k, float* a, long lda, float* b, long ldb, float* c, long ldc,
        bool accumulate, float* bias)
    {
        for (long row = 0; row < m; row++)
            for (long column = 0; column < n; column++)
            {
                float sum = (accumulate ? c[row * ldc + column] : 0) + (bias == null ? 0 : bias[column]);
                for (long i = 0; i < k; i++)
                    sum += (transA ? a[i * lda + row] : a[row * lda + i]) * (transB ? b[column * ldb + i] : b[i * ldb + column]);
                c[row * ldc + column] = sum;
            }
    }
}
