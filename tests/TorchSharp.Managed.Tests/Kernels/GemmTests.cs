using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class GemmTests : KernelTests
{
    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_EveryLayoutAndTailLength_EqualsPlain(string set)
    {
        long[] sizes = [1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 33, 65];
        var random = new Random(7);
        for (int trial = 0; trial < 160; trial++)
        {
            long m = sizes[random.Next(sizes.Length)], n = sizes[random.Next(sizes.Length)], k = sizes[random.Next(sizes.Length)];
            Compare(set, (trial & 1) != 0, (trial & 2) != 0, m, n, k, (trial & 4) != 0, (trial & 8) != 0, padding: trial % 3);
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_DepthAndRowsBeyondOneBlock_EqualsPlain(string set)
    {
        Compare(set, false, false, 140, 70, 800, accumulate: false, bias: true, padding: 1);
        Compare(set, false, true, 37, 300, 1537, accumulate: true, bias: false, padding: 0);
        Compare(set, true, false, 3100, 40, 20, accumulate: false, bias: false, padding: 0);
        Compare(set, true, true, 129, 33, 777, accumulate: true, bias: true, padding: 2);
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void RunBatched_SharedAndSeparateOperands_EqualsSingleProducts(string set)
    {
        const long batch = 7, m = 9, n = 17, k = 33;
        foreach (long strideA in new[] { 0L, m * k })
        {
            float* a = Random(batch * m * k, 1), b = Random(batch * k * n, 2), expected = Rent(batch * m * n), actual = Rent(batch * m * n);
            Use("Plain");
            for (long i = 0; i < batch; i++)
                Gemm.Run(false, false, m, n, k, a + i * strideA, k, b + i * k * n, n, expected + i * m * n, n);
            Use(set);
            Gemm.RunBatched(batch, false, false, m, n, k, a, k, strideA, b, n, k * n, actual, n, m * n);
            AssertClose(batch * m * n, expected, actual, 1e-5, "batched");
        }
    }

    [Fact]
    public void Run_AnyThreadCount_SameBits()
    {
        const long m = 300, n = 517, k = 801;
        float* a = Random(m * k, 1), b = Random(k * n, 2), one = Rent(m * n), many = Rent(m * n);
        WorkerPool.ThreadCount = 1;
        Gemm.Run(false, true, m, n, k, a, k, b, k, one, n);
        foreach (int threads in new[] { 2, 3, 8 })
        {
            WorkerPool.ThreadCount = threads;
            Gemm.Run(false, true, m, n, k, a, k, b, k, many, n);
            AssertClose(m * n, one, many, 0, $"{threads} threads");
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_SizesAroundTheTiles_EqualsPlain(string set)
    {
        foreach (long rows in new long[] { 5, 6, 7, 11, 12, 13, 125, 126, 127 })
            foreach (long columns in new long[] { 63, 64, 65, 128, 257 })
                foreach (bool transA in new[] { false, true })
                    Compare(set, transA, rows % 2 == 0, rows, columns, 29, accumulate: rows % 3 == 0, bias: columns % 2 == 0, padding: 0);
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_OperandsThatEndWhereMemoryEnds_ReadsNothingBeyond(string set)
    {
        if (!OperatingSystem.IsLinux())
            return;   // the guard below is made with Linux's calls
        Use(set);
        foreach ((long m, long n, long k) in new (long, long, long)[] { (7, 65, 13), (13, 17, 401), (5, 200, 8), (1, 33, 21), (131, 3, 5) })
            for (int layout = 0; layout < 4; layout++)
            {
                bool transA = (layout & 1) != 0, transB = (layout & 2) != 0;
                using var a = new MemoryEdge(m * k);
                using var b = new MemoryEdge(k * n);
                using var c = new MemoryEdge(m * n);
                Gemm.Run(transA, transB, m, n, k, a.Data, transA ? m : k, b.Data, transB ? k : n, c.Data, n);
                Assert.Equal(k, c.Data[m * n - 1]);
            }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    public void ColumnTasks_AnyWidth_LeaveNoWorkerWaitingForAWholeTask(long workers)
    {
        const long largest = 4;
        for (long panels = 1; panels < 900; panels++)
        {
            long tasks = Gemm.ColumnTasks(panels, largest, workers);
            Assert.InRange(tasks, Math.Min(panels, (panels + largest - 1) / largest), panels);
            double longest = (double)((tasks + workers - 1) / workers) * ((panels + tasks - 1) / tasks);
            Assert.True(longest <= (double)panels / workers + largest, $"{panels} panels in {tasks} tasks");
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_NoDepth_GivesBiasOrC(string set)
    {
        Use(set);
        float* bias = Random(5, 1), c = Rent(15, 3), a = Rent(1), b = Rent(1);
        Gemm.Run(false, false, 3, 5, 0, a, 0, b, 5, c, 5, accumulate: true, bias: bias);
        for (int i = 0; i < 15; i++)
            Assert.Equal(3 + bias[i % 5], c[i]);
    }

    private void Compare(string set, bool transA, bool transB, long m, long n, long k, bool accumulate, bool bias, long padding)
    {
        long lda = (transA ? m : k) + padding, ldb = (transB ? k : n) + padding, ldc = n + padding;
        float* a = Random((transA ? k : m) * lda, 1), b = Random((transB ? n : k) * ldb, 2), biasData = bias ? Random(n, 3) : null;
        float* expected = Random(m * ldc, 4), actual = Copy(m * ldc, expected);
        Use("Plain");
        Gemm.Run(transA, transB, m, n, k, a, lda, b, ldb, expected, ldc, accumulate, biasData);
        Use(set);
        Gemm.Run(transA, transB, m, n, k, a, lda, b, ldb, actual, ldc, accumulate, biasData);
        AssertClose(m * ldc, expected, actual, 1e-6 * Math.Sqrt(k + 1) * 4,
            $"{set} transA={transA} transB={transB} {m}x{n}x{k} accumulate={accumulate} bias={bias}");
    }
}
