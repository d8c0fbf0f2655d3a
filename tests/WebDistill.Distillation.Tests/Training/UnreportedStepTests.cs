using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

public sealed class UnreportedStepTests
{
    // As checkpoints are written.
    private static readonly JsonSerializerOptions s_json =
        new(JsonSerializerDefaults.Web) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    /// <summary>The state of a run that was cut before its report, as the version wrote it that kept every number as a property.</summary>
    [Fact]
    public void Read_OfAVersionWithAPropertyPerNumber_HasEveryNumberUnderItsName()
    {
        var state = JsonSerializer.Deserialize<TrainingState>("""
            {"step":7,"tokensSeen":70,"batchesUsed":14,"sampler":{"epoch":0,"batchInEpoch":14,"randomState":"1"},"unreported":
            {"step":7,"epoch":0.5,"tokensSeen":1099511627777,"totalLoss":3.25,"distillationCeNatsPerToken":0.1,"causalLmNatsPerToken":"Infinity",
            "logitsMse":null,"cosineDistance":0.2,"learningRate":0.0005,"gradientNorm":"NaN","tokensPerSecond":1000,"stepSeconds":0.25,
            "memoryBytes":8589934592,"validationPerplexity":null,"validationNatsPerToken":null}}
            """, s_json)!;
        Assert.Equal(new StepReport(7, 0.5, 1_099_511_627_777, 3.25, new Dictionary<string, double>
        {
            ["ce"] = 0.1, ["clm"] = double.PositiveInfinity, ["cos"] = 0.2, ["learningRate"] = 0.0005, ["gradientNorm"] = double.NaN,
            ["tokensPerSecond"] = 1000, ["stepSeconds"] = 0.25, ["memoryBytes"] = 8_589_934_592,
        }), state.Unreported);
    }

    [Fact]
    public void Write_ThenRead_IsTheSame()
    {
        var state = new TrainingState
        {
            Step = 1, TokensSeen = 2, BatchesUsed = 3, Batches = JsonSerializer.SerializeToElement(new { epoch = 0 }),
            Unreported = new StepReport(1, 0.25, 2, double.PositiveInfinity, new Dictionary<string, double> { ["ce"] = double.NaN, ["taste"] = 1.5 }),
        };
        Assert.Equal(state.Unreported, JsonSerializer.Deserialize<TrainingState>(JsonSerializer.Serialize(state, s_json), s_json)!.Unreported);
    }

    [Fact]
    public void Read_WithoutItsStep_IsRefused() => Assert.Contains("expected also step", Assert.Throws<JsonException>(() =>
        JsonSerializer.Deserialize<TrainingState>("""{"step":7,"tokensSeen":70,"batchesUsed":14,"sampler":null,"unreported":{"epoch":0.5}}""", s_json)).Message);
}
