using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class RowProductTests : KernelTests
{
    [Theory, MemberData(nameof(SetNames))]
    public void Run_EveryTailLength_EqualsLibtorchIn64Bits(string set)
    {
        Use(set);
        foreach (long depth in new long[] { 1, 7, 32, 33, 515 })
        {
            foreach (long columns in TailLengths)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable noGradient = no_grad();
                Tensor x = Exact(Random(depth, 1), 1, depth), matrix = Exact(Random(depth * columns, 2), depth, columns), bias = Exact(Random(columns, 3), columns);
                Tensor expected = x.mm(matrix).view(-1), shifted = expected + bias;
                Tensor row = x.to(ScalarType.Float32), plain = matrix.to(ScalarType.Float32), transposed = matrix.t().to(ScalarType.Float32).contiguous();
                Tensor shift = bias.to(ScalarType.Float32);
                string what = $"{set}, {depth} x {columns}";
                AssertClose(shifted, RowProduct.Run(row, plain, isTransposed: false, shift), 1e-5, what);
                AssertClose(expected, RowProduct.Run(row, plain, isTransposed: false, null), 1e-5, what + ", no bias");
                AssertClose(shifted, RowProduct.Run(row, transposed, isTransposed: true, shift), 1e-5, what + ", transposed");
                AssertClose(expected, RowProduct.Run(row, transposed, isTransposed: true, null), 1e-5, what + ", transposed, no bias");
            }
        }
    }

    [Fact]
    public void Run_AnyThreadCount_GivesTheSameBits()
    {
        using IDisposable noGradient = no_grad();
        Tensor x = randn(1, 300), matrix = randn(300, 1000), transposed = matrix.t().contiguous();
        WorkerPool.ThreadCount = 1;
        Tensor one = RowProduct.Run(x, matrix, isTransposed: false, null), two = RowProduct.Run(x, transposed, isTransposed: true, null);
        WorkerPool.ThreadCount = 4;
        Assert.True(one.equal(RowProduct.Run(x, matrix, isTransposed: false, null)).all().item<bool>());
        Assert.True(two.equal(RowProduct.Run(x, transposed, isTransposed: true, null)).all().item<bool>());
    }

    [Fact]
    public void Fits_OneRowWithoutGradient_AndNothingElse()
    {
        Tensor matrix = randn(8, 8);
        Assert.False(RowProduct.Fits(randn(1, 1, 8), matrix));
        using IDisposable noGradient = no_grad();
        Assert.True(RowProduct.Fits(randn(1, 1, 8), matrix));
        Assert.False(RowProduct.Fits(randn(1, 2, 8), matrix));
        Assert.False(RowProduct.Fits(randn(1, 1, 8).to(ScalarType.BFloat16), matrix));
        Assert.Contains("expected 8 and 8", Assert.Throws<ArgumentException>(() => RowProduct.Run(randn(1, 7), matrix, isTransposed: false, null)).Message);
    }
}
