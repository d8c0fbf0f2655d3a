using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Tests.Training;
using WebDistill.Distillation.Training;

namespace WebDistill.Distillation.Tests.Losses;

/// <summary>A loss with knobs is its own file: schema, validation, JSON and the loop know them from there.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class LossWithKnobsTests
{
    private static readonly Loss[] s_losses = [.. LossCatalogue.All, new Penalty()];

    private static readonly OptionSchema s_schema = LossCatalogue.SchemaWith(s_losses);

    [Fact]
    public void Fields_OfALossWithKnobs_StandAmongThoseOfARunAndSayWhatTheyAre()
    {
        string[] paths = [.. s_schema.Fields.Select(field => field.Path)];
        int weight = Array.IndexOf(paths, "objective.penalty.weight");
        Assert.Equal(["objective.penalty.weight", "objective.penalty.strength", "objective.penalty.norm", "objective.penalty.isCentred"], paths[weight..(weight + 4)]);
        Assert.True(weight > Array.IndexOf(paths, "objective.cos.weight") && weight < Array.IndexOf(paths, "schedule.epochs"));

        OptionField strength = s_schema.Find("objective.penalty.strength"), norm = s_schema.Find("objective.penalty.norm");
        Assert.Equal(("Strength", OptionKind.Number, 0.5, 8), (strength.Label, strength.Kind, strength.Minimum, strength.Maximum));
        Assert.Equal(["First", "Second"], norm.Choices);
        Assert.Equal((OptionKind.Choice, OptionKind.Boolean), (norm.Kind, s_schema.Find("objective.penalty.isCentred").Kind));
        Assert.EndsWith("0 switches it off.", s_schema.Find("objective.penalty.weight").What);
    }

    [Fact]
    public void Write_OptionsThatDoNotNameTheLoss_HaveItsDefaultsAndComeBack()
    {
        JsonObject written = s_schema.Write(new RunOptions(), JsonSerializerOptions.Web);
        Assert.Equal("""{"weight":0,"strength":1,"norm":"Second","isCentred":false}""", written["objective"]!["penalty"]!.ToJsonString());
        s_schema.Find("objective.penalty.strength").Put(written, 4);
        s_schema.Find("objective.penalty.weight").Put(written, 2.5);
        RunOptions read = written.Deserialize<RunOptions>(JsonSerializerOptions.Web)!;
        Assert.Equal((2.5, 4.0), (s_schema.Find("objective.penalty.weight").Value(read), s_schema.Find("objective.penalty.strength").Value(read)));
        Assert.Equal(written.ToJsonString(), s_schema.Write(read, JsonSerializerOptions.Web).ToJsonString());
    }

    [Theory]
    [InlineData("""{"weight":1,"strength":9}""", "objective.penalty.strength", "The value is 9")]
    [InlineData("""{"weight":1,"strength":1e999}""", "objective.penalty.strength", "expected a number from the range 0.5 to 8")]
    [InlineData("""{"weight":1,"strength":"much"}""", "objective.penalty.strength", "\"much\"")]
    [InlineData("""{"weight":1,"norm":"Third"}""", "objective.penalty.norm", "\"Third\"")]
    [InlineData("""{"weight":1,"streng":1}""", "objective.penalty.streng", "Known are: strength, norm, isCentred.")]
    [InlineData("""{"weight":-1}""", "objective.penalty.weight", "The value is -1")]
    public void Validate_ABadKnob_IsNamedByItsPath(string term, string path, string message)
    {
        OptionProblem problem = Assert.Single(LossCatalogue.Validate(Options(term), s_losses));
        Assert.Equal(path, problem.Field);
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void Validate_ATermThatIsNoLoss_ListsTheLosses()
    {
        OptionProblem problem = Assert.Single(LossCatalogue.Validate(Options("""{"weight":1}""")));
        Assert.Equal("objective.penalty", problem.Field);
        Assert.Contains($"Choose among: {string.Join(", ", LossCatalogue.All.Select(loss => loss.Name))}.", problem.Message);
    }

    [Fact]
    public void Step_WithAKnob_ComputesWithIt()
    {
        double once = Mean("""{"weight":1}"""), fourfold = Mean("""{"weight":1,"strength":4}""");
        Assert.True(once > 0);
        Assert.Equal(4, fourfold / once, 1e-5);

        static double Mean(string term)
        {
            using TextModel student = SmallModels.Random(3);
            TokenBatch batch = SmallModels.Batch(3, [12, 12, 9, 7]);
            using Trainer trainer = Trainers.Create(Options(term), null, student, 4, () => batch, null, [new Penalty()]);
            return trainer.Step()["penalty"]!.Value;
        }
    }

    private static RunOptions Options(string term) => ResumableRun.Options with
    {
        Teacher = new(),
            Objective = new Dictionary<string, ObjectiveTerm> { ["penalty"] = JsonSerializer.Deserialize<ObjectiveTerm>(term, JsonSerializerOptions.Web)! },
    };

    private sealed class Penalty : RowLoss
    {
        [JsonConverter(typeof(JsonStringEnumConverter<Norm>))]
        public enum Norm
        {
            First,
            Second,
        }

        public override string Name => "penalty";

        public override string Title => "Penalty on the logits";

        public override string Label => "Penalty";

        public override string Formula => "strength · Σ |logit|ᵖ";

        public override string What => "Made for a test.";

        public override string Source => "this test";

        public override string Unit => "logits/token";

        public override object? Parameters => new Knobs();

        public override LossInputs Needs => LossInputs.StudentLogits;

        public override double Divisor(LossCounts counts, object? parameters, int vocabularySize) => counts.Rows;

        internal override torch.Tensor Sum(LossRows rows, object? parameters)
        {
            var knobs = (Knobs)parameters!;
            torch.Tensor logits = knobs.IsCentred ? rows.StudentLogits! - rows.StudentLogits!.mean([-1], keepdim: true) : rows.StudentLogits!;
            return (knobs.Norm == Norm.First ? logits.abs() : logits.square()).sum() * knobs.Strength;
        }

        public sealed record Knobs
        {
            [Option("Strength", "Factor of the penalty.", Minimum = 0.5, Maximum = 8, Advice = "1 is usual")]
            public double Strength { get; init; } = 1;

            [Option("Norm", "Which power of the logits is summed.")]
            public Norm Norm { get; init; } = Norm.Second;

            [Option("Centred", "Takes the mean of a row off first.")]
            public bool IsCentred { get; init; }
        }
    }
}
