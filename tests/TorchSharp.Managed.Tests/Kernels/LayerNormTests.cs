using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class LayerNormTests : KernelTests
{
    private const long Rows = 70;

    [Theory, MemberData(nameof(FastSetNames))]
    public void ForwardAndBackward_EveryTailLength_EqualsPlain(string set)
    {
        foreach (long columns in TailLengths.Where(length => length > 1))
            foreach (bool affine in new[] { true, false })
            {
                long count = Rows * columns;
                float* x = Random(count, 1, 3), dy = Random(count, 2), weight = affine ? Random(columns, 3) : null,
                    bias = affine ? Random(columns, 4) : null;
                var results = new List<nint>();
                foreach (string name in new[] { "Plain", set })
                {
                    Use(name);
                    float* y = Rent(count), mean = Rent(Rows), inverse = Rent(Rows), dx = Rent(count), dWeight = Rent(columns),
                        dBias = Rent(columns);
                    LayerNorm.Forward(Rows, columns, x, weight, bias, 1e-5f, y, mean, inverse);
                    LayerNorm.Backward(Rows, columns, dy, x, weight, mean, inverse, dx, dWeight, dBias);
                    results.AddRange([(nint)y, (nint)mean, (nint)inverse, (nint)dx, (nint)dWeight, (nint)dBias]);
                }
                long[] lengths = [count, Rows, Rows, count, columns, columns];
                for (int i = 0; i < 6; i++)
                    AssertClose(lengths[i], (float*)results[i], (float*)results[i + 6], 1e-4, $"{set} columns={columns} output {i}");
            }
    }

    [Fact]
    public void Forward_LargeOffset_VarianceSurvives()
    {
        const long columns = 64;
        float* x = Random(columns, 1), y = Rent(columns), inverse = Rent(1);
        for (long i = 0; i < columns; i++)
            x[i] += 4096;
        LayerNorm.Forward(1, columns, x, null, null, 1e-5f, y, null, inverse);
        double squares = 0;
        for (long i = 0; i < columns; i++)
            squares += y[i] * y[i];
        Assert.Equal(1, squares / columns, 1e-3);
    }

    [Fact]
    public void Backward_AnyThreadCount_SameBits()
    {
        const long columns = 40, rows = 5000;
        float* x = Random(rows * columns, 1), dy = Random(rows * columns, 2), y = Rent(rows * columns), mean = Rent(rows),
            inverse = Rent(rows);
        LayerNorm.Forward(rows, columns, x, null, null, 1e-5f, y, mean, inverse);
        float* one = Rent(columns), many = Rent(columns);
        WorkerPool.ThreadCount = 1;
        LayerNorm.Backward(rows, columns, dy, x, null, mean, inverse, null, one, null);
        WorkerPool.ThreadCount = 7;
        LayerNorm.Backward(rows, columns, dy, x, null, mean, inverse, null, many, null);
        AssertClose(columns, one, many, 0, "weight gradient");
    }
}
