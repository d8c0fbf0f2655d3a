using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Runs;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Runs;

/// <summary>What a data folder of before the groups holds is read, and answered in groups.</summary>
public sealed class FlatOptionsTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private const string Options = """
        {"name":"old run","teacherId":null,"studentInitialisation":"random","studentLayerCount":3,"studentTeacherLayers":null,"studentModelId":null,
         "studentWidth":48,"studentHeads":4,"initialiserRange":0.02,"dropout":0.1,"datasetId":"0192f3a4-0000-7000-8000-000000000000","sequenceMode":"Packed",
         "contextLength":32,"groupBySize":true,"shuffle":true,"temperature":2,"alphaCe":0,"alphaClm":1,"alphaMse":0,"alphaCos":0,
         "mseReduction":"SumOverVocabulary","epochs":3,"batchSize":8,"gradientAccumulation":1,"learningRate":0.0025,"warmupProportion":0.05,
         "weightDecay":0,"adamBeta1":0.9,"adamBeta2":0.98,"adamEpsilon":1E-06,"maxGradientNorm":5,"freezePositionEmbeddings":false,"seed":56,
         "precision":"Float32","semantics":"Corrected","validationIntervalSteps":50,"validationMaxTokens":65536,"checkpointIntervalSteps":500,
         "checkpointIntervalMinutes":10,"keepLastCheckpoints":3,"keepBestCheckpoint":true,"keepCheckpointEverySteps":0}
        """;

    [Fact]
    public async Task Run_StoredFlat_IsReadAndAnsweredInGroups()
    {
        var run = new Run { Id = Guid.CreateVersion7(), Name = "old run", Status = RunStatus.Stopped, OptionsJson = Options, CreatedAt = DateTime.UtcNow };
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(run);
            await db.SaveChangesAsync();
        });
        RunOptions read = StoredOptions.Of(run);
        Assert.Equal((0.0025, 3, 48, 32), (read.Optimiser.LearningRate, read.Student.LayerCount, read.Student.Width, read.Data.ContextLength));
        JsonElement answered = (await app.GetAsync($"/api/runs/{run.Id}")).GetProperty("options");
        Assert.Equal(JsonSerializer.Serialize(read, WebJson.Options), JsonSerializer.Serialize(answered.Deserialize<RunOptions>(WebJson.Options), WebJson.Options));
        Assert.Equal(0.0025, answered.GetProperty("optimiser").GetProperty("learningRate").GetDouble());
    }

    [Fact]
    public async Task Sweep_StoredFlat_IsReadAndAnsweredInGroups()
    {
        var sweep = new Sweep
        {
            Id = Guid.CreateVersion7(), Name = "old sweep", CreatedAt = DateTime.UtcNow, PlanJson = $$$"""
                {"name":"old sweep","options":{{{Options}}},"dimensions":[
                 {"name":"rate","values":[],"range":{"option":"learningRate","minimum":0.001,"maximum":0.01,"logarithmic":true}},
                 {"name":"size","values":[{"label":"small","changes":{"studentWidth":16,"studentTeacherLayers":null}}],"range":null}],
                 "strategy":"Random","draws":1,"drawSeed":1,"metric":"FinalValidationPerplexity"}
                """,
        };
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Sweeps.Add(sweep);
            await db.SaveChangesAsync();
        });
        SweepPlan plan = SweepPlan.Of(sweep);
        Assert.Equal(["optimiser.learningRate"], plan.Dimensions[0].Options);
        Assert.Equal(["student.width", "student.teacherLayers"], plan.Dimensions[1].Options);
        (RunOptions point, IReadOnlyList<OptionProblem> problems) = plan.OptionsOf(Assert.Single(plan.Expand()));
        Assert.Empty(problems);
        Assert.Equal(16, point.Student.Width);
        Assert.InRange(point.Optimiser.LearningRate, 0.001, 0.01);
        JsonElement answered = (await app.GetAsync($"/api/sweeps/{sweep.Id}")).GetProperty("plan");
        Assert.Equal(48, answered.GetProperty("options").GetProperty("student").GetProperty("width").GetInt32());
        Assert.Equal("optimiser.learningRate", answered.GetProperty("dimensions")[0].GetProperty("range").GetProperty("option").GetString());
    }

    [Fact]
    public void SweepRead_OldNamesInDimensions_AreTheOptionsOfTheirPaths()
    {
        (SweepPlan plan, IReadOnlyList<OptionProblem> problems) = SweepPlanJson.Read("""
            {"name": "n", "options": {"epochs": 2}, "dimensions": [
             {"name": "rate", "values": [{"label": "a", "changes": {"learningRate": 0.1}}, {"label": "b", "changes": {"learningRate": 0.2, "optimiser.learningRate": 1}}]},
             {"name": "drop", "range": {"option": "dropout", "minimum": 0, "maximum": 1}}]}
            """u8.ToArray());
        OptionProblem twice = Assert.Single(problems);
        Assert.Equal("dimensions[0].values[1].changes", twice.Field);
        Assert.Contains("'learningRate'", twice.Message);
        Assert.Equal(["optimiser.learningRate"], plan.Dimensions[0].Options);
        Assert.Equal(["student.dropout"], plan.Dimensions[1].Options);
        Assert.Equal(2, plan.Options.Schedule.Epochs);
    }
}
