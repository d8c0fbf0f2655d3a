using System.Text.Json;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Evaluation;

public sealed class FidelityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Gpt2Tokenizer _tokenizer = ConstantModel.Tokenizer;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Compare_ByHand()
    {
        // p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4): KL = 1/2 ln 2 - 1/4 ln 2.
        float[] teacher = [MathF.Log(0.5f), MathF.Log(0.25f), MathF.Log(0.25f)], student = [0, MathF.Log(2), 0];
        Fidelity.Row row = Fidelity.Compare(teacher, student, target: 0);
        Assert.Equal(0.25 * Math.Log(2), row.KlNats, 6);
        Assert.False(row.AgreesTop1);
        Assert.Equal(1, row.SharedTop5);
        Assert.Equal(0.5, row.Teacher.Confidence, 6);
        Assert.True(row.Teacher.IsRight);
        Assert.Equal(Math.Log(4), row.Student.Nats, 6);
        Assert.False(row.Student.IsRight);
    }

    [Theory]
    [InlineData(new float[] { 5, 4, 3, 2, 1 }, 1)]
    [InlineData(new float[] { 1, 2, 3, 4, 5 }, -1)]
    [InlineData(new float[] { 4, 5, 3, 2, 1 }, 0.9)] // 1 - 6 * 2 / (5 * 24)
    [InlineData(new float[] { 1, 1, 1 }, 0)]
    [InlineData(new float[] { 3, 1, 1 }, 0.8660254)] // ranks 0, 1.5, 1.5 against 0, 1, 2
    public void RankCorrelation_ByHand(float[] values, double expected) => Assert.Equal(expected, Fidelity.RankCorrelation(values), 6);

    [Fact]
    public void TopTokens_AreTheLargestInOrder()
    {
        float[] values = [1, 5, 3, 5, 2, 4];
        Assert.Equal([1, 3, 5, 2], TopTokens.Of(values, 4));
        Assert.Equal([1, 3, 5, 2, 4, 0], TopTokens.Of(values, 50));
    }

    [Fact]
    public void StudentThatIsTheTeacher_AgreesCompletely()
    {
        using TextModel model = SmallModels.Random(1, vocabulary: _tokenizer.Vocabulary.Size);
        EvaluationResult result = Run(model, model, Text());
        Assert.Equal(0, Value(result, "Mean KL(teacher ‖ student)"), 9);
        Assert.Equal(100, Value(result, "Top-1 agreement"));
        Assert.Equal(100, Value(result, "Top-5 agreement"));
        Assert.Equal(1, Value(result, "Spearman of the top 50"), 9);
        Assert.Equal(Value(result, "Perplexity, teacher"), Value(result, "Perplexity, student"));
    }

    [Fact]
    public void Figures_EqualAComputationOfEveryTokenOnItsOwn()
    {
        using TextModel teacher = SmallModels.Random(1, vocabulary: _tokenizer.Vocabulary.Size);
        using TextModel student = SmallModels.Random(2, layers: 1, vocabulary: _tokenizer.Vocabulary.Size);
        string text = Text();
        const int context = 10;
        int[] ids = [.. _tokenizer.EncodeToIds(text)];
        double kl = 0, agree = 0, nats = 0;
        int tokens = 0;
        foreach (int[] window in ids.Chunk(context))
        {
            for (int at = 1; at < window.Length; at++, tokens++)
            {
                double[] p = Probabilities(teacher, window[..at]), q = Probabilities(student, window[..at]);
                kl += p.Zip(q, (a, b) => a * Math.Log(a / b)).Sum();
                agree += Array.IndexOf(p, p.Max()) == Array.IndexOf(q, q.Max()) ? 1 : 0;
                nats -= Math.Log(q[window[at]]);
            }
        }
        EvaluationResult result = Run(teacher, student, text, context);
        Assert.Equal(tokens, result.Counts[0].Value);
        GoldenFiles.AssertNear(kl / tokens, Value(result, "Mean KL(teacher ‖ student)"), 1e-5, 1e-7, "KL");
        Assert.Equal(100 * agree / tokens, Value(result, "Top-1 agreement"), 9);
        GoldenFiles.AssertNear(Math.Exp(nats / tokens), Value(result, "Perplexity, student"), 1e-5, 0, "perplexity");

        // Groups part the tokens, so that the mean of their means is the mean.
        foreach (IGrouping<string, EvaluationBreakdown> by in result.Breakdowns.Where(b => b.By != Fidelity.ReliabilityAxis).GroupBy(b => b.By))
        {
            EvaluationBreakdown ofKl = by.First();
            Assert.Equal(tokens, ofKl.Counts.Sum());
            double mean = ofKl.Counts.Zip(ofKl.Values, (count, value) => count * (value ?? 0)).Sum() / tokens;
            Assert.Equal(Value(result, "Mean KL(teacher ‖ student)"), mean, 9);
        }
    }

    [Fact]
    public void CalibrationError_OfAConstantModel_IsItsConfidenceMinusItsAccuracy()
    {
        int cat = ConstantModel.Id(" cat"), vocabulary = _tokenizer.Vocabulary.Size;
        using TextModel model = ConstantModel.Create(vocabulary, (cat, 8));
        const string text = "a cat a cat a cat a cat";
        int[] ids = [.. _tokenizer.EncodeToIds(text)];
        EvaluationResult result = Run(model, model, text, context: 64);
        double confidence = Math.Exp(8) / (Math.Exp(8) + vocabulary - 1), accuracy = ids.Skip(1).Count(id => id == cat) / (ids.Length - 1.0);
        Assert.Equal(100 * Math.Abs(confidence - accuracy), Value(result, "Calibration error, student"), 4);
        EvaluationBreakdown diagram = result.Breakdowns.Single(breakdown => breakdown.Name == "Accuracy, student");
        Assert.Equal(100 * accuracy, Assert.Single(diagram.Values.OfType<double>()), 9);
    }

    private static double[] Probabilities(TextModel model, int[] before)
    {
        float[] logits = NextTokenLogits.At(model, before, 1, [before.Length - 1]);
        double[] weights = [.. logits.Select(logit => Math.Exp(logit))];
        return [.. weights.Select(weight => weight / weights.Sum())];
    }

    private static string Text() => string.Concat(Enumerable.Range(0, 12).Select(i => i % 3 == 0 ? "the dog ran. " : "a cat saw it, "));

    private EvaluationResult Run(TextModel teacher, TextModel student, string text, int context = 16)
    {
        string path = _folder.File("text.txt");
        File.WriteAllText(path, text);
        EvaluationTask task = new Fidelity().Open(new EvaluationInput
        {
            Model = student, Reference = teacher, Tokenizer = _tokenizer, File = path, ContextLength = context, Stride = context,
        });
        while (task.Done < task.Total)
            task.Advance();
        EvaluationResult result = task.Result();
        Assert.DoesNotContain("NaN", JsonSerializer.Serialize(result.Figures));
        return result;
    }

    private static double Value(EvaluationResult result, string name) => result.Figures.Single(figure => figure.Name == name).Value;
}
