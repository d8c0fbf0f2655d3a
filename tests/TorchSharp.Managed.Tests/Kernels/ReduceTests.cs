using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class ReduceTests : KernelTests
{
    [Theory, MemberData(nameof(FastSetNames))]
    public void Sums_EveryTailLength_EqualPlain(string set)
    {
        foreach (long count in TailLengths.Append(100_003))
        {
            float* x = Random(count, 1), expected = Rent(1), actual = Rent(1);
            Use("Plain");
            (double sum, double squares) = (Reduce.Sum(count, x), Reduce.SumOfSquares(count, x));
            Reduce.RowSum(1, count, x, expected);
            Use(set);
            Assert.Equal(sum, Reduce.Sum(count, x), 1e-6 * (1 + Math.Sqrt(count)));
            Assert.Equal(squares, Reduce.SumOfSquares(count, x), 1e-7 * (1 + squares));
            Reduce.RowSum(1, count, x, actual);
            AssertClose(1, expected, actual, 1e-5, "row sum");
        }
    }

    [Fact]
    public void Sum_AnyThreadCount_SameBits()
    {
        float* x = Random(1_000_003, 1);
        WorkerPool.ThreadCount = 1;
        (double sum, double squares) = (Reduce.Sum(1_000_003, x), Reduce.SumOfSquares(1_000_003, x));
        WorkerPool.ThreadCount = 6;
        Assert.Equal((sum, squares), (Reduce.Sum(1_000_003, x), Reduce.SumOfSquares(1_000_003, x)));
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void EmbeddingGatherAndScatterAdd_EveryTailLength_EqualsPlain(string set)
    {
        const long rows = 50, tableRows = 7;
        foreach (long columns in TailLengths)
        {
            float* table = Random(tableRows * columns, 1), dy = Random(rows * columns, 2), y = Rent(rows * columns);
            float* expected = Random(tableRows * columns, 3), actual = Copy(tableRows * columns, expected);
            long* indices = Indices(rows, tableRows, 4);
            Use("Plain");
            Embedding.ScatterAdd(rows, columns, tableRows, indices, dy, expected, paddingIndex: 3);
            Use(set);
            Embedding.ScatterAdd(rows, columns, tableRows, indices, dy, actual, paddingIndex: 3);
            AssertClose(tableRows * columns, expected, actual, 0, "scatter");
            Embedding.Gather(rows, columns, tableRows, table, indices, y);
            for (long row = 0; row < rows; row++)
                for (long i = 0; i < columns; i++)
                    Assert.Equal(table[indices[row] * columns + i], y[row * columns + i]);
        }
    }

    [Fact]
    public void EmbeddingGather_IndexOutside_Throws()
    {
        float* table = Random(8, 1), y = Rent(8);
        long* indices = Indices(1, 1, 1);
        foreach (long bad in new long[] { -1, 2 })
        {
            indices[0] = bad;
            Assert.Throws<IndexOutOfRangeException>(() => Embedding.Gather(1, 4, 2, table, indices, y));
            Assert.Throws<IndexOutOfRangeException>(() => Embedding.ScatterAdd(1, 4, 2, indices, y, table));
        }
    }
}
