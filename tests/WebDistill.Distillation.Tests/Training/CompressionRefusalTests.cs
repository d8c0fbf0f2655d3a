using WebDistill.Distillation.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Tests.Training;

/// <summary>What of compression is refused, at which option, and with what would do.</summary>
public sealed class CompressionRefusalTests
{
    public static TheoryData<string, CompressionOptions, Precision, string> OfOptions => new()
    {
        { "magnitude.sparsity", new() { Magnitude = new() { Sparsity = 0.999 } }, Precision.Float32, "expected at least 0.005" },
        { "magnitude.sparsity", new() { Magnitude = new() { Sparsity = 1 } }, Precision.Float32, "0 switches it off" },
        { "magnitude.initialSparsity", new() { Magnitude = new() { Sparsity = 0.5, InitialSparsity = 0.6 } }, Precision.Float32, "expected at most 0.5" },
        { "magnitude.endUpdate", new() { Magnitude = new() { Sparsity = 0.5, BeginUpdate = 9, EndUpdate = 8 } }, Precision.Float32, "at least 9" },
        { "movement.sparsity", new() { Magnitude = new() { Sparsity = 0.5 }, Movement = new() { Sparsity = 0.5 } }, Precision.Float32, "compression.magnitude.sparsity and compression.movement.sparsity are both above 0" },
        { "stepSize.bits", new() { StepSize = new() { Bits = 3 }, Quantisation = new() { Bits = 8 } }, Precision.Float32, "expected one of them" },
        { "quantisation.bits", new() { Quantisation = new() { Bits = 1 } }, Precision.Float32, "2 to 8" },
        { "stepSize.bits", new() { StepSize = new() { Bits = 9 } }, Precision.Float32, "expected 0 to 8" },
        { "quantisation.bits", new() { Quantisation = new() { Bits = 8 } }, Precision.BFloat16, "expected Float32" },
        { "stepSize.bits", new() { StepSize = new() { Bits = 4 } }, Precision.BFloat16, "expected Float32" },
    };

    [Theory]
    [MemberData(nameof(OfOptions))]
    public void Validate_WhatDoesNotGoTogether_IsRefusedAtItsOption(string option, CompressionOptions compression, Precision precision, string said)
    {
        OptionProblem problem = Assert.Single(Valid with { Compression = compression, Precision = precision } is var options ? options.Validate() : []);
        Assert.Equal($"compression.{option}", problem.Field);
        Assert.Contains(said, problem.Message);
    }

    [Fact]
    public void Validate_EachMethodAndPruningWithLayerDropInBFloat16_IsAllowed()
    {
        Assert.Empty(Valid.Validate());
        Assert.Empty((Valid with { Precision = Precision.BFloat16, Compression = new() { Magnitude = new() { Sparsity = 0.5 }, LayerDrop = new() { Probability = 0.2 } } }).Validate());
    }

    public static TheoryData<string, CompressionOptions, string, string?> OfStudents => new()
    {
        { "movement.sparsity", new() { Movement = new() { Sparsity = 0.5 } }, "bilstm", "compression.magnitude.sparsity" },
        { "layerDrop.probability", new() { LayerDrop = new() { Probability = 0.2 } }, "bilstm", "expected a transformer" },
        { "quantisation.roundsActivations", new() { Quantisation = new() { Bits = 8 } }, "bilstm", "round its weights alone" },
        { "", new() { Quantisation = new() { Bits = 8, RoundsActivations = false } }, "bilstm", null },
        { "", new() { Magnitude = new() { Sparsity = 0.5 } }, "bilstm", null },
        { "", new() { StepSize = new() { Bits = 4 } }, "bilstm", null },
        { "", new() { Movement = new() { Sparsity = 0.5 }, LayerDrop = new() { Probability = 0.2 } }, "albert", null },
        { "", new() { Quantisation = new() { Bits = 8 }, LayerDrop = new() { Probability = 0.2 } }, "mobilebert", null },
        { "layerDrop.probability", new() { LayerDrop = new() { Probability = 0.2 } }, "one layer", "at least 2" },
        { "layerDrop.probability", new() { LayerDrop = new() { Probability = 0.2 } }, "patient", "objective.patient.weight" },
        { "magnitude.beginUpdate", new() { Magnitude = new() { Sparsity = 0.5, BeginUpdate = 100, EndUpdate = 100 } }, "gpt2", "expected at most 99" },
        { "magnitude.endUpdate", new() { Magnitude = new() { Sparsity = 0.5, EndUpdate = 100 } }, "gpt2", "the run makes 100" },
        { "movement.endUpdate", new() { Movement = new() { Sparsity = 0.5, EndUpdate = 400 } }, "gpt2", "the run makes 100" },
        { "quantisation.beginUpdate", new() { Quantisation = new() { Bits = 8, BeginUpdate = 100 } }, "gpt2", "the run makes 100" },
        { "magnitude.sparsity", new() { Magnitude = new() { Sparsity = 1e-9 } }, "gpt2", "expected at least one" },
    };

    [Theory]
    [MemberData(nameof(OfStudents))]
    public void Mismatch_WithAStudent_SaysWhatWouldFit(string option, CompressionOptions compression, string student, string? said)
    {
        RunOptions options = Valid with { Compression = compression };
        Architecture architecture = student switch
        {
            "bilstm" => new BiLstmConfig { VocabSize = 60, EmbeddingDim = 8, HiddenSize = 8, NumLayers = 2, Classes = new ClassHead(["a", "b"], ProblemType.SingleLabel) },
            "albert" or "mobilebert" => MaskedModels.Config(student, layers: 3),
            "one layer" => SmallModels.Config(layers: 1),
            _ => SmallModels.Config(),
        };
        IReadOnlyList<Loss> losses = [.. LossCatalogue.All.Where(loss => loss.Name == (student == "patient" ? "patient" : "clm"))];
        IReadOnlyList<OptionProblem> problems = LearnedCatalogue.Mismatches(options, losses, architecture, 100);
        if (said is null)
        {
            Assert.Empty(problems);
            return;
        }
        Assert.Equal($"compression.{option}", Assert.Single(problems).Field);
        Assert.Contains(said, problems[0].Message);
    }

    /// <summary>The check of a launch finds them, the number of updates included; without a text it looks at the rest.</summary>
    [Fact]
    public void Check_OfALaunch_FindsThem()
    {
        RunOptions options = Valid with { Compression = new() { Magnitude = new() { Sparsity = 0.5, EndUpdate = 100 } }, Schedule = new() { Epochs = 1, BatchSize = 1, MaxUpdates = 50 } };
        Gpt2Config teacher = SmallModels.Config();
        Assert.Empty(RunPlan.Check(options, teacher, null, SmallModels.Vocabulary, null));
        OptionProblem problem = Assert.Single(RunPlan.Check(options, teacher, null, SmallModels.Vocabulary, new EpochSize(1000, 20_000)));
        Assert.Equal("compression.magnitude.endUpdate", problem.Field);
        Assert.Contains("the run makes 50", problem.Message);
    }

    [Fact]
    public void Catalogue_EachMethod_HasItsOptionsAndIsOffByDefault()
    {
        Assert.Empty(LearnedCatalogue.Active(new RunOptions()));
        Assert.Equal(LearnedCatalogue.All.SelectMany(method => method.Fields).Select(field => field.Path), OptionSchema.Of<RunOptions>().In("compression").Select(field => field.Path));
        Assert.Equal(LearnedCatalogue.All.Count, LearnedCatalogue.All.Select(method => method.Name).Distinct().Count());
        Assert.All(LearnedCatalogue.All, method =>
        {
            Assert.EndsWith(".", method.What);
            Assert.NotEqual("", method.Formula + method.Source);
            Assert.Equal("off", method.Fields[0].ZeroMeans);
            Assert.All(method.Fields, field => Assert.True(field.IsFixedOnceBegun, field.Path));
        });
    }

    private static RunOptions Valid { get; } = new() { Teacher = new() { ModelId = "t" }, Data = new() { DatasetId = "d", ContextLength = 12 } };
}
