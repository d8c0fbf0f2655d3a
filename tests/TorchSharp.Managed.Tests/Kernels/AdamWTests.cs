using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class AdamWTests : KernelTests
{
    [Theory, MemberData(nameof(FastSetNames))]
    public void Update_EveryTailLength_EqualsPlain(string set)
    {
        foreach (long count in TailLengths.Append(70000))
            foreach (bool maximum in new[] { false, true })
            {
                float* p = Random(count, 1), g = Random(count, 2), m = Random(count, 3), v = Rent(count, 0.01f), vMax = Rent(count, 0.02f);
                float* p2 = Copy(count, p), m2 = Copy(count, m), v2 = Copy(count, v), vMax2 = Copy(count, vMax);
                for (long step = 1; step <= 3; step++)
                {
                    var settings = new AdamWSettings(1e-2, 0.9, 0.98, 1e-6, 0.1, step, 0.5f);
                    Use("Plain");
                    AdamW.Update(count, p, g, m, v, settings, maximum ? vMax : null);
                    Use(set);
                    AdamW.Update(count, p2, g, m2, v2, settings, maximum ? vMax2 : null);
                }
                AssertClose(count, p, p2, 1e-6, $"{set} parameters of {count}");
                AssertClose(count, m, m2, 1e-6, $"{set} first moments");
                AssertClose(count, v, v2, 1e-6, $"{set} second moments");
                AssertClose(count, vMax, vMax2, 1e-6, $"{set} maxima");
            }
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
}
