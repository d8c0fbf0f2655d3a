using TorchSharp;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Transforms;
using WebDistill.Distillation.Transforms.Learned;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Transforms.Learned;

/// <summary>Numbers that were worked out by hand, and gradients against graphs that say the same in another way.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class LearnedGoldenTests
{
    [Fact]
    public void Golden_CubicSchedule_HalfwayAndAtItsEnds()
    {
        var schedule = new CubicSparsity(0, 0.8, 100, 300);
        Assert.Equal(0.7, schedule.At(200), 12);
        Assert.Equal((0, 0, 0.8, 0.8), (schedule.At(99), schedule.At(100), schedule.At(300), schedule.At(1000)));
        // What stays, as Sanh et al. 2020 count: from 1 to 0.15.
        Assert.Equal(0.25625, 1 - new CubicSparsity(0, 0.85, 0, 2).At(1), 12);
        Assert.Equal(0.5, new CubicSparsity(0, 0.5, 7, 7).At(7), 12);
        Assert.Equal([100, 170, 240, 300], Enumerable.Range(0, 400).Where(update => schedule.IsDue(update, 70)));
    }

    /// <summary>W = [2, −1] and ∂L/∂W′ = [0.5, 0.5] give ∂L/∂S = [1, −0.5]; a step of 0.1 makes S = [−0.1, 0.05], of which the second is higher.</summary>
    [Fact]
    public void Golden_Movement_TheWeightThatMovesAwayFromZeroStays()
    {
        using DisposeScope scope = NewDisposeScope();
        float[] ofScores = [.. (tensor([0.5f, 0.5f]) * tensor([2f, -1f])).data<float>()], scores = [.. ofScores.Select(one => -0.1f * one)];
        Assert.Equal([1f, -0.5f], ofScores);
        List<int> gone = [];
        SmallestNumbers.Of([() => scores], ZeroCounts.AllButFloor(0.5, 2), SmallestNumbers.ByValue).Mark(scores, gone.Add);
        Assert.Equal([0], gone);
    }

    [Theory]
    [InlineData(0.5, 5, 3)]
    [InlineData(0.9, 10, 9)]
    [InlineData(0.85, 100, 85)]
    public void Golden_MovementCount_KeepsTheFloor(double sparsity, long count, long zeros) => Assert.Equal(zeros, ZeroCounts.AllButFloor(sparsity, count));

    [Fact]
    public void SmallestByValue_OfNumbersOfBothSigns_IsTheirOrder()
    {
        float[] numbers = [0.5f, -3, 0f, -0f, 1e-30f, -1e-30f, float.NegativeInfinity, 2];
        for (int count = 0; count <= numbers.Length; count++)
        {
            List<int> marked = [];
            Assert.Equal(count, SmallestNumbers.Of([() => numbers], count, SmallestNumbers.ByValue).Mark(numbers, marked.Add));
            Assert.Equal(Enumerable.Range(0, numbers.Length).OrderBy(place => numbers[place]).ThenBy(place => place).Take(count).Order(), marked);
        }
    }

    /// <summary>Of twelve layers and p = 0.2, 9.6 stay on average.</summary>
    [Fact]
    public void Golden_LayerDrop_ExpectedDepth()
    {
        double mean = Enumerable.Range(1, 4000).Average(update => LayerDrop.Stays(0.2, 12, 56, update, 0).Count(stays => stays));
        // The standard deviation of the mean is 0.022.
        Assert.InRange(mean, 9.5, 9.7);
        Assert.Equal(LayerDrop.Stays(0.5, 12, 56, 3, 1), LayerDrop.Stays(0.5, 12, 56, 3, 1));
        Assert.NotEqual(LayerDrop.Stays(0.5, 64, 56, 3, 1), LayerDrop.Stays(0.5, 64, 56, 3, 2));
        Assert.NotEqual(LayerDrop.Stays(0.5, 64, 56, 3, 1), LayerDrop.Stays(0.5, 64, 57, 3, 1));
    }

    [Fact]
    public void Golden_StraightThrough_ValuesAndGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([0.4f, 2.6f, -3f], requires_grad: true), rounded = FakeRounding.StraightThrough(x, 1, 0, -2, 1);
        rounded.sum().backward();
        Assert.Equal([0f, 1, -2], rounded.data<float>());
        Assert.Equal([1f, 0, 0], x.grad!.data<float>());
    }

    /// <summary>At the bounds themselves the gradient passes.</summary>
    [Fact]
    public void StraightThrough_AtTheBounds_PassesTheGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([-2f, 1f, 1.001f], requires_grad: true);
        FakeRounding.StraightThrough(x, 1, 0, -2, 1).sum().backward();
        Assert.Equal([1f, 1, 0], x.grad!.data<float>());
    }

    [Fact]
    public void Golden_EightBits_OfARowAndOfARange()
    {
        using DisposeScope scope = NewDisposeScope();
        Near([-1, 0.503937, 0.251969], FakeRounding.Rows(tensor([-1f, 0.5f, 0.25f]).view(1, 3), 8));
        (double step, double zero) = FakeRounding.OfRange(-1, 0.5, 255);
        Assert.Equal(0.00588235, step, 8);
        Assert.Equal(170, zero);
        Near([-1, 0.5, 0.247059], FakeRounding.Round(tensor([-1f, 0.5f, 0.25f]), step, zero, 0, 255));
        // A range without width, and one that does not hold 0.
        Assert.Equal((1, 0), FakeRounding.OfRange(0, 0, 255));
        Assert.Equal(0.02, FakeRounding.OfRange(3, 5.1, 255).Scale, 12);
        Assert.Equal(0, FakeRounding.OfRange(3, 5.1, 255).Zero);
    }

    [Fact]
    public void Rows_OfEightBits_AreWhatTheIntegersOfAFileStandFor()
    {
        using DisposeScope scope = NewDisposeScope();
        var random = new SeededRandom(4);
        var values = new float[13 * 33];
        random.FillNormal(values, 0.3);
        Array.Clear(values, 33, 33);
        // Halves, of which there are few by chance.
        (values[0], values[1], values[2]) = (127, 0.5f, 1.5f);
        Tensor rounded = FakeRounding.Rows(tensor(values, [13, 33]), 8);
        float[] expected = [.. values];
        IntegerRounding.Run(IntegerFormat.Int8PerRow, expected, 33);
        Assert.Equal(expected, rounded.data<float>().ToArray());
        // Rounded again, nothing changes but the last bits of a scale.
        float[] again = [.. rounded.data<float>()];
        IntegerRounding.Run(IntegerFormat.Int8PerRow, again, 33);
        Assert.Equal(expected, again);
    }

    [Fact]
    public void Golden_LearnedStep_FirstStepAndItsGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([0.4, 2.6, -3.0]).view(1, 3);
        foreach (StepScope each in Enum.GetValues<StepScope>())
            Assert.Equal(4, LearnedStepSize.FirstSteps(x, 2, each).item<double>(), 9);
        Tensor step = ones(1, 1, dtype: ScalarType.Float64);
        (Tensor ofStep, Tensor isWithin) = LearnedStepSize.Gradients(x, step, ones_like(x), 2);
        Assert.Equal(-0.808290, ofStep.item<double>(), 6);
        Assert.Equal([true, false, false], isWithin.data<bool>());
        Near([0, 1, -2], LearnedStepSize.Round(x, step, 2).to(ScalarType.Float32));
    }

    /// <summary>The graph of the paper's listing: v = x / s, clamped and rounded with a gradient of 1, times s, whose gradient is scaled.</summary>
    [Theory]
    [InlineData(2, StepScope.EachRow)]
    [InlineData(3, StepScope.EachMatrix)]
    [InlineData(4, StepScope.EachRow)]
    public void Gradients_OfALearnedStep_AreThoseOfTheGraph(int bits, StepScope each)
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(3);
        (int least, int most) = LearnedStepSize.Bounds(bits);
        Tensor x = randn(5, 7, dtype: ScalarType.Float64).requires_grad_(true), g = randn(5, 7, dtype: ScalarType.Float64);
        // Smaller than the first ones, so that some weights are beyond the bounds.
        Tensor s = (0.4 * LearnedStepSize.FirstSteps(x.detach(), bits, each)).requires_grad_(true);
        double factor = 1 / Math.Sqrt((each == StepScope.EachRow ? 7 : 35) * most);
        Tensor scaledStep = s * factor + (s - s * factor).detach();
        Tensor v = (x / scaledStep).clamp(least, most), rounded = (v + (v.round() - v).detach()) * scaledStep;
        (rounded * g).sum().backward();
        (Tensor ofSteps, Tensor isWithin) = LearnedStepSize.Gradients(x.detach(), s.detach(), g, bits);
        Assert.InRange(isWithin.sum().item<long>(), 1, 34);
        Close(s.grad!, ofSteps);
        Close(x.grad!, g * isWithin);
        Close(rounded.detach(), LearnedStepSize.Round(x.detach(), s.detach(), bits));
    }

    /// <summary>Of weights beyond the bounds the value is s·Q, of which the derivative is one that differences find.</summary>
    [Fact]
    public void Gradients_OfALearnedStep_BeyondTheBoundsAreDifferences()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([9.0, -9.0, 8.0, -7.0]).view(1, 4), g = tensor([0.3, -0.2, 0.7, 0.5]).view(1, 4);
        double At(double step) => (LearnedStepSize.Round(x, full([1, 1], step, dtype: ScalarType.Float64), 3) * g).sum().item<double>();
        const double h = 1e-4;
        double difference = (At(0.5 + h) - At(0.5 - h)) / (2 * h) / Math.Sqrt(4 * 3);
        Assert.Equal(difference, LearnedStepSize.Gradients(x, full([1, 1], 0.5, dtype: ScalarType.Float64), g, 3).OfSteps.item<double>(), 9);
    }

    private static void Near(double[] expected, Tensor found)
    {
        float[] values = [.. found.data<float>()];
        Assert.Equal(expected.Length, values.Length);
        Assert.All(expected.Zip(values), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    private static void Close(Tensor expected, Tensor found) => Assert.InRange((expected - found).abs().max().item<double>(), 0, 1e-12);
}
