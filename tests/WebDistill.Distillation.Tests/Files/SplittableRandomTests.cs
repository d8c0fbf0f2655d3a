using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Tests.Files;

public sealed class SplittableRandomTests
{
    [Fact]
    public void NextUInt64_Seed1234567_IsThePublishedSequence()
    {
        // SplitMix64's well-known first outputs for this seed (prng.di.unimi.it/splitmix64.c).
        var random = new SplittableRandom(1234567);
        Assert.Equal([6457827717110365317UL, 3203168211198807973UL, 9817491932198370423UL], Enumerable.Range(0, 3).Select(_ =>
            random.NextUInt64()));
    }

    [Fact]
    public void State_Restored_GoesOnExactlyAlsoInSplitGenerators()
    {
        SplittableRandom random = new SplittableRandom(7).Split();
        random.NextUInt64();
        string state = random.State;
        ulong[] expected = [.. Enumerable.Range(0, 5).Select(_ => random.NextUInt64())];
        var again = new SplittableRandom(0) { State = state };
        Assert.Equal(expected, Enumerable.Range(0, 5).Select(_ => again.NextUInt64()));
        Assert.Throws<FormatException>(() => again.State = state[1..]);
        Assert.Throws<FormatException>(() => again.State = "g" + state[1..]);
    }

    [Fact]
    public void Next_ManyDraws_CoverTheRangeEvenly()
    {
        var random = new SplittableRandom(3);
        var counts = new int[7];
        for (int i = 0; i < 70000; i++)
            counts[random.Next(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 9500, 10500));
    }
}
