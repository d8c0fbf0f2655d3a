using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Students;

/// <summary>Students that fill masked words, and what they begin with.</summary>
public sealed class EncoderStudentsTests
{
    private static readonly RunOptions s_options = MaskedModels.Options with { Teacher = new() { ModelId = "teacher" }, Student = new() { Dropout = 0.25 } };

    public static TheoryData<string> Families => [.. ModelFamilies.All.OfType<EncoderFamily>().Select(family => family.Name)];

    /// <summary>All layers of a teacher are the teacher; some of them still answer.</summary>
    [Theory]
    [MemberData(nameof(Families))]
    public void Create_TeacherLayers_CopiesThemAndWhatStandsAroundThem(string family)
    {
        using TextModel teacher = MaskedModels.Random(1, family, layers: 4);
        using TextModel same = Student(s_options with { Student = new() { LayerCount = 4, Dropout = 0 } }, teacher), half = Student(s_options, teacher);
        Assert.Equal(Answer(teacher), Answer(same));
        Assert.Equal(2, half.Architecture.Layers);
        Assert.Equal((0.25, 0.25), ((EncoderConfig)half.Architecture) is var config ? (config.HiddenDropout, config.AttentionDropout) : default);
        Dictionary<string, float[]> from = SmallModels.Weights(teacher), to = SmallModels.Weights(half);
        foreach ((string name, float[] weights) in to.Where(weight => !weight.Key.Contains(".layer.", StringComparison.Ordinal)))
            Assert.Equal(from[name], weights);
    }

    [Fact]
    public void Create_DistilBertOfABert_TakesTheLayersThatThePaperTook()
    {
        using TextModel teacher = MaskedModels.Random(1, layers: 12);
        using TextModel student = Student(s_options with { Student = new() { Family = "distilbert" } }, teacher);
        var config = (DistilBertConfig)student.Architecture;
        Assert.Equal((6, 0, true, 0.1), (config.Layers, config.TokenTypes, config.FillsMasks, config.HiddenDropout));
        Dictionary<string, float[]> from = SmallModels.Weights(teacher), to = SmallModels.Weights(student);
        foreach ((int to6, int from12) in new[] { 0, 2, 4, 7, 9, 11 }.Index())
        {
            foreach ((string own, string theirs) in new[]
            {
                ("attention.q_lin.weight", "attention.self.query.weight"), ("attention.k_lin.bias", "attention.self.key.bias"), ("attention.v_lin.weight", "attention.self.value.weight"),
                ("attention.out_lin.weight", "attention.output.dense.weight"), ("sa_layer_norm.weight", "attention.output.LayerNorm.weight"), ("ffn.lin1.bias", "intermediate.dense.bias"),
                ("ffn.lin2.weight", "output.dense.weight"), ("output_layer_norm.bias", "output.LayerNorm.bias"),
            })
                Assert.Equal(from[$"bert.encoder.layer.{from12}.{theirs}"], to[$"distilbert.transformer.layer.{to6}.{own}"]);
        }
        foreach ((string own, string theirs) in new[]
        {
            ("distilbert.embeddings.word_embeddings.weight", "bert.embeddings.word_embeddings.weight"), ("distilbert.embeddings.position_embeddings.weight", "bert.embeddings.position_embeddings.weight"),
            ("distilbert.embeddings.LayerNorm.bias", "bert.embeddings.LayerNorm.bias"), ("vocab_transform.weight", "cls.predictions.transform.dense.weight"),
            ("vocab_layer_norm.weight", "cls.predictions.transform.LayerNorm.weight"), ("vocab_projector.bias", "cls.predictions.bias"),
        })
            Assert.Equal(from[theirs], to[own]);
    }

    /// <summary>What is left behind are the token types alone: without them in the teacher both answer the same.</summary>
    [Fact]
    public void Create_DistilBertOfAllLayersOfABertWithoutTokenTypes_AnswersAsIt()
    {
        using TextModel teacher = MaskedModels.Random(1, layers: 3);
        using (no_grad())
            teacher.TokenTypeEmbeddings.Single().zero_();
        using TextModel student = Student(s_options with { Student = new() { Family = "distilbert", LayerCount = 3, Dropout = 0 } }, teacher);
        GoldenFiles.AssertClose(Answer(teacher), Answer(student), 1e-6, "logits");
    }

    [Fact]
    public void Configure_FreshOfAnotherFamily_HasTheTeachersTextAndTheFamilysShape()
    {
        RunOptions options = s_options with { Student = new() { Initialisation = "random", Family = "albert", LayerCount = 3, Width = 32 } };
        var fresh = (AlbertConfig)StudentInits.StudentConfig(options, MaskedModels.Config(), MaskedModels.Vocabulary, roles: MaskedModels.Roles with { Padding = 7 });
        Assert.Equal((3, 32, 2, MaskedModels.Positions, MaskedModels.Vocabulary, 7), (fresh.Layers, fresh.Width, fresh.Heads, fresh.Positions, fresh.VocabularySize, fresh.PadTokenId));
        Assert.IsType<BertConfig>(StudentInits.StudentConfig(options with { Student = options.Student with { Family = null } }, MaskedModels.Config(), MaskedModels.Vocabulary));
    }

    private static TextModel Student(RunOptions options, TextModel teacher) => StudentInits.Create(options, teacher, MaskedModels.Vocabulary, roles: MaskedModels.Roles);

    private static float[] Answer(TextModel model)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        model.eval();
        return ParameterData.ToArray(model.Logits(model.forward(tensor([2L, 9, 4, 30, 3], [1, 5], device: Distillation.Engine.Device.Default))));
    }
}
