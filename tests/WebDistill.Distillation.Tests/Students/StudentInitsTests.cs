using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;

namespace WebDistill.Distillation.Tests.Students;

public sealed class StudentInitsTests
{
    private static readonly RunOptions s_options = new() { Teacher = new() { ModelId = "teacher" }, Data = new() { DatasetId = "text" } };

    [Theory]
    [InlineData(12, 6, new[] { 0, 2, 4, 7, 9, 11 })]
    [InlineData(12, 12, new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 })]
    [InlineData(12, 1, new[] { 0 })]
    [InlineData(12, 2, new[] { 0, 11 })]
    [InlineData(6, 3, new[] { 0, 3, 5 })]
    public void EvenlySpaced_Layers_RunFromFirstToLast(int teacher, int student, int[] expected) =>
        Assert.Equal(expected, TeacherLayersInit.EvenlySpaced(teacher, student));

    [Fact]
    public void EvenlySpaced_MoreThanTheTeacherHas_IsRefused() =>
        Assert.Contains("4 layers", Assert.Throws<ArgumentException>(() => TeacherLayersInit.EvenlySpaced(3, 4)).Message);

    [Fact]
    public void Create_TeacherLayers_CopiesThemAndSetsTheRunsDropout()
    {
        using TextModel teacher = SmallModels.Random(1, layers: 4);
        using TextModel student = StudentInits.Create(
            s_options with { Student = s_options.Student with { TeacherLayers = [3, 1], Dropout = 0.25 } }, teacher, SmallModels.Vocabulary);
        Dictionary<string, float[]> from = SmallModels.Weights(teacher), to = SmallModels.Weights(student);
        Assert.Equal(from["h.3.mlp.c_fc.weight"], to["h.0.mlp.c_fc.weight"]);
        Assert.Equal(from["h.1.attn.c_attn.bias"], to["h.1.attn.c_attn.bias"]);
        foreach (string name in new[] { "wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias" })
            Assert.Equal(from[name], to[name]);
        var config = (Gpt2Config)student.Architecture;
        Assert.Equal((2, 0.25, 0.25, 0.25),
            (config.Layers, config.EmbdPdrop, config.AttnPdrop, config.ResidPdrop));
    }

    [Fact]
    public void Create_Random_DrawsAsTheReferenceDoes()
    {
        RunOptions options = s_options with
        {
            Teacher = s_options.Teacher with { ModelId = null },
            Student = s_options.Student with { Initialisation = "random", LayerCount = 2, Width = 64, Heads = 4, InitialiserRange = 0.05 },
            Data = s_options.Data with { ContextLength = 32 },
        };
        using TextModel student = StudentInits.Create(options, null, 300), same = StudentInits.Create(options, null, 300),
            other = StudentInits.Create(options with { Seed = 1 }, null, 300);
        Dictionary<string, float[]> weights = SmallModels.Weights(student);
        Assert.Equal(weights["wte.weight"], SmallModels.Weights(same)["wte.weight"]);
        Assert.NotEqual(weights["wte.weight"], SmallModels.Weights(other)["wte.weight"]);
        foreach ((string name, float[] values) in weights)
        {
            double mean = values.Average(), deviation = Math.Sqrt(values.Average(value => Math.Pow(value - mean, 2)));
            double expected = name.EndsWith("c_proj.weight") ? 0.05 / Math.Sqrt(2 * 2) : 0.05;
            if (name.EndsWith("bias"))
                Assert.All(values, value => Assert.Equal(0, value));
            else if (name.Contains("ln_"))
                Assert.All(values, value => Assert.Equal(1, value));
            else
                GoldenFiles.AssertNear(expected, deviation, 0.05, 0, $"deviation of {name}");
        }
        Assert.Equal((299, 32, 300), (student.Architecture.EndOfTextId, student.Architecture.Positions, student.Architecture.VocabularySize));
    }

    [Fact]
    public void Create_Checkpoint_GoesOnFromItsWeights()
    {
        using TextModel stored = SmallModels.Random(5);
        using TextModel student = StudentInits.Create(s_options with {
            Student = s_options.Student with { Initialisation = "checkpoint", ModelId = "m", Dropout = 0.3 },
        }, null, SmallModels.Vocabulary, stored);
        Dictionary<string, float[]> expected = SmallModels.Weights(stored);
        foreach ((string name, float[] values) in SmallModels.Weights(student))
            Assert.Equal(expected[name], values);
        Assert.Equal(0.3, ((Gpt2Config)student.Architecture).ResidPdrop);
    }

    [Fact]
    public void StudentConfig_LayerThatTheTeacherLacks_IsRefused()
    {
        RunOptions options = s_options with { Student = s_options.Student with { TeacherLayers = [0, 4] } };
        Assert.Contains("0 to 3", Assert.Throws<ArgumentException>((
            ) => StudentInits.StudentConfig(options, SmallModels.Config(layers: 4), SmallModels.Vocabulary)).Message);
    }

    /// <summary>The finding: beside a teacher the width was the teacher's, whatever was asked for.</summary>
    [Theory]
    [InlineData(null, null, 16, 2)]
    [InlineData(24, null, 24, 2)]
    [InlineData(9, null, 9, 1)]
    [InlineData(12, 4, 12, 4)]
    [InlineData(null, 8, 16, 8)]
    public void StudentConfig_FreshStudentBesideATeacher_HasTheWidthAndHeadsAskedFor(int? width, int? heads, int expectedWidth, int expectedHeads)
    {
        Gpt2Config teacher = SmallModels.Config(layers: 4) with { NInner = 32, LayerNormEpsilon = 1e-6 };
        RunOptions options = s_options with { Student = s_options.Student with { Initialisation = "random", Width = width, Heads = heads } };
        var student = (Gpt2Config)StudentInits.StudentConfig(options, teacher, SmallModels.Vocabulary);
        Assert.Equal((expectedWidth, expectedHeads, 2 * expectedWidth, 2, teacher.Positions, SmallModels.Vocabulary, 1e-6),
            (student.Width, student.Heads, student.InnerWidth, student.Layers, student.Positions, student.VocabularySize, student.LayerNormEpsilon));
    }

    [Fact]
    public void Unused_OptionsOfAnotherWayToBegin_AreNamedWithThatWay()
    {
        StudentOptions all = s_options.Student with { LayerCount = 1, TeacherLayers = [0], ModelId = "m", Width = 8, Heads = 2 };
        string[] Unused(string initialisation) =>
            [.. StudentInits.Unused(s_options with { Student = all with { Initialisation = initialisation } }).Select(problem => problem.Field).Order()];
        Assert.Equal(["student.heads", "student.modelId", "student.width"], Unused("teacher-layers"));
        Assert.Equal(["student.modelId", "student.teacherLayers"], Unused("random"));
        Assert.Equal(["student.heads", "student.layerCount", "student.teacherLayers", "student.width"], Unused("checkpoint"));
        Assert.Empty(StudentInits.Unused(s_options));
        Assert.Contains("'random'", StudentInits.Unused(s_options with { Student = s_options.Student with { Width = 8 } }).Single().Message);
        Assert.All(StudentInits.All.SelectMany(init => init.Uses), path => Assert.Equal(path, OptionSchema.Of<RunOptions>().Find(path).Path));
    }

    /// <summary>What a run learns are tokens: a family whose models sort texts alone is no student's.</summary>
    [Theory]
    [InlineData("bilstm", "The family 'bilstm' is one that predicts no tokens, which every run learns. Choose one of: gpt2, ")]
    [InlineData("mamba", "The family 'mamba' is unknown. Choose one of: gpt2, ")]
    public void Validate_FamilyThatNoRunTrains_IsRefused(string family, string expected)
    {
        OptionProblem problem = Assert.Single(StudentInits.Validate(s_options with { Student = s_options.Student with { Family = family } }));
        Assert.Equal("student.family", problem.Field);
        Assert.StartsWith(expected, problem.Message);
        Assert.DoesNotContain("bilstm", problem.Message.Split("Choose")[1]);
    }

    [Fact]
    public void Find_UnknownName_ListsTheValidOnes()
    {
        string message = Assert.Throws<ArgumentException>(() => StudentInits.Find("magic")).Message;
        Assert.All(StudentInits.All, init => Assert.Contains(init.Name, message));
    }
}
