using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;
using AdamW = WebDistill.Distillation.Kernels.AdamW;
using Parameter = TorchSharp.Modules.Parameter;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class AdamWTests : KernelTests
{
    [Theory, MemberData(nameof(SetNames))]
    public void Update_EveryTailLength_EqualsTheComposedOneIn64Bits(string set)
    {
        Use(set);
        foreach (long count in TailLengths.Append(70_000))
        {
            float* p = Random(count, 1), m = Rent(count, 0), v = Rent(count, 0);
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            using var exact = new Moments("p", nn.Parameter(Exact(p, count)), 0.1);
            for (int step = 1; step <= 5; step++)
            {
                float* g = Random(count, 10 + step);
                var settings = new AdamWSettings(1e-2, 0.9, 0.98, 1e-6, 0.1, step, 0.5f);
                AdamW.Update(count, p, g, m, v, settings);
                AdamWOptimiser.Compose(exact, Exact(g, count), settings);
            }
            AssertClose(exact.Parameter, p, 5e-6, $"{set} parameters of {count}");
            AssertClose(exact.First, m, 2e-6, $"{set} first moments of {count}");
            AssertClose(exact.Second, v, 2e-6, $"{set} second moments of {count}");
        }
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Step_SeveralUpdates_EqualsTorchSharpsAdamW(string set)
    {
        Use(set);
        float* values = Random(35, 1);
        Parameter ours = nn.Parameter(Exact(values, 5, 7).to(ScalarType.Float32)), theirs = nn.Parameter(Exact(values, 5, 7));
        using var optimiser = new AdamWOptimiser([new Moments("p", ours, 0.1)], 0.9, 0.98, 1e-6);
        using var torchs = optim.AdamW([theirs], lr: 1e-2, beta1: 0.9, beta2: 0.98, eps: 1e-6, weight_decay: 0.1);
        for (int step = 1; step <= 6; step++)
        {
            Tensor gradient = Exact(Random(35, 20 + step), 5, 7);
            ours.grad = gradient.to(ScalarType.Float32);
            theirs.grad = gradient;
            Assert.Equal(gradient.norm().item<double>(), optimiser.Step(1e-2, double.MaxValue), 1e-4);
            torchs.step();
        }
        AssertClose(theirs, ours, 5e-6, "parameters");
    }

    [Fact]
    public void Update_FirstStep_MovesByLearningRateAgainstGradient()
    {
        float* p = Rent(2, 1), g = Rent(2, 1), m = Rent(2, 0), v = Rent(2, 0);
        g[1] = -8;
        AdamW.Update(2, p, g, m, v, new AdamWSettings(0.1, 0.9, 0.999, 1e-8, 0.5, 1));
        Assert.Equal(0.95f - 0.1f, p[0], 1e-5f);
        Assert.Equal(0.95f + 0.1f, p[1], 1e-5f);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void SumOfSquares_EveryTailLength_EqualsLibtorchIn64BitsForAnyThreadCount(string set)
    {
        Use(set);
        foreach (long count in TailLengths.Append(200_003))
        {
            float* x = Random(count, 1);
            WorkerPool.ThreadCount = 1;
            double sum = AdamW.SumOfSquares(count, x);
            WorkerPool.ThreadCount = 3;
            Assert.Equal(sum, AdamW.SumOfSquares(count, x));
            Assert.Equal(1, sum / Exact(x, count).square().sum().item<double>(), 1e-6);
        }
    }
}
