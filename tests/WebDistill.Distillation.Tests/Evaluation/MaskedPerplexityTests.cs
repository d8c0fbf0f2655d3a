using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Evaluation;

public sealed class MaskedPerplexityTests : IDisposable
{
    private const int Context = 10;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _file;

    public MaskedPerplexityTests() => _file = MaskedModels.Tokens(_folder, documents: 12);

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    /// <summary>Block by block, whatever else stands in a pass: what is hidden depends on the place in the text alone.</summary>
    [Fact]
    public void Measure_WholeFile_IsTheMeanOverWhatIsHiddenOfEachBlock()
    {
        using TextModel model = MaskedModels.Random(4);
        var draw = new MaskDraw(MaskDraw.Weights(new long[MaskedModels.Vocabulary], MaskedModels.Roles, 0), MaskedModels.Roles.Mask!.Value, new MaskingOptions { Smoothing = 0 });
        var ids = new int[_file.TokenCount];
        _file.Read(0, ids);
        double sum = 0;
        int guessed = 0;
        foreach ((int index, int[] block) in ids.Chunk(Context).Index())
        {
            TokenBatch masked = draw.Apply(new TokenBatch([.. block.Select(id => (long)id)], [block.Length], 1, block.Length), new SeededRandom(SeededRandom.Combine(0x6D61736B, index, 0)));
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            float[] logP = ParameterData.ToArray(nn.functional.log_softmax(model.Logits(model.forward(tensor(masked.Ids, [1, block.Length]))), dim: -1));
            foreach ((int place, long label) in masked.Labels!.Index().Where(label => label.Item != LogitLosses.NoTarget))
            {
                sum -= logP[place * MaskedModels.Vocabulary + (int)label];
                guessed++;
            }
        }
        // ⌈1.5⌉ of each block of 10.
        Assert.True(guessed >= 2 * (ids.Length / Context));
        Assert.Equal(sum / guessed, MaskedPerplexity.Measure(model, _file, Context, long.MaxValue).NatsPerToken, 1e-5);
    }

    [Fact]
    public void Measure_ATeacher_IsThatOfItsModel_AndLeavesAStudentInTraining()
    {
        using TextModel model = TextModel.CreateRandom(MaskedModels.Config().WithDropout(0.3), 4);
        model.train();
        Perplexity once = MaskedPerplexity.Measure(model, _file, Context, 100);
        Assert.True(model.training);
        Assert.Equal(once, MaskedPerplexity.Measure(model, _file, Context, 100));
        using var teacher = new ModelTeacher(model);
        Assert.Equal(once, MaskedPerplexity.Measure(teacher, _file, Context, 100));
        Assert.NotEqual(once, MaskedPerplexity.Measure(model, _file, Context, 200));
    }

    [Fact]
    public void Measure_UniformModel_IsTheVocabularySize()
    {
        using TextModel model = MaskedModels.Random(4);
        using (no_grad())
        {
            foreach (TorchSharp.Modules.Parameter parameter in model.parameters())
                parameter.zero_();
        }
        Assert.Equal(MaskedModels.Vocabulary, MaskedPerplexity.Measure(model, _file, Context, long.MaxValue).Value, 1e-3);
    }

    [Fact]
    public void Measure_WhatCannotBe_IsRefused()
    {
        using TextModel bert = MaskedModels.Random(1), gpt2 = SmallModels.Random(1, vocabulary: MaskedModels.Vocabulary), smaller = TextModel.CreateRandom(MaskedModels.Config() is var config
            ? ((WebDistill.Distillation.Models.Encoders.BertConfig)config) with { VocabSize = 50 } : null!, 1);
        using TokenFile plain = SmallModels.Tokens(_folder, vocabulary: MaskedModels.Vocabulary);
        foreach ((TextModel model, TokenFile file, int context, long most, string said) in new[]
        {
            (gpt2, _file, Context, 100L, "The model is a GPT-2, which continues texts; expected one that fills masked words."),
            (smaller, _file, Context, 100L, "50 tokens in its vocabulary and the text 60"),
            (bert, plain, Context, 100L, "has no mask"),
            (bert, _file, MaskedModels.Positions + 1, 100L, "expected 1 to the model's 24 positions"),
            (bert, _file, Context, 1L, "none of them can be hidden"),
        })
            Assert.Contains(said, Assert.Throws<ArgumentException>(() => MaskedPerplexity.Measure(model, file, context, most)).Message);
        Assert.Contains("fills masked words and cannot continue a text", Assert.Throws<ArgumentException>(() => Perplexity.Measure(bert, _file, Context, 100)).Message);
    }
}
