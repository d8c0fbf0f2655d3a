using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Runs;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Tests.Runs;

public sealed class ModelFitTests
{
    private static readonly RunOptions s_options = new()
    {
        Data = new() { ContextLength = 1024 }, Student = new() { LayerCount = 6, TeacherLayers = [0, 2, 4, 7, 9, 11] },
    };

    [Fact]
    public void Apply_SmallerTeacher_CutsWhatItCannotDoAndSaysWhy()
    {
        RunDraft draft = RunDraft.Of(s_options);
        Dictionary<string, string> said = ModelFit.Apply(draft, Model(layers: 4, positions: 128), first: null).ToDictionary(one => one.Field, one => one.Said);
        Assert.Equal(("128", "4", ""), (draft["data.contextLength"], draft["student.layerCount"], draft["student.teacherLayers"]));
        Assert.Equal("1\u202f024 became 128: the teacher has 128 positions.", said["data.contextLength"]);
        Assert.Equal("6 became 4: the teacher has 4 layers.", said["student.layerCount"]);
        Assert.StartsWith("0, 2, 4, 7, 9, 11 became an even spacing", said["student.teacherLayers"]);
        Assert.Empty(ModelFit.Apply(draft, Model(layers: 4, positions: 128), first: null));
    }

    [Fact]
    public void Apply_ModelThatFits_OrNone_ChangesNothing()
    {
        RunDraft draft = RunDraft.Of(s_options), before = RunDraft.Of(s_options);
        Assert.Empty(ModelFit.Apply(draft, Model(layers: 12, positions: 1024), first: null));
        Assert.Empty(ModelFit.Apply(draft, teacher: null, first: null));
        Assert.All(LossCatalogue.RunSchema.Fields, field => Assert.Equal(before[field.Path], draft[field.Path]));
    }

    /// <summary>A student of fresh weights may be deeper than its teacher.</summary>
    [Fact]
    public void Apply_FreshStudent_KeepsItsLayers()
    {
        RunDraft draft = RunDraft.Of(s_options with { Student = new() { Initialisation = "random", LayerCount = 6 } });
        Assert.Equal("data.contextLength", Assert.Single(ModelFit.Apply(draft, Model(layers: 4, positions: 128), first: null)).Field);
        Assert.Equal("6", draft["student.layerCount"]);
    }

    [Fact]
    public void Apply_StudentThatStartsFromAShorterModel_NamesThatModel()
    {
        RunDraft draft = RunDraft.Of(s_options with { Student = new() { Initialisation = "checkpoint" } });
        (string field, string said) = Assert.Single(ModelFit.Apply(draft, Model(layers: 4, positions: 512), Model(layers: 2, positions: 64)));
        Assert.Equal(("data.contextLength", "1\u202f024 became 64: the model that the student starts from has 64 positions."), (field, said));
    }

    /// <summary>0 is written as what it means, wherever options are read.</summary>
    [Fact]
    public void OptionTexts_ABudgetThatIsOff_SaysSo()
    {
        var texts = new OptionTexts(new Dictionary<Guid, string>());
        OptionField updates = LossCatalogue.RunSchema.Find("schedule.maxUpdates"), beta = LossCatalogue.RunSchema.Find("optimiser.adamBeta1");
        Assert.Equal(("off", "500 updates", "0"), (texts.Of(updates, JsonValue.Create(0)), texts.Of(updates, JsonValue.Create(500)), texts.Of(beta, JsonValue.Create(0))));
    }

    private static Model Model(int layers, int positions) => new()
    {
        Name = "m", WeightsSha256 = "", DataType = "F32", Layers = layers, ContextLength = positions,
    };
}
