using WebDistill.Distillation.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>What is said before a run of which task it is, and what does not belong to it.</summary>
public sealed class MaskedPlanTests
{
    private static readonly Architecture s_bert = MaskedModels.Config(), s_gpt2 = SmallModels.Config(vocabulary: MaskedModels.Vocabulary);

    private static readonly RunOptions s_taught = MaskedModels.Options with
    {
        Teacher = new() { ModelId = "teacher" }, Student = new() { LayerCount = 1 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5), ["mlm"] = new(2), ["cos"] = new(1) },
    };

    [Fact]
    public void Check_WhatFits_FindsNothing_AndMakesNoSamples()
    {
        Assert.Empty(Check(s_taught, s_bert));
        Assert.Empty(Check(MaskedModels.Options, null));
        Assert.Equal(0, RunPlan.Compute(s_taught, s_bert, s_bert, new EpochSize(100, 1600)).SampleIntervalSteps);
        Assert.NotEqual(0, RunPlan.Compute(s_taught, s_gpt2, s_gpt2, new EpochSize(100, 1600)).SampleIntervalSteps);
    }

    [Fact]
    public void Check_TheLossOfTheOtherTask_IsRefusedWithTheOneThatFits()
    {
        Assert.Equal(new OptionProblem("objective.clm.weight", "The loss 'Causal LM' is for a student that continues texts, and this one, a BERT, fills masked words. "
            + "Set its weight to 0 and give 'Masked LM' (objective.mlm.weight) one."), Assert.Single(Check(s_taught with { Objective = Terms.Of(ce: 1, clm: 1, cos: 0) }, s_bert)));
        Assert.Equal(new OptionProblem("objective.mlm.weight", "The loss 'Masked LM' is for a student that fills masked words, and this one, a GPT-2, continues texts. "
            + "Set its weight to 0 and give 'Causal LM' (objective.clm.weight) one."), Assert.Single(Check(s_taught, s_gpt2)));
    }

    [Fact]
    public void Check_TeacherOfAnotherTask_IsRefused()
    {
        RunOptions options = s_taught with { Student = new() { Initialisation = "random", LayerCount = 1, Family = "bert" } };
        Assert.Equal(("student.family", "The teacher, a GPT-2, continues texts, and the student, a BERT, fills masked words: one cannot learn from the other's predictions. Choose two that do the same."),
            One(Check(options, s_gpt2)));
        Assert.Equal(("student.modelId", "The teacher, a BERT, fills masked words, and the student, a GPT-2, continues texts: one cannot learn from the other's predictions. Choose two that do the same."),
            One(RunPlan.Check(s_taught with { Student = new() { Initialisation = "checkpoint", ModelId = "m" } }, s_bert, s_gpt2, MaskedModels.Vocabulary, null, roles: MaskedModels.Roles)));
        (string field, string said) = One(RunPlan.Check(s_taught with { Objective = MaskedModels.Options.Objective }, s_bert, null, MaskedModels.Vocabulary, null, [s_bert], MaskedModels.Roles));
        Assert.Equal("teacher.others", field);
        Assert.Contains("Teacher 2 is a BERT model, which fills masked words; several teachers are combined where they continue texts", said);
    }

    [Fact]
    public void Check_TextWithoutAMask_IsRefused()
    {
        (string field, string said) = One(RunPlan.Check(s_taught, s_bert, null, MaskedModels.Vocabulary, null, roles: TokenRoles.Single(MaskedModels.Vocabulary - 1)));
        Assert.Equal("data.datasetId", field);
        Assert.Contains("a vocabulary that has no mask, and the student fills masked words; expected a vocabulary as BERT's", said);
    }

    [Fact]
    public void Check_LayersThatCannotBeCopied_AreRefused()
    {
        RunOptions Of(string family) => s_taught with { Student = new() { LayerCount = 1, Family = family } };
        Assert.Empty(Check(Of("bert"), s_bert));
        Assert.Empty(Check(Of("distilbert"), s_bert));
        foreach (string family in new[] { "albert", "mobilebert", "gpt2" })
        {
            (string field, string said) = One(Check(Of(family), s_bert));
            Assert.Equal("student.family", field);
            Assert.Contains("Layers of a BERT that fills masked words cannot be copied into", said);
        }
        var shared = (AlbertConfig)MaskedModels.Config("albert", layers: 4) with { NumHiddenGroups = 4 };
        Assert.Empty(Check(s_taught with { Student = new() { LayerCount = 2 } }, shared));
        var groups = shared with { NumHiddenLayers = 8, NumHiddenGroups = 2 };
        (string path, string message) = One(Check(s_taught with { Student = new() { TeacherLayers = [0, 7, 1, 6] } }, groups));
        Assert.Equal("student.teacherLayers", path);
        Assert.Contains("expected one for all of them", message);
    }

    [Fact]
    public void Check_TokenTypesThatThereAreNot_CannotBeFrozen()
    {
        RunOptions options = s_taught with { Student = new() { LayerCount = 1, FreezeTokenTypeEmbeddings = true } };
        Assert.Empty(Check(options, s_bert));
        Assert.Equal(("student.freezeTokenTypeEmbeddings", "The student is a DistilBERT, which has no embeddings of token types to freeze. Switch it off, or choose a family that has some, as BERT."),
            One(Check(options with { Student = options.Student with { Family = "distilbert" } }, s_bert)));
    }

    [Fact]
    public void Validate_AFamilyThatThereIsNot_AndSharesThatAreNoWhole_AreRefused()
    {
        Assert.Equal("student.family", Assert.Single(RunPlan.Validate(s_taught with { Student = new() { Family = "roberta" } })).Field);
        OptionProblem shares = Assert.Single(RunPlan.Validate(s_taught with { Masking = new() { MaskShare = 0.9 } }));
        Assert.Equal("masking.maskShare", shares.Field);
        Assert.Contains("1.1 together, expected 1", shares.Message);
        Assert.Equal(["masking.proportion", "masking.keepShare"], RunPlan.Validate(s_taught with { Masking = new() { Proportion = 0, KeepShare = 1.5 } }).Select(problem => problem.Field));
    }

    private static IReadOnlyList<OptionProblem> Check(RunOptions options, Architecture? teacher) =>
        RunPlan.Check(options, teacher, null, MaskedModels.Vocabulary, null, roles: MaskedModels.Roles);

    private static (string Field, string Message) One(IReadOnlyList<OptionProblem> problems) => Assert.Single(problems) is var one ? (one.Field, one.Message) : default;
}
