using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>Runs of students that fill masked words, on the same loop as every other run.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class MaskedRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TokenFile _tokens;

    public MaskedRunTests() => _tokens = MaskedModels.Tokens(_folder);

    public void Dispose()
    {
        _tokens.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string> Families => [.. ModelFamilies.All.OfType<EncoderFamily>().Select(family => family.Name)];

    [Theory]
    [MemberData(nameof(Families))]
    public void Run_FromNothing_GuessesBetterThanChance(string family)
    {
        RunOptions options = MaskedModels.Options.With(o => o with { Student = o.Student with { Family = family, Width = 48 }, Schedule = o.Schedule with { Epochs = 8 } });
        using TextModel student = StudentInits.Create(options, null, MaskedModels.Vocabulary, roles: MaskedModels.Roles);
        Assert.Equal((ModelHead.MaskedToken, family), (student.Architecture.Head, student.Architecture.Family.Name));
        using var trainer = Trainers.Create(options, null, student, _tokens, _tokens);
        double before = MaskedPerplexity.Measure(student, _tokens, 16, 400).Value;
        var journal = new Journal();
        trainer.Run(journal, null, CancellationToken.None);
        Assert.Equal(trainer.TotalSteps, journal.Reports.Count);
        double after = trainer.LastValidationPerplexity!.Value.Value;
        Assert.True(after < 0.5 * before, $"{family}: from {before} to {after}.");
        Assert.Equal(after, MaskedPerplexity.Measure(student, _tokens, 16, 400).Value);
        Assert.Contains(journal.Notes, note => note.Contains("masked perplexity on the held-out text", StringComparison.Ordinal));
        Assert.Contains(journal.Notes, note => note.StartsWith("The student fills masked words: no prompts are answered", StringComparison.Ordinal));
        Assert.Contains(trainer.Series, series => series is { Name: "validationPerplexity", Title: "Masked perplexity" });
        Assert.Equal(["mlm"], journal.Reports[0].Values.Keys.Intersect(LossCatalogue.All.Select(loss => loss.Name)));
    }

    /// <summary>With each loss that compares predictions or states a student comes nearer to its teacher than it began.</summary>
    [Theory]
    [InlineData("ce", false)]
    [InlineData("ce", true)]
    [InlineData("mse", false)]
    [InlineData("centred", true)]
    [InlineData("cos", false)]
    public void Run_TowardsATeacher_FallsByEachLoss(string loss, bool isRestricted)
    {
        RunOptions options = MaskedModels.Options.With(o => o with
        {
            Teacher = new() { ModelId = "teacher" }, Student = new() { LayerCount = 1, Dropout = 0 }, Masking = new() { RestrictToMask = isRestricted },
            Objective = new Dictionary<string, ObjectiveTerm> { [loss] = new(1) }, Data = o.Data with { SequenceMode = SequenceMode.HuggingFace, ContextLength = MaskedModels.Positions },
        });
        using TextModel teacher = MaskedModels.Random(1), student = StudentInits.Create(options, teacher, MaskedModels.Vocabulary);
        using var trainer = Trainers.Create(options, teacher, student, _tokens, null);
        var reports = new Journal();
        trainer.Run(reports, null, CancellationToken.None);
        double first = reports.Reports.Take(4).Average(report => report[loss]!.Value), last = reports.Reports.TakeLast(4).Average(report => report[loss]!.Value);
        Assert.True(last < 0.9 * first, $"{loss}: from {first} to {last}.");
    }

    public static TheoryData<SequenceMode, TrainingSemantics> Modes()
    {
        var data = new TheoryData<SequenceMode, TrainingSemantics>();
        foreach (SequenceMode mode in Enum.GetValues<SequenceMode>())
        {
            foreach (TrainingSemantics semantics in Enum.GetValues<TrainingSemantics>())
                data.Add(mode, semantics);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Run_CutAtEveryThirdUpdate_EndsBitForBitTheSame(SequenceMode mode, TrainingSemantics semantics)
    {
        RunOptions options = MaskedModels.Options.With(o => o with
        {
            Teacher = new() { ModelId = "teacher" }, Student = new() { LayerCount = 1, Dropout = 0.1 },
            Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5), ["mlm"] = new(2), ["cos"] = new(1) },
            Data = o.Data with { SequenceMode = mode },
            Schedule = o.Schedule with { Epochs = 2, BatchSize = 3, GradientAccumulation = 2, ValidationIntervalSteps = 4, Semantics = semantics },
            Diagnosis = new() { IntervalSteps = 5 },
        });
        using TextModel teacher = MaskedModels.Random(1);
        (Dictionary<string, float[]> weights, List<StepReport> reports, string state) = Attempted(options, teacher, every: int.MaxValue);
        (Dictionary<string, float[]> cutWeights, List<StepReport> cutReports, string cutState) = Attempted(options, teacher, every: 3);
        Assert.Equal(reports.Select(Journal.Timeless), cutReports.Select(Journal.Timeless));
        Assert.True(reports.Count > 6);
        foreach ((string name, float[] expected) in weights)
            Assert.Equal(expected, cutWeights[name]);
        Assert.Equal(state, cutState);
    }

    [Fact]
    public void Run_WithFrozenEmbeddings_LeavesThemAsTheyWere()
    {
        RunOptions options = MaskedModels.Options.With(o => o with
        {
            Student = o.Student with { FreezeTokenTypeEmbeddings = true, FreezePositionEmbeddings = true }, Schedule = o.Schedule with { Epochs = 1 },
        });
        using TextModel student = StudentInits.Create(options, null, MaskedModels.Vocabulary, roles: MaskedModels.Roles);
        Dictionary<string, float[]> before = SmallModels.Weights(student);
        using var trainer = Trainers.Create(options, null, student, _tokens, null);
        trainer.Run(new Journal(), null, CancellationToken.None);
        Dictionary<string, float[]> after = SmallModels.Weights(student);
        Assert.Equal(["bert.embeddings.position_embeddings.weight", "bert.embeddings.token_type_embeddings.weight"],
            before.Where(weight => weight.Value.SequenceEqual(after[weight.Key])).Select(weight => weight.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Run_SinesAsPositions_AreNeverTrained()
    {
        var config = (DistilBertConfig)MaskedModels.Config("distilbert") with { SinusoidalPositions = true };
        using TextModel student = TextModel.CreateRandom(config, 3);
        float[] before = SmallModels.Weights(student)["distilbert.embeddings.position_embeddings.weight"];
        using var trainer = Trainers.Create(MaskedModels.Options with { Schedule = MaskedModels.Options.Schedule with { Epochs = 1 } }, null, student, _tokens, null);
        trainer.Step();
        Assert.Equal(before, SmallModels.Weights(student)["distilbert.embeddings.position_embeddings.weight"]);
    }

    private (Dictionary<string, float[]> Weights, List<StepReport> Reports, string State) Attempted(RunOptions options, TextModel teacher, int every) => RunInAttempts.Make(
        options, every, _folder.File(Guid.NewGuid().ToString("N")),
        (begun, saved) => StudentInits.Create(begun, teacher, MaskedModels.Vocabulary, saved, MaskedModels.Roles), student => Trainers.Create(options, teacher, student, _tokens, _tokens));
}
