using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;

namespace WebDistill.Web.Formats;

/// <summary>How what was measured on held-out data is written, whatever its task is.</summary>
public static class ScoreTexts
{
    /// <summary>What the accuracy of a run's validation is called.</summary>
    public const string Accuracy = "Validation accuracy";

    /// <summary>What the figure of a run's validation is called where there is no room for its protocol.</summary>
    public static string FigureOf(ModelHead task) => task == ModelHead.Classes ? Accuracy : PerplexityProtocol.Short(task == ModelHead.MaskedToken);

    /// <summary>The figure: "12.34", "91.30 %".</summary>
    public static string Text(this ValidationScore score) => score.Perplexity is Perplexity perplexity ? Figures.Perplexity(perplexity) : Figures.Accuracy(score.Value);

    /// <summary>What was measured of it under that name.</summary>
    public static double Of(this ValidationScore score, StepSeries series) => score.Values[series.Name];

    /// <summary>Tokens of the held-out text that a measurement of a run reads.</summary>
    /// <param name="heldOutTokens">Tokens of that text; null where the data set is gone.</param>
    public static long TokensRead(RunOptions options, long? heldOutTokens) => Math.Min(options.Schedule.ValidationMaxTokens, heldOutTokens ?? long.MaxValue);

    /// <summary>How it was measured, for a tooltip.</summary>
    /// <param name="maxTokens">Tokens read at most.</param>
    public static PerplexityProtocol Protocol(ModelHead task, long maxTokens) => task != ModelHead.Classes ? PerplexityProtocol.Validation(maxTokens, task == ModelHead.MaskedToken) : new(
        Accuracy, $"Share of the held-out texts whose class the model tells: of those from the start of the file that have room in {Figures.Count(maxTokens)} tokens. Higher is better.");
}
