using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Runs;

/// <summary>What a look at the inside of a run says: a sentence or two, and at most four figures.</summary>
public sealed record DiagnosisAnswer(string Sentence, IReadOnlyList<HeadFigure> Figures)
{
    // About 1e-3 is usual (Stanford's CS231n, Neural networks 3, "ratio of weights:updates"); ten times more or less is worth a word.
    private const double UsualRatio = 1e-3, LeastRatio = UsualRatio / 10, MostRatio = UsualRatio * 10;

    // Below this share of its peak a learning rate explains small updates by itself.
    private const double SmallShareOfPeak = 0.05;

    /// <summary>That of one look.</summary>
    /// <param name="peakLearningRate">The highest learning rate of the run.</param>
    public static DiagnosisAnswer Of(Diagnosis diagnosis, double peakLearningRate)
    {
        LayerNorms? largest = LargestRatio(diagnosis);
        PredictionDiagnosis? predictions = diagnosis.Predictions;
        List<string> sentences = [];
        if (predictions?.Teacher is { } agreement)
            sentences.Add($"The student agrees with the teacher on {Formats.Figures.Part(agreement.Agreement)} of {Tokens(predictions)}.");
        if (largest is not null)
            sentences.Add($"Largest update/weight ratio {Formats.Figures.Scientific(largest.Ratio)}, in {In(largest.Layer)}: {Judgement(largest.Ratio, diagnosis.LearningRate / peakLearningRate)}.");
        if (sentences.Count == 0)
            sentences.Add("Nothing is known of the layers at this update: the run was cut right after it.");
        return new DiagnosisAnswer(string.Join(" ", sentences), [.. FiguresOf(diagnosis, largest).Take(4)]);
    }

    private static LayerNorms? LargestRatio(Diagnosis diagnosis) =>
        diagnosis.Layers.Where(layer => !IsOfALoss(layer)).MaxBy(layer => double.IsNaN(layer.Ratio) ? double.PositiveInfinity : layer.Ratio);

    // Parameters of a loss are drawn anew when it is switched on, and large updates of them are no news.
    private static bool IsOfALoss(LayerNorms layer) => layer.Layer.StartsWith("loss ", StringComparison.Ordinal);

    private static string Judgement(double ratio, double shareOfPeak) => ratio switch
    {
        > MostRatio or double.NaN => "far above the usual 1e-3, so a smaller learning rate may be better",
        < LeastRatio when shareOfPeak < SmallShareOfPeak => $"small, as the learning rate is at {Formats.Figures.Part(shareOfPeak)} of its peak",
        < LeastRatio => "far below the usual 1e-3, so a larger learning rate may be quicker",
        _ => "about 1e-3 is usual",
    };

    private static string In(string layer) => layer.StartsWith("block ", StringComparison.Ordinal) ? layer : $"the {layer}";

    private static string Tokens(PredictionDiagnosis predictions) => Formats.Figures.Counted(predictions.Tokens, "token", "tokens");

    private static IEnumerable<HeadFigure> FiguresOf(Diagnosis diagnosis, LayerNorms? largest)
    {
        PredictionDiagnosis? predictions = diagnosis.Predictions;
        string text = predictions is null ? "" : $"over the same {Tokens(predictions)} of the held-out text at every look";
        if (predictions?.Teacher is { } teacher)
        {
            yield return new("Agreement", Formats.Figures.Part(teacher.Agreement), Beside: $"of {Tokens(predictions)}",
                Hint: $"Positions at which teacher and student hold the same token for the likeliest, {text}.");
            yield return new("KL(teacher ‖ student)", Formats.Figures.Significant(teacher.Kl.MeanNats, 3), "nats/token",
                $"median {Formats.Figures.Significant(teacher.Kl.MedianNats, 2)}, nine tenths below {Formats.Figures.Significant(teacher.Kl.P90Nats, 2)}", $"At temperature 1, mean {text}.");
            yield return new("Teacher's entropy", Formats.Figures.Significant(teacher.EntropyNats, 3), "nats/token", At(predictions),
                $"Mean of −Σ p ln p of softmax(teacher / T), {text}.", "teacher");
        }
        if (predictions is not null)
            yield return new(predictions.Teacher is null ? "Entropy" : "Student's entropy", Formats.Figures.Significant(predictions.StudentEntropyNats, 3), "nats/token", At(predictions),
                $"Mean of −Σ q ln q of softmax({(predictions.Teacher is null ? "logits" : "student / T")}), {text}.", predictions.Teacher is null ? null : "student");
        if (largest is not null)
            yield return new("Largest update/weights", Formats.Figures.Scientific(largest.Ratio), Beside: $"in {In(largest.Layer)}; about 1e-3 is usual",
                Hint: "Norm of the update divided by that of the weights that it changes. The rule of thumb is Stanford's CS231n's.");
    }

    private static string At(PredictionDiagnosis predictions) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"at T = {predictions.Temperature:0.##}");
}
