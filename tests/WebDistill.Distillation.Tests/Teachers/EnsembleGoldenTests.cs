using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Teachers;

/// <summary>Several distributions as one, against numbers that a double-precision script of other hands computed, and against plain formulas.</summary>
public sealed class EnsembleGoldenTests
{
    private static readonly double[] s_first = [Math.Log(0.9), Math.Log(0.1)], s_second = [Math.Log(0.6), Math.Log(0.4)];

    [Theory]
    [InlineData(TeacherCombination.Probabilities, null, 0.75)]
    [InlineData(TeacherCombination.Losses, null, 0.75)]
    [InlineData(TeacherCombination.Logits, null, 0.786061)]
    [InlineData(TeacherCombination.Probabilities, 0.7, 0.81)]
    [InlineData(TeacherCombination.Logits, 0.7, 0.840197)]
    public void Golden_TwoTeachers_GiveTheCombinedDistribution(TeacherCombination combination, double? firstWeight, double probability)
    {
        using DisposeScope scope = NewDisposeScope();
        double first = firstWeight ?? 0.5;
        EnsembleLogits several = Ensemble([s_first, s_second], [first, 1 - first], new() { Combination = combination });
        float[] combined = nn.functional.softmax(several.Of(0, 1, Precision.Float32, temperature: 1), -1).data<float>().ToArray();
        Assert.Equal(probability, combined[0], 1e-6);
        Assert.Equal(1 - probability, combined[1], 1e-6);
        // Into the buffer of the kernels it is the same.
        Tensor written = zeros(1, 2);
        several.Write(0, written, temperature: 1);
        Assert.Equal(probability, nn.functional.softmax(written, -1).data<float>()[0], 1e-6);
    }

    [Fact]
    public void Golden_Disagreement_IsWhatTheMeanOfLossesIsLargerBy()
    {
        using DisposeScope scope = NewDisposeScope();
        EnsembleLogits several = Ensemble([s_first, s_second], [0.5, 0.5], new());
        double ofMixture = Kl(Softmax(several.Of(0, 1, Precision.Float32, temperature: 1)), [0.5, 0.5]);
        double mean = 0.5 * Kl([0.9, 0.1], [0.5, 0.5]) + 0.5 * Kl([0.6, 0.4], [0.5, 0.5]);
        Assert.Equal(0.130812, ofMixture, 1e-6);
        Assert.Equal(0.194100, mean, 1e-6);
        Assert.Equal(0.063288, several.DisagreementNats, 1e-6);
        Assert.Equal(mean - ofMixture, several.DisagreementNats, 1e-6);
    }

    /// <summary>At any temperature and any weights, and through the head that a run uses.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void MeanOfLosses_AnyTeachers_HasTheGradientOfTheMeanOfProbabilities(double temperature)
    {
        var random = new Random(11);
        const int rows = 300, words = 13, teachers = 3;
        double[] weights = [0.5, 0.3, 0.2];
        double[][] said = [.. Enumerable.Range(0, teachers).Select(_ => Logits(random, rows * words))];
        double[] student = Logits(random, rows * words);

        using DisposeScope scope = NewDisposeScope();
        // The definition, in 64 bits.
        Tensor z = tensor(student, [rows, words]).requires_grad_();
        Tensor logQ = nn.functional.log_softmax(z / temperature, -1);
        Tensor mean = weights.Select((weight, m) =>
        {
            Tensor logP = nn.functional.log_softmax(tensor(said[m], [rows, words]) / temperature, -1);
            return (logP.exp() * (logP - logQ)).sum() * (weight * temperature * temperature);
        }).Aggregate((sum, one) => sum + one);
        mean.backward();

        torch.Device device = Distillation.Engine.Device.Default;
        Tensor hidden = Singles(student, rows, words).to(device);
        EnsembleLogits several = Ensemble(said, weights, new() { Combination = TeacherCombination.Losses }, rows);
        var input = new LossHeadInput(hidden, nn.Parameter(eye(words, device: device)), null, several, [.. Enumerable.Repeat(LogitLosses.NoTarget, rows)]) { Temperature = temperature };
        LossHeadResult result = ProjectionHead.Run(
            input, [new LossTerm(new DistillationCrossEntropy(), 1, new DistillationCrossEntropy.Softening { Temperature = temperature })], gradients: true);

        GoldenFiles.AssertClose([.. z.grad!.data<double>().ToArray().Select(value => (float)value)], result.HiddenGradient!.cpu().data<float>().ToArray(), 2e-6, "gradient");
        GoldenFiles.AssertNear(mean.item<double>(), result.Sums[0] + temperature * temperature * several.DisagreementNats, 2e-6, 0, "mean of the losses");
    }

    [Theory]
    [InlineData(TeacherCombination.Probabilities)]
    [InlineData(TeacherCombination.Logits)]
    public void Combined_RandomTeachers_AgreesWithThePlainFormula(TeacherCombination combination)
    {
        var random = new Random(5);
        const int words = 17;
        const double temperature = 3;
        double[] weights = [0.6, 0.4];
        double[][] said = [Logits(random, words), Logits(random, words)];
        using DisposeScope scope = NewDisposeScope();
        double[] found = Softmax(Ensemble(said, weights, new() { Combination = combination }).Of(0, 1, Precision.Float32, temperature) / temperature);
        double[] expected = combination == TeacherCombination.Logits
            ? Softmax([.. Enumerable.Range(0, words).Select(v => (weights[0] * said[0][v] + weights[1] * said[1][v]) / temperature)])
            : [.. Softmax([.. said[0].Select(v => v / temperature)]).Zip(Softmax([.. said[1].Select(v => v / temperature)]), (p, q) => weights[0] * p + weights[1] * q)];
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void Weights_ByGoldToken_AreTheProbabilitiesOfTheNextTokenAndAllAlikeWithoutOne()
    {
        using DisposeScope scope = NewDisposeScope();
        double[] a = [.. s_first, .. s_first, .. s_first], b = [.. s_second, .. s_second, .. s_second];
        EnsembleLogits several = Ensemble([a, b], [0.5, 0.5], new() { Weighting = TeacherWeighting.ByGoldToken }, rows: 3, targets: [0, 1, LogitLosses.NoTarget]);
        double[] p = Softmax(several.Of(0, 3, Precision.Float32, temperature: 1));
        Assert.Equal((0.9 * 0.9 + 0.6 * 0.6) / 1.5, p[0], 1e-6);
        Assert.Equal((0.1 * 0.9 + 0.4 * 0.6) / 0.5, p[2], 1e-6);
        Assert.Equal(0.75, p[4], 1e-6);
        Assert.Equal([0.6 + 0.2 + 0.5, 0.4 + 0.8 + 0.5], several.Weighing, (expected, found) => Math.Abs(expected - found) < 1e-6);
        // Nobody knows what follows: all alike.
        EnsembleLogits unknown = Ensemble([a, b], [0.5, 0.5], new() { Weighting = TeacherWeighting.ByGoldToken }, rows: 3);
        Assert.Equal(0.75, Softmax(unknown.Of(0, 3, Precision.Float32, temperature: 1))[0], 1e-6);
    }

    [Fact]
    public void Weights_ByLoss_AreTheSoftmaxOfTheNegativeLosses()
    {
        double[] weights = EnsembleTeacher.OfLosses([2, 2.5, 4], temperature: 0.5);
        double sum = 1 + Math.Exp(-1) + Math.Exp(-4);
        Assert.All(weights.Zip([1 / sum, Math.Exp(-1) / sum, Math.Exp(-4) / sum]), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
        // Losses that no exponential holds.
        Assert.Equal([1.0, 0.0], EnsembleTeacher.OfLosses([9000, 12_000], temperature: 0.1));
    }

    [Fact]
    public void Combined_ATeacherThatFindsAWordAllButImpossible_StaysFinite()
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (TeacherCombination combination in Enum.GetValues<TeacherCombination>())
        {
            EnsembleLogits several = Ensemble([[0, -500], [0, -300]], [0, 1], new() { Combination = combination });
            Assert.All(several.Of(0, 1, Precision.Float32, temperature: 1).data<float>().ToArray(), value => Assert.True(float.IsFinite(value), $"{combination}: {value}"));
            Assert.Equal(0, several.DisagreementNats, 1e-9);
        }
    }

    [Fact]
    public void Agreement_CountsTheRowsWhoseLikeliestTokenIsTheCommonOne()
    {
        using DisposeScope scope = NewDisposeScope();
        EnsembleLogits several = Ensemble([[3, 0, 3, 0], [2, 0, 0, 9]], [0.5, 0.5], new() { Combination = TeacherCombination.Logits }, rows: 2);
        several.Of(0, 2, Precision.Float32, temperature: 1).Dispose();
        Assert.Equal([1, 2], several.Agreeing);
    }

    private static EnsembleLogits Ensemble(double[][] said, double[] weights, TeacherOptions options, int rows = 1, long[]? targets = null) => new(
        [.. said.Select(RowLogits (logits) => new Said(Singles(logits, rows, logits.Length / rows)))], weights, options, rows, targets);

    private static Tensor Singles(double[] values, int rows, int columns) => tensor([.. values.Select(value => (float)value)], [rows, columns]);

    private static double[] Logits(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => 6 * random.NextDouble() - 3)];

    private static double[] Softmax(Tensor logits) => nn.functional.softmax(logits.to(ScalarType.Float64), -1).data<double>().ToArray();

    private static double[] Softmax(double[] logits)
    {
        double sum = logits.Sum(Math.Exp);
        return [.. logits.Select(z => Math.Exp(z) / sum)];
    }

    private static double Kl(double[] p, double[] q) => p.Zip(q, (one, other) => one * Math.Log(one / other)).Sum();

    private sealed class Said(Tensor logits) : RowLogits
    {
        public override long VocabularySize => logits.shape[1];

        public override void Write(long start, Tensor target, double temperature) => target.copy_(logits.narrow(0, start, target.shape[0]));

        public override Tensor Of(long start, long count, Precision precision, double temperature) => logits.narrow(0, start, count);
    }
}
