using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class SoftmaxTests : KernelTests
{
    private const long Rows = 3;

    [Theory, MemberData(nameof(FastSetNames))]
    public void SoftmaxAndLogarithm_EveryTailLength_EqualsPlain(string set)
    {
        foreach (long columns in TailLengths)
            foreach (float scale in new[] { 1f, 80f })
            {
                long count = Rows * columns;
                float* x = Random(count, 1, scale), dy = Random(count, 2);
                var results = new List<nint>();
                foreach (string name in new[] { "Plain", set })
                {
                    Use(name);
                    float* y = Rent(count), dx = Rent(count), logY = Rent(count), logDx = Rent(count);
                    Softmax.Forward(Rows, columns, x, y);
                    Softmax.Backward(Rows, columns, y, dy, dx);
                    Softmax.LogForward(Rows, columns, x, logY);
                    Softmax.LogBackward(Rows, columns, logY, dy, logDx);
                    results.AddRange([(nint)y, (nint)dx, (nint)logY, (nint)logDx]);
                }
                for (int i = 0; i < 4; i++)
                    AssertClose(count, (float*)results[i], (float*)results[i + 4], 2e-6 * Math.Sqrt(columns + 1),
                        $"{set} columns={columns} output {i}");
            }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void CrossEntropy_EveryTailLength_EqualsPlain(string set)
    {
        foreach (long columns in TailLengths.Where(length => length > 0))
        {
            float* x = Random(Rows * columns, 1, 5), dLosses = Random(Rows, 2);
            long* targets = Indices(Rows, columns, 3);
            targets[1] = -100;
            var results = new List<nint>();
            foreach (string name in new[] { "Plain", set })
            {
                Use(name);
                float* losses = Rent(Rows), lse = Rent(Rows), dx = Rent(Rows * columns);
                CrossEntropy.Forward(Rows, columns, x, targets, -100, losses, lse);
                CrossEntropy.Backward(Rows, columns, x, targets, -100, lse, dLosses, dx);
                results.AddRange([(nint)losses, (nint)lse, (nint)dx]);
            }
            long[] lengths = [Rows, Rows, Rows * columns];
            for (int i = 0; i < 3; i++)
                AssertClose(lengths[i], (float*)results[i], (float*)results[i + 3], 2e-6, $"{set} columns={columns} output {i}");
            Assert.Equal(0, ((float*)results[3])[1]);
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Forward_NotFiniteRow_IsNaN(string set)
    {
        Use(set);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity })
            foreach (long position in new[] { 0L, 15, 39 })
            {
                float* x = Random(40, 1), y = Rent(40);
                x[position] = bad;
                Softmax.Forward(1, 40, x, y);
                Assert.True(float.IsNaN(y[position]));
                Assert.True(double.IsNaN(Softmax.LogSumExp(40, x)));
            }
    }

    [Fact]
    public void CrossEntropy_TargetOutside_Throws()
    {
        float* x = Random(4, 1), losses = Rent(1);
        long* targets = Indices(1, 1, 1);
        targets[0] = 4;
        Assert.Throws<IndexOutOfRangeException>(() => CrossEntropy.Forward(1, 4, x, targets, -100, losses, null));
    }
}
