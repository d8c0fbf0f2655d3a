using System.Text.Json;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Evaluation;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Files;

/// <summary>A mean loss whose exponential overflows, and losses that are not numbers, from the measurement to the file.</summary>
public sealed class NotFiniteTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void NaNLast_OfNumbers_InfinityIsWorstAndNaNWorseStill() =>
        Assert.Equal([double.NegativeInfinity, -1, 3, double.PositiveInfinity, double.NaN],
            new[] { double.NaN, 3, double.PositiveInfinity, -1, double.NegativeInfinity }.Order(NotFinite.NaNLast));

    [Theory]
    [InlineData(2.5, "12.18")]
    [InlineData(100, "2.69e43")]
    [InlineData(709.7, "1.65e308")]
    [InlineData(710, "over 1e308 (710.0 nats/token)")]
    [InlineData(double.NaN, "not a number (not a number nats/token)")]
    [InlineData(double.PositiveInfinity, "over 1e308 (over 1e308 nats/token)")]
    public void Perplexity_Written_IsCalledByOneWording(double nats, string expected) =>
        Assert.Equal(expected, Perplexity.OfNats(nats).ToString());

    [Fact]
    public void Perplexity_Ordered_ByTheLossWhereBothOverflow()
    {
        Perplexity[] ascending = [.. new[] { 3, 800, 3000, double.PositiveInfinity, double.NaN }.Select(Perplexity.OfNats)];
        Assert.Equal(ascending, ascending.Reverse().Order());
    }

    [Fact]
    public void Perplexity_RelativeToAnother_IsTheRatioAlsoWhereBothOverflow()
    {
        Assert.Equal(0.5, Perplexity.OfNats(Math.Log(15)).RelativeTo(Perplexity.OfNats(Math.Log(10))), 12);
        Assert.Equal(1, Perplexity.OfNats(3000 + Math.Log(2)).RelativeTo(Perplexity.OfNats(3000)), 9);
        Assert.Equal(double.PositiveInfinity, Perplexity.OfNats(3000).RelativeTo(Perplexity.OfNats(3)));
        Assert.Equal(-1, Perplexity.OfNats(3).RelativeTo(Perplexity.OfNats(3000)));
        Assert.True(double.IsNaN(Perplexity.OfNats(double.NaN).RelativeTo(Perplexity.OfNats(3))));
    }

    [Fact]
    public void Perplexity_StoredWithoutItsLoss_HasItsLogarithm()
    {
        Assert.Equal(Math.Log(12), Perplexity.Stored(12, null)!.Value.NatsPerToken);
        Assert.Null(Perplexity.Stored(null, null));
    }

    [Fact]
    public void Kept_PerplexitiesThatOverflowOrAreNoNumbers_KeepTheLowestLossAndNeverThese()
    {
        CheckpointManifest[] complete =
        [
            Manifest(1, double.NaN), Manifest(2, 3000), Manifest(3, 800), Manifest(4, double.PositiveInfinity), Manifest(5, 900),
        ];
        Assert.Equal([3, 5], new CheckpointRetention(1, true, 0).Kept(complete).Order());
        Assert.Equal([6], new CheckpointRetention(1, true, 0).Kept([.. complete, Manifest(6, 2)]).Order());
        Assert.Equal([4], new CheckpointRetention(1, true, 0).Kept([complete[0], complete[3]]).Order());

        static CheckpointManifest Manifest(int step, double nats) => new(step, default, Math.Exp(nats), [], nats);
    }

    [Fact]
    public void Run_StudentThatBeginsFarOff_IsNotEndedByItsValidation()
    {
        using TokenFile tokens = SmallModels.Tokens(_folder);
        RunOptions options = ResumableFarOff();
        using TextModel teacher = SmallModels.Random(1);
        var journal = new Journal();
        List<StepReport> whole = journal.Reports;
        TrainingState ended;
        using (TextModel student = FarOff())
        {
            using var trainer = Trainers.Create(options, teacher, student, tokens, tokens);
            trainer.Run(journal, null, CancellationToken.None);
            ended = trainer.State;
        }
        StepReport overflow = Assert.Single(whole.Take(2), report => report["validationPerplexity"] is not null);
        Assert.Equal(double.PositiveInfinity, overflow["validationPerplexity"]);
        Assert.InRange(overflow["validationNatsPerToken"]!.Value, 710, 1e6);

        // Cut after the update whose perplexity overflowed: the state of the run holds it.
        string json = JsonSerializer.Serialize(ended, s_json);
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<TrainingState>(json, s_json), s_json));
        Assert.Equal(double.PositiveInfinity, ended.LastValidationPerplexity);
        Assert.Equal(whole[^1]["validationNatsPerToken"], ended.LastValidationNatsPerToken);
    }

    [Fact]
    public void Checkpoint_OfAnUpdateWhosePerplexityOverflowed_IsReadAsItWasWritten()
    {
        using TokenFile tokens = SmallModels.Tokens(_folder);
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(["one two three"], 258);
        RunOptions options = ResumableFarOff();
        using TextModel teacher = SmallModels.Random(1), student = FarOff();
        using var trainer = Trainers.Create(options, teacher, student, tokens, tokens);
        var store = new CheckpointStore(_folder.File("run"), FileLayer.Disk);
        trainer.Run(new Journal(), () => store.Save(trainer.CompletedSteps, folder => TrainingCheckpoint.Write(
            folder, trainer, tokenizer, options, new TrainingProvenance("a", "b", "c", "d", "test", "1"), FileLayer.Disk)), CancellationToken.None);
        CheckpointManifest[] saved = [.. store.List().Where(manifest => manifest.ValidationPerplexity is not null)];
        Assert.NotEmpty(saved);
        Assert.All(saved, manifest => Assert.Equal(double.PositiveInfinity, manifest.Validation!.Value.Value));
        Assert.All(saved, manifest => Assert.InRange(manifest.ValidationNatsPerToken!.Value, 710, 1e6));
        Assert.Equal(double.PositiveInfinity, TrainingCheckpoint.ReadState(store.Folder(saved[0].Step)).State.LastValidationPerplexity);
    }

    public static TheoryData<double> Values => [double.NaN, double.PositiveInfinity, 1e300];

    [Theory]
    [MemberData(nameof(Values))]
    public void EvaluationState_WithSumsThatAreNotFinite_GoesOnFromThem(double nats)
    {
        string text = _folder.File("text.txt");
        File.WriteAllText(text, "a cat, a cat and the cat saw a cat");
        using TextModel model = ConstantModel.Create(ConstantModel.Tokenizer.Vocabulary.Size);
        var input = new EvaluationInput { Model = model, Tokenizer = ConstantModel.Tokenizer, File = text, ContextLength = 4, Stride = 4 };
        EvaluationTask whole = new PlainText().Open(input);
        JsonElement state = JsonSerializer.SerializeToElement(new { Windows = whole.Total, SumNats = nats, Predicted = 1L }, EvaluationTask.StateJson);
        EvaluationTask resumed = new PlainText().Open(input with { State = state });
        Assert.Equal(whole.Total, resumed.Done);
        JsonElement again = resumed.State();
        Assert.Equal(state.GetRawText(), again.GetRawText());
        EvaluationFigure perplexity = resumed.Result().Figures.Single(figure => figure.Name == TextPerplexity.TokenPerplexityName);
        Assert.Equal((Math.Exp(nats), nats), (perplexity.Value, perplexity.Nats));
    }

    [Fact]
    public void Fidelity_LogitsThatAreNoNumbers_AreComparedWithoutAnError()
    {
        float[] fine = [1, 2, 3, 4, 5, 6], wild = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1, 2, float.NaN];
        Assert.True(double.IsNaN(Fidelity.Compare(fine, wild, 1).KlNats));
        Assert.True(double.IsNaN(Fidelity.Compare(wild, fine, 1).Teacher.Nats));
    }

    private static readonly JsonSerializerOptions s_json =
        new() { NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals };

    // So small a learning rate that it stays far off for the whole test.
    private static RunOptions ResumableFarOff() => new()
    {
        Teacher = new() { ModelId = "t" },
        Data = new() { DatasetId = "d", ContextLength = 12 },
        Student = new() { LayerCount = 2, Dropout = 0 },
        Schedule = new() { Epochs = 1, BatchSize = 8, ValidationIntervalSteps = 2, ValidationMaxTokens = 400 },
        Objective = Terms.Of(cos: 0),
        Optimiser = new() { LearningRate = 1e-6 },
    };

    /// <summary>A student with weights so large that its mean loss is thousands of nats, and still finite.</summary>
    private static TextModel FarOff()
    {
        TextModel model = SmallModels.Random(5);
        foreach ((string name, var parameter) in model.named_parameters())
        {
            if (name == "ln_f.weight")
            {
                float[] values = ParameterData.ToArray(parameter);
                ParameterData.Write(parameter, target =>
                {
                    for (int i = 0; i < target.Length; i++)
                        target[i] = values[i] * 10_000;
                });
            }
        }
        return model;
    }
}
