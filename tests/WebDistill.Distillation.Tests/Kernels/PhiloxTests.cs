using WebDistill.Distillation.Kernels;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class PhiloxTests : KernelTests
{
    /// <summary>Known answers published with the authors' Random123 library.</summary>
    [Theory]
    [InlineData(0ul, 0ul, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x299f31d0a4093822ul, 0x85a308d3243f6a88ul, 0x0370734413198a2eul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Block_KnownCounters_GivesPublishedWords(ulong seed, ulong low, ulong high, uint w0, uint w1, uint w2, uint w3) =>
        Assert.Equal((w0, w1, w2, w3), Philox.Block(seed, low, high));

    [Theory, MemberData(nameof(SetNames))]
    public void Words_EveryCount_EqualsBlocks(string set)
    {
        Use(set);
        foreach (ulong counter in new[] { 0ul, uint.MaxValue - 3ul, ulong.MaxValue - 5 })
            foreach (long counters in TailLengths.Append(0))
            {
                var words = (uint*)Rent(4 * counters);
                Philox.Words(0x123456789abcdef0, counter, counters, words);
                for (long i = 0; i < counters; i++)
                    Assert.Equal(Philox.Block(0x123456789abcdef0, counter + (ulong)i),
                        (words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]));
                AssertGuard(4 * counters, (float*)words, "words");
            }
    }
}
