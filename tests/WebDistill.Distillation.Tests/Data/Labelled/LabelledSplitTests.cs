using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Tests.Data.Labelled;

public sealed class LabelledSplitTests
{
    public static TheoryData<int, double> Cases
    {
        get
        {
            var cases = new TheoryData<int, double>();
            for (int seed = 1; seed <= 20; seed++)
                foreach (double share in (double[])[0.001, 0.05, 0.2, 1 / 3.0, 0.5])
                    cases.Add(seed, share);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Split_HoldsOutTheShareOfEachClass_TheSameOnesAgain(int seed, double share)
    {
        var random = new SplittableRandom(seed);
        int classes = 2 + random.Next(9);
        // Classes of one, of two and of many examples, in any order.
        int[] labels = [.. Enumerable.Range(0, classes).SelectMany(label => Enumerable.Repeat(label, label % 3 == 0 ? 1 + random.Next(3) : 1 + random.Next(200)))];
        random.Shuffle(labels);
        long[] counts = [.. Enumerable.Range(0, classes).Select(label => (long)labels.Count(other => other == label))];
        bool[] taken = Taken(labels, counts, share);
        for (int label = 0; label < classes; label++)
        {
            int heldOut = labels.Where((other, i) => other == label && taken[i]).Count();
            Assert.Equal(counts[label] == 1 ? 0 : Math.Clamp((int)Math.Floor(share * counts[label] + 0.5), 1, (int)counts[label] - 1), heldOut);
            Assert.InRange(counts[label] - heldOut, 1, counts[label]);
        }
        Assert.Equal(taken.Count(isTaken => isTaken), new LabelledSplit(counts, share).HeldOut);
        Assert.Equal(taken, Taken(labels, counts, share));
    }

    /// <summary>Every place of a file is as likely as every other: over many files each is held out about as often.</summary>
    [Fact]
    public void Split_FavoursNoPlace()
    {
        const int files = 4000, examples = 20;
        var times = new int[examples];
        var split = new LabelledSplit([.. Enumerable.Repeat((long)examples, files)], 0.25);
        for (int file = 0; file < files; file++)
            for (int i = 0; i < examples; i++)
                times[i] += split.Takes(file) ? 1 : 0;
        // Binomial: 1000 with a standard deviation of 27.
        Assert.All(times, count => Assert.InRange(count, 880, 1120));
    }

    [Fact]
    public void Split_WithoutAShare_HoldsNothingOut() => Assert.DoesNotContain(true, Taken([0, 1, 1, 0, 1], [2, 3], 0));

    [Fact]
    public void Split_ShareOrExampleThatCannotBe_IsRefused()
    {
        foreach (double share in (double[])[-0.1, 0.51, double.NaN])
            Assert.Contains("expected 0 to 0.5", Assert.Throws<ArgumentOutOfRangeException>(() => new LabelledSplit([2, 2], share)).Message);
        var split = new LabelledSplit([1, 1], 0.5);
        split.Takes(0);
        Assert.Contains("One more example of class 0", Assert.Throws<InvalidOperationException>(() => split.Takes(0)).Message);
    }

    private static bool[] Taken(int[] labels, long[] counts, double share)
    {
        var split = new LabelledSplit(counts, share);
        return [.. labels.Select(split.Takes)];
    }
}
