using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Teachers;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Evaluation;

/// <summary>Entropies, divergences and agreement of two models on a piece of text.</summary>
public sealed class PredictionDiagnosisTests
{
    [Fact]
    public void Compare_ByHand()
    {
        // p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4): H(p) = 3/2 ln 2, KL = 1/4 ln 2.
        float[] teacher = [MathF.Log(0.5f), MathF.Log(0.25f), MathF.Log(0.25f)], student = [0, MathF.Log(2), 0];
        PredictionDiagnosis.Row row = PredictionDiagnosis.Compare(student, teacher, temperature: 1);
        Assert.Equal(1.5 * Math.Log(2), row.TeacherEntropyNats, 6);
        Assert.Equal(1.5 * Math.Log(2), row.StudentEntropyNats, 6);
        Assert.Equal(0.25 * Math.Log(2), row.KlNats, 6);
        Assert.Equal(row.KlNats, row.SoftenedKlNats);
        Assert.Equal(0.5, row.Confidence, 6);
        Assert.False(row.Agrees);
        // At T = 2 the teacher is (√2, 1, 1) / (2 + √2).
        double total = 2 + Math.Sqrt(2), first = Math.Sqrt(2) / total, other = 1 / total;
        row = PredictionDiagnosis.Compare(student, teacher, temperature: 2);
        Assert.Equal(-first * Math.Log(first) - 2 * other * Math.Log(other), row.TeacherEntropyNats, 6);
        Assert.Equal((first - other) * Math.Log(first / other), row.SoftenedKlNats, 6);
        Assert.Equal(0.25 * Math.Log(2), row.KlNats, 6);
    }

    [Fact]
    public void Compare_ATokenThatIsImpossible_HasAnEntropy()
    {
        PredictionDiagnosis.Row row = PredictionDiagnosis.Compare([0, 0, float.NegativeInfinity], [], temperature: 2);
        Assert.Equal(Math.Log(2), row.StudentEntropyNats, 9);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2.5)]
    public void Measure_TwoModels_IsWhatLibTorchsOperatorsSay(double temperature)
    {
        using TextModel student = SmallModels.Random(1);
        using var teacher = new ModelTeacher(SmallModels.Random(2, layers: 3, width: 24));
        var random = new SeededRandom(3);
        int[] ids = [.. Enumerable.Range(0, 3 * 20).Select(_ => (int)(random.NextDouble() * SmallModels.Vocabulary))];
        student.train();
        PredictionDiagnosis measured = PredictionDiagnosis.Measure(student, teacher, ids, rows: 3, temperature, CancellationToken.None);
        Assert.True(student.training);

        float[] q = LogProbabilities(student, 1), p = LogProbabilities(teacher.Model, 1), soft = LogProbabilities(teacher.Model, temperature), softQ = LogProbabilities(student, temperature);
        double[] kl = Kl(p, q), softKl = Kl(soft, softQ);
        int[] ofTeacher = Likeliest(p), ofStudent = Likeliest(q);
        bool[] agrees = [.. ofTeacher.Zip(ofStudent, (one, other) => one == other)];
        Assert.Equal((60, temperature), (measured.Tokens, measured.Temperature));
        Assert.Equal(Entropy(softQ), measured.StudentEntropyNats, 5);
        TeacherComparison found = measured.Teacher!;
        Assert.Equal(Entropy(soft), found.EntropyNats, 5);
        Assert.Equal(agrees.Count(one => one) / 60.0, found.Agreement, 12);
        Assert.InRange(found.Agreement, 0.001, 0.999);
        AssertDivergence(kl, found.Kl);
        if (temperature == 1)
            Assert.Null(found.SoftenedKl);
        else
            AssertDivergence(softKl, found.SoftenedKl!);
        for (int bin = 0; bin < ConfidenceBin.Count; bin++)
        {
            int[] inside = [.. Enumerable.Range(0, 60).Where(i => (int)(10 * Math.Exp(p[i * SmallModels.Vocabulary + ofTeacher[i]])) == bin)];
            Assert.Equal(new ConfidenceBin(inside.Length, inside.Count(i => agrees[i])), found.ByConfidence[bin]);
        }

        float[] LogProbabilities(TextModel model, double t)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            bool wasTraining = model.training;
            model.eval();
            Tensor logits = model.Logits(model.Hidden(new ModelInput(tensor(ids.Select(id => (long)id).ToArray(), [3, 20]))));
            model.train(wasTraining);
            return ParameterData.ToArray(nn.functional.log_softmax(logits / t, -1));
        }
    }

    [Fact]
    public void Measure_WithoutATeacher_KnowsTheStudentsEntropyAlone()
    {
        using TextModel student = SmallModels.Random(1);
        PredictionDiagnosis measured = PredictionDiagnosis.Measure(student, null, [1, 2, 3, 4], rows: 2, 1, CancellationToken.None);
        Assert.Null(measured.Teacher);
        Assert.InRange(measured.StudentEntropyNats, 0.1, Math.Log(SmallModels.Vocabulary));
    }

    [Fact]
    public void Measure_StudentThatIsItsTeacher_AgreesEverywhereAndFillsTheLowestBin()
    {
        using TextModel student = SmallModels.Random(1);
        using var teacher = new ModelTeacher(SmallModels.Random(1));
        TeacherComparison found = PredictionDiagnosis.Measure(student, teacher, [1, 2, 3, 4], rows: 1, 2, CancellationToken.None).Teacher!;
        Assert.Equal(1, found.Agreement);
        Assert.Equal(4, found.Kl.Counts[0]);
        Assert.Equal(4, found.Kl.Counts.Sum());
        Assert.All(found.ByConfidence, bin => Assert.Equal(bin.Tokens, bin.Agreeing));
    }

    [Fact]
    public void Divergence_BinsAndQuantiles_ByHand()
    {
        Assert.Equal(19, Divergence.EdgesNats.Count);
        Assert.Equal([1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100], Divergence.EdgesNats.Where((_, i) => i % 3 == 0).Select(edge => Math.Round(edge, 12)));
        Divergence found = Divergence.Of([0.5, 0, 1e-4, 200, 0.5, 100, 3, 1, 2, double.NaN]);
        Assert.Equal(1, found.Counts[0]);
        Assert.Equal(1, found.Counts[1]);
        // 0.464 to 1: both halves; 1 to 2.15: one and two; 2.15 to 4.64: three; from 100 on two, and what is not a number.
        Assert.Equal([2, 2, 1], found.Counts.Skip(12).Take(3));
        Assert.Equal(3, found.Counts[^1]);
        Assert.Equal((0.5 + 0.5) / 2 * 2, found.MedianNats);
        Assert.Equal(200, found.P90Nats);
        Assert.True(double.IsNaN(found.MeanNats));
    }

    private static void AssertDivergence(double[] expected, Divergence found)
    {
        double[] sorted = [.. expected.Order()];
        Assert.Equal(expected.Average(), found.MeanNats, 5);
        Assert.Equal(sorted[29], found.MedianNats, 5);
        Assert.Equal(sorted[53], found.P90Nats, 5);
        for (int bin = 1; bin < Divergence.EdgesNats.Count; bin++)
            Assert.Equal(expected.Count(kl => kl >= Divergence.EdgesNats[bin - 1] && kl < Divergence.EdgesNats[bin]), found.Counts[bin]);
    }

    private static double Entropy(float[] logs) => -logs.Sum(log => Math.Exp(log) * log) / 60;

    private static double[] Kl(float[] p, float[] q) =>
        [.. p.Zip(q, (one, other) => Math.Exp(one) * (one - other)).Chunk(SmallModels.Vocabulary).Select(row => row.Sum())];

    private static int[] Likeliest(float[] logs) => [.. logs.Chunk(SmallModels.Vocabulary).Select(row => Array.IndexOf(row, row.Max()))];
}
