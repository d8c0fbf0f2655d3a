using TorchSharp;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Evaluation;

public sealed class PerplexityTests
{
    [Fact]
    public void Measure_WholeFile_IsTheMeanOverBlocks()
    {
        using var folder = new TemporaryFolder();
        using TokenFile file = SmallModels.Tokens(folder, documents: 5);
        using TextModel model = SmallModels.Random(4);
        var ids = new int[file.TokenCount];
        file.Read(0, ids);
        const int context = 10;
        double sum = 0;
        int predicted = 0;
        foreach (int[] block in ids.Chunk(context).Where(block => block.Length > 1))
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            Tensor logits = model.Logits(model.forward(tensor(block.Select(id => (long)id).ToArray(), [1, block.Length])));
            float[] logProbabilities = ParameterData.ToArray(nn.functional.log_softmax(logits, dim: -1));
            for (int t = 0; t + 1 < block.Length; t++, predicted++)
                sum -= logProbabilities[t * model.Architecture.VocabularySize + block[t + 1]];
        }
        Assert.Equal(Math.Exp(sum / predicted), Perplexity.Measure(model, file, context, long.MaxValue).Value, 4);
    }

    [Fact]
    public void Measure_UniformModel_IsTheVocabularySize()
    {
        using var folder = new TemporaryFolder();
        using TokenFile file = SmallModels.Tokens(folder);
        using TextModel model = SmallModels.Random(4);
        foreach ((_, var parameter) in model.named_parameters())
            ParameterData.Write(parameter, values => values.Clear());
        Assert.Equal(SmallModels.Vocabulary, Perplexity.Measure(model, file, 24, 300).Value, 3);
    }

    [Fact]
    public void Measure_ModelInTraining_IsWithoutDropoutAndTrainingGoesOn()
    {
        using var folder = new TemporaryFolder();
        using TokenFile file = SmallModels.Tokens(folder);
        using TextModel model = TextModel.CreateRandom(SmallModels.Config() with { ResidPdrop = 0.5 }, 4);
        model.train();
        Assert.Equal(Perplexity.Measure(model, file, 12, 200), Perplexity.Measure(model, file, 12, 200));
        Assert.True(model.training);
    }

    [Fact]
    public void Measure_WhatDoesNotFit_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using TokenFile file = SmallModels.Tokens(folder), other = SmallModels.Tokens(folder, vocabulary: 41, name: "other.bin");
        using TextModel model = SmallModels.Random(4);
        Assert.Contains("25", Assert.Throws<ArgumentException>(() => Perplexity.Measure(model, file, 25, 100)).Message);
        Assert.Contains("41", Assert.Throws<ArgumentException>(() => Perplexity.Measure(model, other, 12, 100)).Message);
        Assert.Contains("1 tokens", Assert.Throws<ArgumentException>(() => Perplexity.Measure(model, file, 12, 1)).Message);
    }
}
