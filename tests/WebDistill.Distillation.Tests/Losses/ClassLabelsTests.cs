using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Losses;

public sealed class ClassLabelsTests
{
    private static readonly double[] s_logits = [2, 0, -1, 0.5, 1, -2];

    [Fact]
    public void Sum_IsTheMinusLogarithmOfWhatTheClassIsGiven_AndItsGradientThatOfFiniteDifferences()
    {
        (double value, double[] gradient) = Of(s_logits, [0, 2]);
        Assert.Equal(-Math.Log(Share(0, 0) * Share(1, 2)), value, 1e-12);
        for (int i = 0; i < s_logits.Length; i++)
        {
            const double step = 1e-5;
            double[] up = [.. s_logits], down = [.. s_logits];
            (up[i], down[i]) = (up[i] + step, down[i] - step);
            Assert.Equal((Of(up, [0, 2]).Value - Of(down, [0, 2]).Value) / (2 * step), gradient[i], 1e-9);
            Assert.Equal(Share(i / 3, i % 3) - (i is 0 or 5 ? 1 : 0), gradient[i], 1e-12);
        }
        Assert.Equal(2, new ClassLabels().Divisor(new LossCounts(40, 38, 2, 900).OfTexts(), null, 3));

        static double Share(int row, int column) => Math.Exp(s_logits[3 * row + column]) / Enumerable.Range(0, 3).Sum(other => Math.Exp(s_logits[3 * row + other]));
    }

    [Fact]
    public void Sum_OfATextWithoutAClass_IsNothing()
    {
        (double value, double[] gradient) = Of(s_logits, [0, LogitLosses.NoTarget]);
        Assert.Equal(Of(s_logits[..3], [0]).Value, value, 1e-12);
        Assert.All(gradient[3..], one => Assert.Equal(0, one));
    }

    private static (double Value, double[] Gradient) Of(double[] logits, long[] classes)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor z = tensor(logits, [classes.Length, 3]).requires_grad_();
        Tensor sum = new ClassLabels().Sum(new LossRows { StudentLogits = z, Targets = tensor(classes) }, null);
        sum.backward();
        return (sum.item<double>(), z.grad!.data<double>().ToArray());
    }
}
