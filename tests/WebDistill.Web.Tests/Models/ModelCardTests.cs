using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;

namespace WebDistill.Web.Tests.Models;

public sealed class ModelCardTests
{
    [Fact]
    public void Origin_OfARunThatCompressed_NamesEveryMethodWithItsFirstOption()
    {
        Assert.Equal("Distilled from Teacher on Stories.", Origin(new RunOptions()));
        Assert.Equal("Distilled from Teacher on Stories, compressed while it trained: magnitude pruning on a cubic schedule (sparsity 0.8) and LayerDrop (probability 0.25).",
            Origin(new RunOptions { Compression = new() { Magnitude = new() { Sparsity = 0.8 }, LayerDrop = new() { Probability = 0.25 } } }));
    }

    private static string Origin(RunOptions options)
    {
        var run = new Run { Name = "A run", Kind = RunKind.Distillation, OptionsJson = JsonSerializer.Serialize(options, WebJson.Options) };
        var model = new Model { Name = "Student", WeightsSha256 = "", DataType = "F32", Origin = ModelOrigin.Run, RunId = run.Id };
        return ModelCard.Origin(new ModelStory(model, run, new ModelMaker(run.Id, run.Name, Guid.NewGuid(), "Teacher", Guid.NewGuid(), "Stories", null), [], [], [], [], []));
    }
}
