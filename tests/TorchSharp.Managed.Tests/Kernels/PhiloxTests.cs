using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class PhiloxTests : KernelTests
{
    /// <summary>Known answers published with the authors' Random123 library.</summary>
    [Theory]
    [InlineData(0ul, 0ul, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x299f31d0a4093822ul, 0x85a308d3243f6a88ul, 0x0370734413198a2eul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Block_KnownCounters_GivesPublishedWords(ulong seed, ulong low, ulong high, uint w0, uint w1, uint w2, uint w3) =>
        Assert.Equal((w0, w1, w2, w3), Philox.Block(seed, low, high));

    [Theory, MemberData(nameof(FastSetNames))]
    public void Words_EveryCount_EqualsBlocks(string set)
    {
        Use(set);
        foreach (ulong counter in new[] { 0ul, uint.MaxValue - 3ul, ulong.MaxValue - 5 })
            foreach (long counters in TailLengths)
            {
                var words = (uint*)Rent(4 * counters);
                Philox.Words(0x123456789abcdef0, counter, counters, words);
                for (long i = 0; i < counters; i++)
                    Assert.Equal(Philox.Block(0x123456789abcdef0, counter + (ulong)i),
                        (words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]));
                AssertGuard(4 * counters, (float*)words, "words");
            }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Dropout_EveryTailLength_EqualsPlain(string set)
    {
        foreach (long count in TailLengths.Append(40_001))
            foreach (float probability in new[] { 0f, 0.1f, 0.9f, 1f })
            {
                float* x = Random(count, 1), expected = Rent(count), actual = Rent(count);
                Use("Plain");
                Dropout.Run(count, x, probability, 3, 17, expected);
                Use(set);
                Dropout.Run(count, x, probability, 3, 17, actual);
                AssertClose(count, expected, actual, 0, $"{set} p={probability}");
            }
    }

    [Fact]
    public void Dropout_ManyElements_DropsTheProportionAndKeepsTheMean()
    {
        const long count = 200_000;
        float* x = Rent(count, 1), y = Rent(count);
        Dropout.Run(count, x, 0.3f, 1, 0, y);
        long dropped = 0;
        for (long i = 0; i < count; i++)
            dropped += y[i] == 0 ? 1 : 0;
        Assert.Equal(0.3, dropped / (double)count, 0.005);
        Assert.Equal(1, Reduce.Sum(count, y) / count, 0.01);
        Assert.Throws<ArgumentOutOfRangeException>(() => Dropout.Run(count, x, 1.1f, 1, 0, y));
    }

    [Fact]
    public void FillNormalAndUniform_ManyElements_HaveTheMoments()
    {
        const long count = 200_000;
        float* y = Rent(count);
        Philox.FillNormal(count, y, 2, 3, 1, 0);
        double mean = Reduce.Sum(count, y) / count;
        Assert.Equal(2, mean, 0.03);
        Assert.Equal(9, Reduce.SumOfSquares(count, y) / count - mean * mean, 0.15);
        Philox.FillUniform(count, y, -1, 3, 1, 0);
        Assert.Equal(1, Reduce.Sum(count, y) / count, 0.02);
        for (long i = 0; i < count; i++)
            Assert.InRange(y[i], -1, 3);
    }
}
