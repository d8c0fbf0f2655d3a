using System.Text.Json.Serialization;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Training;

/// <summary>A look at the inside of a run, at one update.</summary>
/// <param name="Step">The update.</param>
/// <param name="LearningRate">With which it was made.</param>
/// <param name="Layers">What it did to each part of the model that is trained, from the input on, and to parameters that losses brought; empty where the run was cut
/// between the update and this look and the state that it went on from is that of an earlier version.</param>
/// <param name="Predictions">What the models predict with the weights after it; null without held-out text, and for models that fill masked words.</param>
public sealed record Diagnosis(int Step, double LearningRate, IReadOnlyList<LayerNorms> Layers, PredictionDiagnosis? Predictions)
{
    /// <summary>Tokens of the piece of text at most: enough that a share of them is known to 3 %.</summary>
    public const int MostTokens = 1024;

    // A look was measured as long as an update over as many tokens as its text has (docs/diagnosis.md): once in so many updates makes half a per cent.
    private const int UpdatesPerLook = 200;

    private const int MostLooks = 20;

    /// <summary>Updates between two looks; 0 for none.</summary>
    /// <param name="contextLength">Tokens of a sequence.</param>
    public static int IntervalSteps(RunOptions options, int contextLength, int totalUpdates)
    {
        if (options.Diagnosis.IntervalSteps is int given)
            return given;
        double tokens = (double)options.Schedule.BatchSize * options.Schedule.GradientAccumulation * contextLength;
        return (int)Math.Ceiling(Math.Max(UpdatesPerLook * Math.Max(1, MostTokens / tokens), (double)totalUpdates / MostLooks));
    }
}

/// <summary>L2 norms, √Σx², over all trained parameters of a part of the model.</summary>
/// <param name="Layer">"embeddings" (with the output projection where the two are tied), "block 0" and so on, "final norm"; "loss cos" for parameters of that loss.</param>
/// <param name="Gradient">Of the gradient, before it is clipped.</param>
/// <param name="Weights">Of the weights before the update.</param>
/// <param name="Update">Of the difference between the weights after and before it, weight decay included.</param>
public sealed record LayerNorms(string Layer, double Gradient, double Weights, double Update)
{
    /// <summary>Update / weights; 0 where the weights are 0.</summary>
    [JsonIgnore]
    public double Ratio => Weights == 0 ? 0 : Update / Weights;
}
