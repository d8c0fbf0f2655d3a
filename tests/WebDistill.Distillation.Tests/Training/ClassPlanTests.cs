using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>What does not belong into a run over classes, said with what would fit.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class ClassPlanTests : IDisposable
{
    private static readonly LabelledTask s_task = new(ClassModels.Classes, HoldsPairs: false);

    private static readonly Architecture s_bert = ClassModels.Config();

    private static readonly RunOptions s_taught = ClassModels.Options with
    {
        Teacher = new() { ModelId = "teacher" }, Student = new() { LayerCount = 1 }, Objective = new Dictionary<string, ObjectiveTerm> { ["labels"] = new(1), ["ce"] = new(1) },
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Check_WhatFits_FindsNothing()
    {
        Assert.Empty(RunPlan.ValidateLabelled(s_taught));
        Assert.Empty(Check(s_taught, s_bert));
        Assert.Empty(Check(ClassModels.Options, null));
        // A BiLSTM has no heads whose number somebody would have to say.
        RunOptions alone = ClassModels.Options with { Student = ClassModels.Options.Student with { Family = "bilstm", Heads = null } };
        Assert.Empty(RunPlan.ValidateLabelled(alone).Concat(Check(alone, null)));
        Assert.Equal("student.heads", One(RunPlan.ValidateLabelled(alone with { Student = alone.Student with { Family = "bert" } })).Field);
        foreach (ModelFamily family in ModelFamilies.SortingTexts)
        {
            RunOptions options = s_taught with { Student = ClassModels.Options.Student with { Family = family.Name } };
            Assert.Empty(RunPlan.ValidateLabelled(options));
            Assert.Empty(Check(options, s_bert));
        }
    }

    [Fact]
    public void Check_OtherClasses_AreRefusedWithBothLists()
    {
        (string field, string said) = One(Check(s_taught, ClassModels.Config(classes: ["cat", "dog"])));
        Assert.Equal("teacher.modelId", field);
        Assert.Equal("The teacher tells the classes 'cat', 'dog', and the data set has 'cat', 'dog', 'nobody'; expected the same in the same order. Choose a model that learned this data set, or prepare the data "
            + "set with the model's classes in their order.", said);
        Assert.StartsWith("The teacher tells the classes 'dog', 'cat', 'nobody'", One(Check(s_taught, ClassModels.Config(classes: ["dog", "cat", "nobody"]))).Message);
        RunOptions from = s_taught with { Student = new() { Initialisation = "checkpoint", ModelId = "m" } };
        (string path, string message) = One(Check(from, s_bert, ClassModels.Config(classes: ["a", "b", "c"])));
        Assert.Equal("student.modelId", path);
        Assert.StartsWith("The student tells the classes 'a', 'b', 'c'", message);
        Assert.Empty(Check(from, s_bert, ((EncoderConfig)s_bert) with { Classes = null, FillsMasks = true }));
        (path, message) = One(Check(from, s_bert, SmallModels.Config(vocabulary: ClassModels.Vocabulary)));
        Assert.Equal("student.modelId", path);
        Assert.StartsWith("The model that the student starts from is a GPT-2 model, which continues texts, and the data set has classes", message);
        var any = (EncoderConfig)s_bert with { Classes = new ClassHead(ClassModels.Classes, ProblemType.MultiLabel) };
        Assert.Contains("The teacher's head is one for MultiLabel; expected SingleLabel", One(Check(s_taught, any)).Message);
    }

    [Fact]
    public void Check_ModelsOfOtherTasks_AreRefused()
    {
        (string field, string said) = One(Check(ClassModels.Options with { Student = ClassModels.Options.Student with { Family = null } }, null));
        Assert.Equal("student.family", field);
        Assert.Contains("The student is a GPT-2, which continues texts, and the data set has classes; expected one that sorts texts into classes. Choose the family bert, ", said);
        Assert.Equal(("teacher.modelId", "The teacher is a BERT model, which fills masked words, and the data set has classes; expected one that sorts texts into classes. Choose one of those, or a data set of texts."),
            One(Check(s_taught, MaskedModels.Config())));
        Assert.Equal("teacher.others", One(RunPlan.Check(s_taught, s_task, s_bert, null, ClassModels.Vocabulary, null, [s_bert], ClassModels.Roles)).Field);
        (string family, string message) = One(RunPlan.ValidateLabelled(s_taught with { Student = ClassModels.Options.Student with { Family = "gpt2" } }));
        Assert.Equal("student.family", family);
        Assert.StartsWith("The family 'gpt2' is one that sorts no texts into classes, which this run learns. Choose one of: bert, ", message);
    }

    [Fact]
    public void Check_LossesOfOtherTasks_AreRefusedWithTheOneThatFits() =>
        Assert.Equal(("objective.clm.weight", "The loss 'Causal LM' is for a student that continues texts, and this one, a BERT, sorts texts into classes. Set its weight to 0 and give 'Labels' (objective.labels.weight) one."),
            One(Check(s_taught with { Objective = new Dictionary<string, ObjectiveTerm> { ["clm"] = new(1) } }, s_bert)));

    [Theory]
    [InlineData("patient")]
    [InlineData("states")]
    [InlineData("scores")]
    [InlineData("relations")]
    public void Check_ALossBetweenLayersOfABiLstm_IsRefused(string loss)
    {
        RunOptions options = s_taught with { Student = ClassModels.Options.Student with { Family = "bilstm" }, Objective = new Dictionary<string, ObjectiveTerm> { [loss] = new(1), ["ce"] = new(1) } };
        (string field, string said) = One(Check(options, s_bert));
        Assert.Equal($"objective.{loss}.weight", field);
        Assert.Contains("compares layer with layer, and the student is a BiLSTM, which has no layers of attention; expected transformers. Set its weight to 0 and compare the predictions", said);
        Assert.Contains("and the teacher is a BiLSTM", One(Check(options with { Student = ClassModels.Options.Student }, ClassModels.Config("bilstm"))).Message);
    }

    [Fact]
    public void Check_HiddenStatesOfOtherWidths_AreThoseThatClassesAreToldBy()
    {
        RunOptions options = s_taught with { Student = ClassModels.Options.Student with { Family = "bilstm", Width = 12 }, Objective = new Dictionary<string, ObjectiveTerm> { ["cos"] = new(1) } };
        Assert.Contains("the student's is 12, the teacher's 16", One(Check(options, s_bert)).Message);
        Assert.Empty(Check(options with { Student = options.Student with { Width = 16 } }, s_bert));
    }

    [Fact]
    public void Check_AContextWithoutRoomForATextBetweenItsEnds_IsRefused()
    {
        RunOptions options = ClassModels.Options with { Data = ClassModels.Options.Data with { ContextLength = 4 } };
        Assert.Empty(Check(options, null));
        (string field, string said) = One(RunPlan.Check(options, s_task with { HoldsPairs = true }, null, null, ClassModels.Vocabulary, null, roles: ClassModels.Roles));
        Assert.Equal("data.contextLength", field);
        Assert.StartsWith("The context length is 4; expected at least 5", said);
    }

    [Fact]
    public void Parts_ExamplesOfOneClassAlone_OrHeldOutOnesOfOthers_AreRefused()
    {
        using TextModel student = ClassModels.Random(1);
        using LabelledFile both = Write("both.bin", ClassModels.Classes, 0, 1), one = Write("one.bin", ClassModels.Classes, 1, 1), others = Write("others.bin", ["cat", "dog", "bird"], 0, 1);
        Assert.Contains("data.datasetId: All 2 training examples are of the class 'dog'; expected examples of at least 2 classes. Use a data set that has them.",
            Assert.Throws<ArgumentException>(() => TrainingParts.Of(ClassModels.Options, null, student, one, null)).Message);
        Assert.Contains("The held-out examples have 3 classes and single texts, the training ones 3 classes and single texts; expected the same classes in the same order",
            Assert.Throws<ArgumentException>(() => TrainingParts.Of(ClassModels.Options, null, student, both, others)).Message);
        using TextModel filling = MaskedModels.Random(1);
        Assert.StartsWith("student.family: The student is a BERT model, which fills masked words, and the data set has classes",
            Assert.Throws<ArgumentException>(() => TrainingParts.Of(ClassModels.Options, null, filling, both, null)).Message);
        TrainingParts parts = TrainingParts.Of(ClassModels.Options, null, student, both, one);
        Assert.Equal((one, null), (parts.HeldOutExamples, parts.Validation));
        parts.Batches.Dispose();
    }

    [Fact]
    public void Parts_ATeacherOfOtherClasses_IsRefusedBeforeAnythingIsLearned()
    {
        using TextModel student = ClassModels.Random(1);
        using var teacher = new ModelTeacher(TextModel.CreateRandom(ClassModels.Config(classes: ["a", "b"]), 1));
        using LabelledFile both = Write("both.bin", ClassModels.Classes, 0, 1);
        Assert.StartsWith("teacher.modelId: The teacher tells the classes 'a', 'b', and the data set has 'cat', 'dog', 'nobody'",
            Assert.Throws<ArgumentException>(() => TrainingParts.Of(s_taught, teacher, student, both, null)).Message);
    }

    private LabelledFile Write(string name, string[] classes, params int[] ofExamples)
    {
        using (var writer = new LabelledFileWriter(_folder.File(name), ClassModels.Tokenizer.Vocabulary, classes, holdsPairs: false, FileLayer.Disk))
        {
            foreach (int one in ofExamples)
                writer.Append([5, 6], [], one);
            writer.Commit();
        }
        return LabelledFile.Open(_folder.File(name));
    }

    private static IReadOnlyList<OptionProblem> Check(RunOptions options, Architecture? teacher, Architecture? checkpoint = null) =>
        RunPlan.Check(options, s_task, teacher, checkpoint, ClassModels.Vocabulary, null, roles: ClassModels.Roles);

    private static (string Field, string Message) One(IReadOnlyList<OptionProblem> problems) => Assert.Single(problems) is var one ? (one.Field, one.Message) : default;
}
