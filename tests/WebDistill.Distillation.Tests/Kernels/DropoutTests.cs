using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class DropoutTests : KernelTests
{
    private const int Count = 200_000;

    [Theory, MemberData(nameof(SetNames))]
    public void Run_EveryTailLength_EqualsTheMaskTimesTheInput(string set)
    {
        Use(set);
        foreach (long count in TailLengths.Append(40_001))
            foreach (float probability in new[] { 0, 0.1f, 0.9f, 1 })
            {
                float* x = Random(count, 1), y = Rent(count);
                DropoutMask.Run(count, x, probability, 3, 17, y);
                var kept = new double[count];
                for (long i = 0; i < count; i++)
                {
                    var (w0, w1, w2, w3) = Philox.Block(3, 17 + (ulong)(i / 4));
                    kept[i] = probability == 1 || new[] { w0, w1, w2, w3 }[i % 4] < DropoutMask.Threshold(probability) ? 0 : 1 / (1 - (double)probability);
                }
                AssertClose(Exact(x, count) * tensor(kept), y, 1e-6, $"{set} {count} elements, p={probability}");
            }
    }

    [Fact]
    public void Run_ManyElements_DropsTheProportionAndNeighboursAreIndependent()
    {
        Tensor first = Dropped(seed: 1), second = Dropped(seed: 2);
        Assert.Equal(0.3, first.mean().item<double>(), 0.005);
        Assert.Equal(0.09, (first * second).mean().item<double>(), 0.005);
        foreach (long distance in new long[] { 1, 2, 3, 4, 16, 1024 })
        {
            Tensor both = first.narrow(0, 0, Count - distance) * first.narrow(0, distance, Count - distance);
            Assert.Equal(0.09, both.mean().item<double>(), 0.005);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => DropoutMask.Run(1, Rent(1), 1.1f, 1, 0, Rent(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => DropoutMask.Run(1, Rent(1), float.NaN, 1, 0, Rent(1)));
    }

    [Fact]
    public void Run_Gradient_HasTheMaskOfTheOutput()
    {
        Tensor x = ones(3, 1001, requires_grad: true), y = SeededDropout.Run(x, 0.4);
        y.sum().backward();
        Assert.True(y.eq(x.grad!).all().item<bool>());
        Assert.Equal(0.4, y.eq(0).to(ScalarType.Float32).mean().item<float>(), 0.05f);
    }

    [Fact]
    public void Run_SameStateOfTheGenerator_SameMaskForAnyThreadCount()
    {
        Tensor x = ones(Count), state = get_rng_state();
        WorkerPool.ThreadCount = 1;
        Tensor first = SeededDropout.Run(x, 0.5), other = SeededDropout.Run(x, 0.5);
        Assert.False(first.eq(other).all().item<bool>());
        foreach (int threads in new[] { 2, 5 })
        {
            set_rng_state(state);
            WorkerPool.ThreadCount = threads;
            Assert.True(first.eq(SeededDropout.Run(x, 0.5)).all().item<bool>());
        }
    }

    /// <summary>1 for what was dropped, 0 for the rest.</summary>
    private Tensor Dropped(ulong seed)
    {
        float* x = Rent(Count, 1), y = Rent(Count);
        DropoutMask.Run(Count, x, 0.3f, seed, 0, y);
        return Exact(y, Count).eq(0).to(ScalarType.Float64);
    }
}
