using System.Text.Json;
using System.Text.RegularExpressions;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Tests.Options;

/// <summary>Hyper-parameters as the reference names them, and as a paper prints them.</summary>
public sealed class PaperOptionsTests
{
    // As a paper prints the settings of its run: spaces where the program has underscores.
    private const string Printed = """
        {
          "temperature": 2.0, "alpha ce": 5.0, "alpha mlm": 0.0, "alpha clm": 2.0, "alpha mse": 0.0, "alpha cos": 1.0, "mlm": false,
          "mlm mask prop": 0.15, "word mask": 0.8, "word keep": 0.1, "word rand": 0.1, "mlm smoothing": 0.7, "restrict ce to mask": false, "freeze pos embs": true,
          "freeze token type embds": false, "n epoch": 4, "batch size": 1, "tokens per batch": -1, "shuffle": true, "group by size": true, "gradient accumulation steps": 500,
          "warmup prop": 0.05, "weight decay": 0.0, "learning rate": 2.5e-4, "adam epsilon": 1e-6, "max grad norm": 5.0, "initializer range": 0.02, "fp16": false, "fp16 opt level": "O1",
          "n gpu": 1, "local rank": -1, "seed": 56, "log interval": 500, "checkpoint interval": 4000
        }
        """;

    [Fact]
    public void Translated_AsPrinted_IsTheRunOfThePaper()
    {
        RunOptions options = Read(Printed);
        Assert.Equal((5.0, 0.0, 2.0, 0.0, 1.0), (Weight("ce"), Weight("mlm"), Weight("clm"), Weight("mse"), Weight("cos")));
        Assert.Equal(2.0, ((DistillationCrossEntropy.Softening)new DistillationCrossEntropy().ParametersIn(options)!).Temperature);
        Assert.Equal(new MaskingOptions(), options.Masking);
        Assert.Equal((4, 1, 500, 0.05), (options.Schedule.Epochs, options.Schedule.BatchSize, options.Schedule.GradientAccumulation, options.Schedule.WarmupProportion));
        Assert.Equal((2.5e-4, 0.0, 1e-6, 5.0), (options.Optimiser.LearningRate, options.Optimiser.WeightDecay, options.Optimiser.AdamEpsilon, options.Optimiser.MaxGradientNorm));
        Assert.Equal((true, false, 0.02, 56L, true, true), (options.Student.FreezePositionEmbeddings, options.Student.FreezeTokenTypeEmbeddings, options.Student.InitialiserRange, options.Seed,
            options.Data.Shuffle, options.Data.GroupBySize));
        Assert.Equal(JsonSerializer.Serialize(options), JsonSerializer.Serialize(Read(Regex.Replace(Printed, "\"[^\"]*\"", name => name.Value.Replace(' ', '_')))));

        double Weight(string loss) => options.Objective[loss].Weight;
    }

    [Fact]
    public void Translated_MaskedCommandLine_IsItsOptions()
    {
        RunOptions options = Read("""
            {"student_type": "distilbert", "teacher_type": "bert", "teacher_name": "bert-base-uncased", "alpha_ce": 5.0, "alpha_mlm": 2.0, "alpha_cos": 1.0, "alpha_clm": 0.0, "mlm": true,
             "mlm_mask_prop": 0.2, "word_mask": 0.7, "word_keep": 0.2, "word_rand": 0.1, "mlm_smoothing": 0, "restrict_ce_to_mask": true, "freeze_token_type_embds": true,
             "data": {"datasetId": "text", "contextLength": 64}}
            """);
        Assert.Equal("distilbert", options.Student.Family);
        Assert.Equal(new MaskingOptions { Proportion = 0.2, MaskShare = 0.7, KeepShare = 0.2, RandomShare = 0.1, Smoothing = 0, RestrictToMask = true }, options.Masking);
        Assert.Equal((5.0, 2.0, 1.0, 0.0), (options.Objective["ce"].Weight, options.Objective["mlm"].Weight, options.Objective["cos"].Weight, options.Objective["clm"].Weight));
        Assert.Equal((true, "text", 64), (options.Student.FreezeTokenTypeEmbeddings, options.Data.DatasetId, options.Data.ContextLength));
    }

    [Theory]
    [InlineData("""{"n_epoch": 2, "temperature": 3}""", 5, 2, 3)]
    [InlineData("""{"alpha_ce": 0.5, "temperature": 3}""", 0.5, 0, 3)]
    [InlineData("""{"alpha_ce": 0.5}""", 0.5, 0, 2)]
    public void Translated_WeightsThatAreNotSaid_AreOffWhereOneIs(string json, double ce, double clm, double temperature)
    {
        RunOptions options = Read(json);
        Assert.Equal((ce, clm), (options.Objective["ce"].Weight, options.Objective.GetValueOrDefault("clm")?.Weight ?? 0));
        Assert.Equal(temperature, ((DistillationCrossEntropy.Softening)new DistillationCrossEntropy().ParametersIn(options)!).Temperature);
    }

    [Theory]
    [InlineData("""{"alpha_ce": 1, "alpha ce": 2}""", "objective.ce.weight", "'alpha_ce' is given 2 times")]
    [InlineData("""{"alpha_ce": 1, "objective": {"ce": {"weight": 1}}}""", "objective", "Leave one of them out")]
    [InlineData("""{"n_epoch": 1, "schedule": {"epochs": 2}}""", "schedule.epochs", "('n_epoch')")]
    [InlineData("""{"n_epoch": 1, "fp16": true}""", "fp16", "The value is true, expected false.")]
    [InlineData("""{"n_epoch": 1, "tokens_per_batch": 4000}""", "tokens_per_batch", "The value is 4000, expected -1.")]
    public void Translated_WhatCannotBe_IsNamed(string json, string field, string said)
    {
        PaperOptions.Translated(JsonSerializer.Deserialize<JsonElement>(json), out IReadOnlyList<OptionProblem> problems);
        OptionProblem problem = Assert.Single(problems);
        Assert.Equal(field, problem.Field);
        Assert.Contains(said, problem.Message);
    }

    [Fact]
    public void Translated_OptionsOfThisProduct_StayAsTheyAre()
    {
        JsonElement options = JsonSerializer.Deserialize<JsonElement>("""{"temperature": 3, "seed": 1, "shuffle": false}""");
        Assert.Equal(options.GetRawText(), PaperOptions.Translated(options, out IReadOnlyList<OptionProblem> problems).GetRawText());
        Assert.Empty(problems);
        // Each leads somewhere.
        Assert.All(PaperOptions.Paths.Values, path => LossCatalogue.RunSchema.Find(path));
        Assert.Empty(PaperOptions.Paths.Keys.Intersect(PaperOptions.WithoutMeaning));
    }

    private static RunOptions Read(string json)
    {
        JsonElement translated = PaperOptions.Translated(JsonSerializer.Deserialize<JsonElement>(json), out IReadOnlyList<OptionProblem> problems);
        Assert.Empty(problems);
        return translated.Deserialize<RunOptions>(JsonSerializerOptions.Web)!;
    }
}
