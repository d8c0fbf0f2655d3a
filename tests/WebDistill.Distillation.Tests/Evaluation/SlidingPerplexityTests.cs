using TorchSharp;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Evaluation;

public sealed class SlidingPerplexityTests
{
    [Theory]
    [InlineData(10, 4, 2, "0+4>1 2+4>2 4+4>2 6+4>2")]
    [InlineData(11, 4, 2, "0+4>1 2+4>2 4+4>2 6+4>2 8+3>2")]
    [InlineData(9, 4, 4, "0+4>1 4+4>1 8+1>1")]
    [InlineData(6, 4, 1, "0+4>1 1+4>3 2+4>3")]
    [InlineData(3, 4, 2, "0+3>1")]
    public void Windows_AreTheOnesOfTheProtocol(int tokens, int context, int stride, string expected)
    {
        using TextModel model = SmallModels.Random(1);
        SlidingPerplexity sliding = Of(model, new int[tokens], context, stride);
        IEnumerable<TextWindow> windows = Enumerable.Range(0, (int)sliding.Windows).Select(i => sliding.Window(i));
        Assert.Equal(expected, string.Join(' ', windows.Select(window => $"{window.Start}+{window.Length}>{window.FirstScored}")));
    }

    [Theory]
    [InlineData(16, 16)]
    [InlineData(16, 8)]
    [InlineData(16, 5)]
    [InlineData(16, 1)]
    [InlineData(7, 3)]
    public void Sum_GoldenModel_EqualsEveryTokenPredictedOnItsOwn(int context, int stride)
    {
        using TextModel model = ModelFiles.Load(GoldenData.Path("teacher"));
        model.eval();
        var random = new SeededRandom(3);
        int[] ids = [.. Enumerable.Range(0, 61).Select(_ => (int)(random.NextDouble() * model.Architecture.VocabularySize))];
        double expected = 0;
        int predicted = 0, reached = 0;
        for (int start = 0; reached < ids.Length; start += stride)
        {
            int end = Math.Min(start + context, ids.Length);
            for (int token = Math.Max(start + 1, reached); token < end; token++, predicted++)
                expected += NegativeLogLikelihood(model, ids[start..token], ids[token]);
            reached = end;
        }
        SlidingPerplexity sliding = Of(model, ids, context, stride);
        while (sliding.Done < sliding.Windows)
            sliding.Advance();
        Assert.Equal(predicted, sliding.Predicted);
        GoldenFiles.AssertNear(Math.Exp(expected / predicted), Math.Exp(sliding.SumNats / sliding.Predicted), 1e-5, 0, "perplexity");
    }

    [Fact]
    public void Stride_ShorterThanTheContext_PredictsMoreTokensWithMoreToLookBackAt()
    {
        using TextModel model = SmallModels.Random(1);
        int[] ids = [.. Enumerable.Range(0, 40).Select(i => i % 5)];
        long Predicted(int stride)
        {
            SlidingPerplexity sliding = Of(model, ids, 8, stride);
            while (sliding.Done < sliding.Windows)
                sliding.Advance();
            return sliding.Predicted;
        }
        Assert.Equal((35, 39, 39), (Predicted(8), Predicted(4), Predicted(1)));
    }

    [Fact]
    public void Stride_OutOfRange_IsRefused()
    {
        using TextModel model = SmallModels.Random(1);
        Assert.Contains("stride is 9", Assert.Throws<ArgumentException>(() => Of(model, new int[40], 8, 9)).Message);
        Assert.Contains("stride is 0", Assert.Throws<ArgumentException>(() => Of(model, new int[40], 8, 0)).Message);
    }

    private static SlidingPerplexity Of(TextModel model, int[] ids, int context, int stride) =>
        new(model, (offset, destination) => ids.AsSpan((int)offset, destination.Length).CopyTo(destination), ids.Length, context, stride);

    // In double precision from the logits, one token at a time.
    private static double NegativeLogLikelihood(TextModel model, int[] before, int id)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor hidden = model.forward(tensor(before.Select(i => (long)i).ToArray(), [1, before.Length]));
        double[] logits = [.. ParameterData.ToArray(model.Logits(hidden.narrow(1, before.Length - 1, 1))).Select(logit => (double)logit)];
        double largest = logits.Max();
        return largest + Math.Log(logits.Sum(logit => Math.Exp(logit - largest))) - logits[id];
    }
}
