using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class CosineDistanceTests : KernelTests
{
    private const double Epsilon = 1e-12;

    [Theory, MemberData(nameof(SetNames))]
    public void Run_EveryTailLength_EqualsLibtorchIn64Bits(string set)
    {
        Use(set);
        foreach (long columns in TailLengths)
        {
            const long rows = 7;
            float* student = Random(rows * columns, 1), teacher = Random(rows * columns, 2), before = Random(rows * columns, 3);
            float* gradient = Copy(rows * columns, before);
            double sum = CosineDistance.Run(rows, columns, student, teacher, Epsilon, 0.3f, gradient);

            using DisposeScope scope = NewDisposeScope();
            Tensor s = Exact(student, rows, columns).requires_grad_(), t = Exact(teacher, rows, columns);
            Tensor norms = ((s.square().sum(1) + Epsilon) * (t.square().sum(1) + Epsilon)).sqrt();
            Tensor expected = (1 - (s * t).sum(1) / norms).sum();
            (expected * 0.3f).backward();
            Assert.Equal(expected.item<double>(), sum, 1e-6 * rows);
            // In one column the two terms of the gradient cancel: their rounding is what is left.
            AssertClose(s.grad! + Exact(before, rows, columns), gradient, 1e-5, $"{set} {columns} columns");
        }
    }

    [Theory, MemberData(nameof(SetNames))]
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
