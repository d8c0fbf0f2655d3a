using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.OptimTests;

public sealed class OptimizerTests : EngineTest
{
    [Theory]
    [InlineData(false, false, 0)]
    [InlineData(false, false, 0.1)]
    [InlineData(true, false, 0.01)]
    [InlineData(false, true, 0.01)]
    public void AdamW_ManySteps_FollowsADoublePrecisionLoop(bool amsgrad, bool maximize, double weightDecay)
    {
        const double Rate = 0.01, Beta1 = 0.9, Beta2 = 0.98, Epsilon = 1e-6;
        const int Count = 37;
        Parameter parameter = nn.Parameter(randn(Count));
        using AdamW optimiser = optim
            .AdamW([parameter], lr: Rate, beta1: Beta1, beta2: Beta2, eps: Epsilon, weight_decay: weightDecay, amsgrad: amsgrad,
            maximize: maximize);
        double[] p = Array.ConvertAll(Values(parameter), value => (double)value), m = new double[Count], v = new double[Count],
            largest = new double[Count];
        for (int step = 1; step <= 30; step++)
        {
            Tensor gradient = randn(Count);
            parameter.grad = gradient;
            optimiser.step();
            float[] g = Values(gradient);
            for (int i = 0; i < Count; i++)
            {
                double slope = maximize ? -g[i] : g[i];
                m[i] = Beta1 * m[i] + (1 - Beta1) * slope;
                v[i] = Beta2 * v[i] + (1 - Beta2) * slope * slope;
                largest[i] = Math.Max(largest[i], v[i]);
                double second = Math.Sqrt((amsgrad ? largest[i] : v[i]) / (1 - Math.Pow(Beta2, step))) + Epsilon;
                p[i] = p[i] * (1 - Rate * weightDecay) - Rate * (m[i] / (1 - Math.Pow(Beta1, step))) / second;
            }
        }
        float[] actual = Values(parameter);
        for (int i = 0; i < Count; i++)
        {
            Assert.Equal(p[i], actual[i], 1e-5);
        }
    }

    [Fact]
    public void AdamW_GroupsWithTheirOwnOptions_AreKeptApart()
    {
        Parameter a = nn.Parameter(ones(2)), b = nn.Parameter(ones(2));
        using AdamW optimiser = optim.AdamW(
            [new AdamW.ParamGroup([a], lr: 0.1, weight_decay: 0.5), new AdamW.ParamGroup([b], lr: 0.2)], lr: 0.3);
        Assert.Equal([0.1, 0.2], optimiser.ParamGroups.Select(group => group.LearningRate));
        a.grad = zeros(2);
        b.grad = zeros(2);
        optimiser.step();
        AssertValues(a, 0.95f, 0.95f);
        AssertValues(b, 1, 1);
        optimiser.ParamGroups.First().LearningRate = 0;
        optimiser.step();
        AssertValues(a, 0.95f, 0.95f);
    }

    [Fact]
    public void AdamW_ParametersWithoutGradient_AreLeftAlone()
    {
        Parameter a = nn.Parameter(ones(2)), b = nn.Parameter(ones(2));
        using AdamW optimiser = optim.AdamW([a, b], lr: 0.1, weight_decay: 0.5);
        a.grad = ones(2);
        optimiser.step();
        AssertValues(b, 1, 1);
        Assert.Equal([0, -1], optimiser.state_dict().StateIndexRef[0]);
    }

    [Fact]
    public void AdamW_StateSavedInAScopeAndLoaded_ContinuesExactly()
    {
        Parameter one = nn.Parameter(ones(5)), two = nn.Parameter(ones(5));
        using AdamW first = optim.AdamW([one], lr: 0.1), second = optim.AdamW([two], lr: 0.7);
        Tensor[] gradients = [randn(5), randn(5), randn(5)];
        Step(first, one, gradients[0]);
        Step(first, one, gradients[1]);
        var stream = new MemoryStream();
        using (NewDisposeScope())
        {
            first.save_state_dict(new BinaryWriter(stream));
            stream.Position = 0;
            second.load_state_dict(new BinaryReader(stream));
            using (no_grad())
            {
                two.copy_(one);
            }
        }
        Step(first, one, gradients[2]);
        Step(second, two, gradients[2]);
        AssertValues(two, Values(one));
    }

    [Fact]
    public void AdamW_StateDictionaryOfAnotherOptimiser_IsCopied()
    {
        Parameter one = nn.Parameter(ones(5)), two = nn.Parameter(ones(5));
        using AdamW first = optim.AdamW([one], lr: 0.1), second = optim.AdamW([two], lr: 0.7);
        Tensor gradient = randn(5);
        Step(first, one, gradient);
        second.load_state_dict(first.state_dict());
        using (no_grad())
        {
            two.copy_(one);
        }
        Step(first, one, gradient);
        Step(second, two, gradient);
        AssertValues(two, Values(one));
        using AdamW other = optim.AdamW([nn.Parameter(ones(1)), nn.Parameter(ones(1))]);
        Assert.Throws<ArgumentException>(() => other.load_state_dict(first.state_dict()));
    }

    private static void Step(AdamW optimiser, Parameter parameter, Tensor gradient)
    {
        parameter.grad = gradient;
        optimiser.step();
    }

    [Fact]
    public void ZeroGrad_KeepsTheMemoryOfTheGradient()
    {
        Parameter parameter = nn.Parameter(ones(2));
        using AdamW optimiser = optim.AdamW([parameter]);
        (parameter * 3).sum().backward();
        optimiser.zero_grad();
        AssertValues(parameter.grad!, 0, 0);
    }

    [Theory]
    [InlineData(double.NaN, 0.9)]
    [InlineData(-1, 0.9)]
    [InlineData(0.1, 1)]
    public void AdamW_NumbersOutOfRange_Throws(double rate, double beta1) =>
        Assert.Throws<ArgumentException>(() => optim.AdamW([nn.Parameter(ones(1))], lr: rate, beta1: beta1));

    [Fact]
    public void AdamW_StepAfterForward_InvalidatesTheSavedWeights()
    {
        Parameter weight = nn.Parameter(ones(2, 2));
        using AdamW optimiser = optim.AdamW([weight]);
        Tensor x = ones(1, 2).requires_grad_();
        Tensor loss = x.matmul(weight).sum();
        weight.grad = ones(2, 2);
        optimiser.step();
        Assert.Throws<InvalidOperationException>(() => loss.backward());
    }

    [Fact]
    public void LambdaLR_AppliesTheFirstFactorAtOnceAndOnePerStep()
    {
        using AdamW optimiser = optim.AdamW(
            [new AdamW.ParamGroup([nn.Parameter(ones(1))], lr: 1), new AdamW.ParamGroup([nn.Parameter(ones(1))], lr: 2)]);
        optim.lr_scheduler.LRScheduler scheduler = optim.lr_scheduler.LambdaLR(optimiser, step => (step + 1) / 10.0);
        Assert.Equal([0.1, 0.2], Rates());
        scheduler.step();
        Assert.Equal([0.2, 0.4], Rates());
        scheduler.step();
        Assert.Equal([0.3, 0.6], Rates().Select(rate => Math.Round(rate, 12)));
        Assert.Equal(Rates(), scheduler.get_last_lr());

        double[] Rates() => optimiser.ParamGroups.Select(group => group.LearningRate).ToArray();
    }

    [Theory]
    [InlineData(2.0)]
    [InlineData(1.0)]
    [InlineData(double.PositiveInfinity)]
    public void ClipGradNorm_AboveTheMaximum_ScalesAllGradientsTogether(double order)
    {
        Parameter a = nn.Parameter(zeros(2)), b = nn.Parameter(zeros(1)), without = nn.Parameter(zeros(1));
        a.grad = tensor(new[] { 3f, 0f });
        b.grad = tensor(new[] { -4f });
        double expected = order == 2 ? 5 : order == 1 ? 7 : 4;
        Assert.Equal(expected, nn.utils.clip_grad_norm_([a, b, without], 1, order), 6);
        AssertValues(a.grad!, (float)(3 / expected), 0);
        AssertValues(b.grad!, (float)(-4 / expected));
        Assert.Equal(1, nn.utils.clip_grad_norm_([a, b], 100, order), 5);
        AssertValues(b.grad!, (float)(-4 / expected));
    }

    [Fact]
    public void AdamW_GradientScale_EqualsClippingBeforeTheStepAndHoldsForOneStep()
    {
        Parameter clipped = nn.Parameter(randn(70)), scaled = nn.Parameter(clipped.detach().clone());
        using AdamW first = optim.AdamW([clipped], lr: 0.01), second = optim.AdamW([scaled], lr: 0.01);
        for (int step = 0; step < 3; step++)
        {
            Tensor gradient = randn(70) * 5;
            clipped.grad = gradient.clone();
            scaled.grad = gradient.clone();
            double norm = nn.utils.clip_grad_norm_([clipped], 1);
            second.GradientScale = (float)nn.utils.ClippingScale(norm, 1);
            first.step();
            second.step();
            Assert.Equal(1, second.GradientScale);
        }
        AssertValues(scaled, Values(clipped));
    }

    [Fact]
    public void ClipGradNorm_GradientThatIsNotFinite_IsReported()
    {
        Parameter a = nn.Parameter(zeros(2));
        a.grad = tensor(new[] { float.NaN, 1f });
        Assert.True(double.IsNaN(nn.utils.clip_grad_norm_([a], 1)));
        Assert.Equal(0, nn.utils.clip_grad_norm_([], 1));
    }
}
