using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class CosineDistanceTests : KernelTests
{
    private const double Epsilon = 1e-12;

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_EveryTailLength_EqualsPlain(string set)
    {
        foreach (long columns in TailLengths)
        {
            const long rows = 7;
            float* student = Random(rows * columns, 1), teacher = Random(rows * columns, 2);
            float* expected = Random(rows * columns, 3), actual = Copy(rows * columns, expected);
            Use("Plain");
            double sum = CosineDistance.Run(rows, columns, student, teacher, Epsilon, 0.3f, expected);
            Use(set);
            Assert.Equal(sum, CosineDistance.Run(rows, columns, student, teacher, Epsilon, 0.3f, actual), 1e-6 * rows);
            // In one column the two terms of the gradient cancel: their rounding is what is left.
            AssertClose(rows * columns, expected, actual, 1e-5, $"{set} {columns} columns");
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_Gradient_AgreesWithFiniteDifferences(string set)
    {
        const long rows = 2, columns = 9;
        const float step = 1e-3f;
        float* student = Random(rows * columns, 4), teacher = Random(rows * columns, 5), gradient = Rent(rows * columns, 0);
        Use(set);
        _ = CosineDistance.Run(rows, columns, student, teacher, Epsilon, 2, gradient);
        Use("Plain");
        for (long i = 0; i < rows * columns; i++)
        {
            float kept = student[i];
            student[i] = kept + step;
            double up = CosineDistance.Run(rows, columns, student, teacher, Epsilon, 0, null);
            student[i] = kept - step;
            double down = CosineDistance.Run(rows, columns, student, teacher, Epsilon, 0, null);
            student[i] = kept;
            Assert.Equal(2 * (up - down) / (2 * step), gradient[i], 1e-3);
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Run_ZeroVectorOrSameVector_IsFinite(string set)
    {
        Use(set);
        float* zero = Rent(5, 0), other = Random(5, 1), gradient = Rent(5, 0);
        Assert.Equal(1, CosineDistance.Run(1, 5, zero, other, Epsilon, 1, gradient), 1e-9);
        Assert.Equal(0, CosineDistance.Run(1, 5, other, other, Epsilon, 1, gradient), 1e-6);
        Assert.True(float.IsFinite(gradient[4]));
    }

    [Fact]
    public void Run_AnyThreadCount_SameBits()
    {
        const long rows = 500, columns = 70;
        float* student = Random(rows * columns, 1), teacher = Random(rows * columns, 2);
        WorkerPool.ThreadCount = 1;
        double expected = CosineDistance.Run(rows, columns, student, teacher, Epsilon, 0, null);
        WorkerPool.ThreadCount = 3;
        Assert.Equal(expected, CosineDistance.Run(rows, columns, student, teacher, Epsilon, 0, null));
    }
}
