using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Tests.Options;

public sealed class FlatOptionsTests
{
    /// <summary>Options as the last version without groups wrote them, each away from its default.</summary>
    public const string Written = """
        {
          "name": "old", "teacherId": "t", "studentInitialisation": "checkpoint", "studentLayerCount": 3, "studentTeacherLayers": [0, 2, 5],
          "studentModelId": "m", "studentWidth": 64, "studentHeads": 4, "initialiserRange": 0.03, "dropout": 0.25, "datasetId": "d",
          "sequenceMode": "HuggingFace", "contextLength": 48, "groupBySize": false, "shuffle": false, "temperature": 3.5, "alphaCe": 1.5,
          "alphaClm": 0.5, "alphaMse": 0.001, "alphaCos": 0.75, "mseReduction": "PerElement", "epochs": 7, "batchSize": 9,
          "gradientAccumulation": 2, "learningRate": 0.0007, "warmupProportion": 0.125, "weightDecay": 0.01, "adamBeta1": 0.8, "adamBeta2": 0.99,
          "adamEpsilon": 1e-7, "maxGradientNorm": 2, "freezePositionEmbeddings": true, "seed": 9007199254740993, "precision": "BFloat16",
          "semantics": "HuggingFaceExact", "validationIntervalSteps": 11, "validationMaxTokens": 4096, "checkpointIntervalSteps": 33,
          "checkpointIntervalMinutes": 4.5, "keepLastCheckpoints": 5, "keepBestCheckpoint": false, "keepCheckpointEverySteps": 99
        }
        """;

    [Fact]
    public void Grouped_EveryOldNameWithAValueOfItsOwn_IsReadAtItsPath()
    {
        var flat = JsonNode.Parse(Written)!.AsObject();
        RunOptions read = FlatOptions.Grouped(Parse(Written)).Deserialize<RunOptions>(JsonSerializerOptions.Web)!;
        var grouped = JsonSerializer.SerializeToNode(read, JsonSerializerOptions.Web)!.AsObject();
        var defaults = JsonSerializer.SerializeToNode(new RunOptions(), JsonSerializerOptions.Web)!.AsObject();

        // The options of that version and no more: one that came later never had an old name.
        Assert.Equal(FlatOptions.Paths.Values.Concat(["name", "seed", "precision"]).Order(), flat.Select(pair => FlatOptions.PathOf(pair.Key)).Order());
        Assert.All(flat, pair =>
        {
            OptionField field = LossCatalogue.RunSchema.Find(FlatOptions.PathOf(pair.Key));
            Assert.False(JsonNode.DeepEquals(field.In(defaults), field.In(grouped)), $"{pair.Key} is its default, which would prove nothing.");
            Assert.True(JsonNode.DeepEquals(pair.Value, field.In(grouped)), $"{pair.Key}: {pair.Value}, read as {field.In(grouped)}");
        });
        Assert.All(FlatOptions.Paths.Keys, name => Assert.True(flat.ContainsKey(name), $"{name} is an old name that this test does not try."));
    }

    [Fact]
    public void Grouped_OptionsInGroups_StayAsTheyAre()
    {
        string text = JsonSerializer.Serialize(new RunOptions { Name = "new" }, JsonSerializerOptions.Web);
        Assert.Equal(text, FlatOptions.Grouped(Parse(text)).GetRawText());
    }

    [Fact]
    public void Grouped_OldNamesBesideGroups_JoinThem()
    {
        JsonElement read = FlatOptions.Grouped(Parse("""{"schedule": {"batchSize": 4}, "epochs": 2, "learningRate": 1e-4, "unknown": [1]}"""));
        Assert.Equal("""{"schedule":{"batchSize":4,"epochs":2},"unknown":[1],"optimiser":{"learningRate":1e-4}}""", JsonSerializer.Serialize(read));
    }

    [Fact]
    public void Grouped_OneOptionByBothNames_IsNamedWithTheOneToLeaveOut()
    {
        JsonElement both = Parse("""{"schedule": {"epochs": 3}, "epochs": 2}""");
        JsonElement read = FlatOptions.Grouped(both, out IReadOnlyList<OptionProblem> problems);
        OptionProblem problem = Assert.Single(problems);
        Assert.Equal("schedule.epochs", problem.Field);
        Assert.Contains("Leave 'epochs' out.", problem.Message);
        Assert.Equal("""{"schedule":{"epochs":3}}""", JsonSerializer.Serialize(read));
        Assert.Throws<JsonException>(() => FlatOptions.Grouped(both));
    }

    private static JsonElement Parse(string text) => JsonSerializer.Deserialize<JsonElement>(text);
}
