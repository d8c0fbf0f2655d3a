using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Distillation.Evaluation;

namespace WebDistill.Web.Runs;

/// <summary>A step's numbers between the loop's report and the database's row.</summary>
public static class StepMetrics
{
    /// <summary>The row of a report.</summary>
    public static StepMetric ToMetric(this StepReport report, Guid runId, int attempt) => new()
    {
        RunId = runId,
        Attempt = attempt,
        Step = report.Step,
        Epoch = report.Epoch,
        TokensSeen = report.TokensSeen,
        TotalLoss = report.TotalLoss,
        DistillationCeNatsPerToken = report.DistillationCeNatsPerToken,
        CausalLmNatsPerToken = report.CausalLmNatsPerToken,
        LogitsMse = report.LogitsMse,
        CosineDistance = report.CosineDistance,
        LearningRate = report.LearningRate,
        GradientNorm = report.GradientNorm,
        TokensPerSecond = report.TokensPerSecond,
        StepSeconds = report.StepSeconds,
        MemoryBytes = report.MemoryBytes,
        ValidationPerplexity = report.ValidationPerplexity,
        ValidationNatsPerToken = report.ValidationNatsPerToken,
    };

    /// <summary>The report of a row.</summary>
    public static StepReport ToReport(this StepMetric metric) => new()
    {
        Step = metric.Step,
        Epoch = metric.Epoch,
        TokensSeen = metric.TokensSeen,
        TotalLoss = metric.TotalLoss,
        DistillationCeNatsPerToken = metric.DistillationCeNatsPerToken,
        CausalLmNatsPerToken = metric.CausalLmNatsPerToken,
        LogitsMse = metric.LogitsMse,
        CosineDistance = metric.CosineDistance,
        LearningRate = metric.LearningRate,
        GradientNorm = metric.GradientNorm,
        TokensPerSecond = metric.TokensPerSecond,
        StepSeconds = metric.StepSeconds,
        MemoryBytes = metric.MemoryBytes,
        ValidationPerplexity = metric.ValidationPerplexity,
        ValidationNatsPerToken = Perplexity.Stored(metric.ValidationPerplexity, metric.ValidationNatsPerToken)?.NatsPerToken,
    };
}
