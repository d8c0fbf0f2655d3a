using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>Softened targets and what they become at high temperatures, against numbers that a double-precision script of other hands computed.</summary>
public sealed class SoftTargetsGoldenTests
{
    private static readonly double[] s_two = [Math.Log(4), 0], s_twoStudent = [0, 0], s_three = [2, 0, -1], s_threeStudent = [1, 0.5, 0];

    [Theory]
    [InlineData(1, 0.192745, 0.3)]
    [InlineData(2, 0.226532, 0.333333)]
    [InlineData(10, 0.239651, null)]
    [InlineData(100, 0.240221, null)]
    public void Golden_TwoClasses_ValueAndGradientAtEachTemperature(double temperature, double value, double? gradient)
    {
        (double found, double[] at) = Softened(s_two, s_twoStudent, temperature);
        Assert.Equal(value, found, 1e-6);
        if (gradient is double size)
        {
            Assert.Equal(-size, at[0], 1e-6);
            Assert.Equal(size, at[1], 1e-6);
        }
        Assert.Equal(value, ByTheHead(new DistillationCrossEntropy(), s_two, s_twoStudent, temperature), 1e-6);
    }

    [Theory]
    [InlineData(1, 0.255111)]
    [InlineData(2, 0.365228)]
    [InlineData(5, 0.382099)]
    [InlineData(10, 0.374681)]
    [InlineData(20, 0.368614)]
    [InlineData(100, 0.362721)]
    public void Golden_ThreeClasses_ValueAtEachTemperature(double temperature, double value)
    {
        Assert.Equal(value, Softened(s_three, s_threeStudent, temperature).Value, 1e-6);
        Assert.Equal(value, ByTheHead(new DistillationCrossEntropy(), s_three, s_threeStudent, temperature), 1e-6);
    }

    [Fact]
    public void Golden_CentredLogits_AreTheLimit()
    {
        (double two, double[] gradient) = Centred(s_two, s_twoStudent);
        Assert.Equal(0.240227, two, 1e-6);
        Assert.Equal(-0.346574, gradient[0], 1e-6);
        Assert.Equal(0.346574, gradient[1], 1e-6);
        Assert.Equal(0.361111, Centred(s_three, s_threeStudent).Value, 1e-6);
        // What the formula without centring would give.
        Assert.Equal(0.375, s_three.Zip(s_threeStudent, (v, z) => (z - v) * (z - v)).Sum() / 6, 1e-6);
        Assert.Equal(0.361111, ByTheHead(new CentredLogits(), s_three, s_threeStudent, temperature: 1), 1e-6);
    }

    [Fact]
    public void CentredLogits_RandomRows_AreWhatAHighTemperatureApproaches()
    {
        var random = new Random(7);
        for (int set = 0; set < 20; set++)
        {
            int words = random.Next(2, 60);
            double[] teacher = Logits(random, words), student = Logits(random, words);
            (double limit, double[] expected) = Centred(teacher, student);
            double before = double.PositiveInfinity;
            foreach (double temperature in (double[])[10, 100, 1000])
            {
                (double softened, double[] gradient) = Softened(teacher, student, temperature);
                double off = Math.Abs(softened - limit) / limit;
                Assert.True(off < before, $"T = {temperature}: {off}, before {before}");
                before = off;
                if (temperature == 1000)
                    Assert.All(gradient.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-2 * expected.Max(Math.Abs)));
            }
            Assert.True(before < 1e-2, $"{before}");
        }
    }

    [Fact]
    public void CentredLogits_ConstantsOfARow_ChangeNothing()
    {
        double[] moved = [.. s_threeStudent.Select(z => z + 40)], taught = [.. s_three.Select(v => v - 7)];
        Assert.Equal(Centred(s_three, s_threeStudent).Value, Centred(taught, moved).Value, 1e-12);
    }

    [Fact]
    public void Gradient_OfBothLosses_AgreesWithFiniteDifferences()
    {
        var random = new Random(3);
        double[] teacher = Logits(random, 9), student = Logits(random, 9);
        Compare(z => Centred(teacher, z));
        foreach (double temperature in (double[])[1, 4, 20])
            Compare(z => Softened(teacher, z, temperature));

        void Compare(Func<double[], (double Value, double[] Gradient)> loss)
        {
            double[] gradient = loss(student).Gradient;
            for (int i = 0; i < student.Length; i++)
            {
                const double step = 1e-5;
                double[] up = [.. student], down = [.. student];
                (up[i], down[i]) = (up[i] + step, down[i] - step);
                Assert.Equal((loss(up).Value - loss(down).Value) / (2 * step), gradient[i], 1e-7);
            }
        }
    }

    private static double[] Logits(Random random, int words) => [.. Enumerable.Range(0, words).Select(_ => 4 * random.NextDouble() - 2)];

    private static (double Value, double[] Gradient) Softened(double[] teacher, double[] student, double temperature) =>
        Of(new DistillationCrossEntropy(), new DistillationCrossEntropy.Softening { Temperature = temperature }, teacher, student);

    private static (double Value, double[] Gradient) Centred(double[] teacher, double[] student) => Of(new CentredLogits(), null, teacher, student);

    // In 64 bits, as the numbers were computed.
    private static (double, double[]) Of(RowLoss loss, object? parameters, double[] teacher, double[] student)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor z = tensor(student, [1, student.Length]).requires_grad_();
        Tensor sum = loss.Sum(new LossRows { StudentLogits = z, TeacherLogits = tensor(teacher, [1, teacher.Length]) }, parameters);
        sum.backward();
        return (sum.item<double>(), z.grad!.data<double>().ToArray());
    }

    // As a run computes it, in 32 bits: the logits are hidden states under a head that changes nothing.
    private static double ByTheHead(RowLoss loss, double[] teacher, double[] student, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        torch.Device device = Distillation.Engine.Device.Default;
        Tensor Row(double[] logits) => tensor([.. logits.Select(z => (float)z)], [1, logits.Length], device: device);
        Tensor Unit() => eye(student.Length, device: device);
        object? parameters = loss is DistillationCrossEntropy ? new DistillationCrossEntropy.Softening { Temperature = temperature } : null;
        var input = new LossHeadInput(Row(student), nn.Parameter(Unit()), Row(teacher), new HeadLogits(Row(teacher), Unit()), [LogitLosses.NoTarget]) { Temperature = temperature };
        return ProjectionHead.Run(input, [new LossTerm(loss, 1, parameters)], gradients: true).Sums[0];
    }
}
