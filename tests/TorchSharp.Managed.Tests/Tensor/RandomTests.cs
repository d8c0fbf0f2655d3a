using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.TensorTests;

public sealed class RandomTests : EngineTest
{
    [Fact]
    public void Generator_StateSavedAndRestored_ContinuesTheStream()
    {
        using var generator = new Generator(5);
        _ = randn(7, generator: generator);
        Tensor state = generator.get_state();
        float[] next = Values(randn(9, generator: generator));
        using var other = new Generator(1);
        other.set_state(state);
        AssertValues(randn(9, generator: other), next);
        Assert.Equal(5, other.initial_seed());
    }

    [Fact]
    public void RngState_OfTheDefaultGenerator_RoundTrips()
    {
        manual_seed(77);
        _ = rand(3);
        Tensor state = get_rng_state();
        float[] next = Values(rand(5)), dropped = Values(nn.functional.dropout(ones(50), 0.5));
        set_rng_state(state);
        AssertValues(rand(5), next);
        AssertValues(nn.functional.dropout(ones(50), 0.5), dropped);
        Assert.Throws<ArgumentException>(() => set_rng_state(ones(3)));
    }

    [Fact]
    public void ManualSeed_SameSeed_GivesTheSameNumbers()
    {
        manual_seed(3);
        float[] first = Values(randn(100));
        float[] second = Values(randn(100));
        manual_seed(3);
        AssertValues(randn(100), first);
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void Distributions_ManyNumbers_HaveTheirMoments()
    {
        const int Count = 200_000;
        Tensor normal = empty(Count).normal_(2, 3);
        Assert.Equal(2, normal.mean().ToDouble(), 0.05);
        Assert.Equal(3, normal.std().ToDouble(), 0.05);
        Tensor uniform = empty(Count).uniform_(-1, 3);
        Assert.Equal(1, uniform.mean().ToDouble(), 0.02);
        Assert.InRange(uniform.min().ToDouble(), -1, -0.99);
        Assert.InRange(uniform.max().ToDouble(), 2.99, 3);
        Assert.Equal(0.3, empty(Count).bernoulli_(0.3).mean().ToDouble(), 0.01);
        Tensor integers = randint(-2, 3, [Count]);
        Assert.Equal(-2, integers.min().item<long>());
        Assert.Equal(2, integers.max().item<long>());
    }

    [Fact]
    public void Multinomial_WithReplacement_FollowsTheWeights()
    {
        Tensor weights = Floats([4], 1, 0, 2, 1);
        long[] drawn = weights.multinomial(40_000, replacement: true).data<long>().ToArray();
        Assert.DoesNotContain(1L, drawn);
        Assert.Equal(0.5, drawn.Count(index => index == 2) / 40_000.0, 0.02);
        Assert.Equal(0.25, drawn.Count(index => index == 0) / 40_000.0, 0.02);
    }

    [Fact]
    public void Multinomial_WithoutReplacement_GivesDistinctIndicesOfPositiveWeight()
    {
        Tensor weights = Floats([2, 4], 1, 0, 2, 1, 0, 3, 3, 1);
        long[] drawn = weights.multinomial(3).data<long>().ToArray();
        Assert.Equal([0, 2, 3], drawn[..3].Order());
        Assert.Equal([1, 2, 3], drawn[3..].Order());
        Assert.Throws<InvalidOperationException>(() => weights.multinomial(4));
        Assert.Throws<InvalidOperationException>(() => zeros(3).multinomial(1));
        Assert.Throws<InvalidOperationException>(() => Floats([2], 1, float.NaN).multinomial(1));
    }

    [Fact]
    public void Multinomial_OneDraw_FollowsTheWeights()
    {
        Tensor weights = Floats([1, 2], 1, 3).expand(20_000, 2);
        Assert.Equal(0.75, weights.multinomial(1).to(float32).mean().ToDouble(), 0.02);
    }
}
