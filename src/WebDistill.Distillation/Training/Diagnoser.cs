using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>
/// Looks at the inside of a run now and then. It reads and changes nothing: a run that is looked at makes the same updates, bit for bit, as one that is not.
/// </summary>
internal sealed class Diagnoser
{
    private const int LongestWindow = 256;

    private readonly TrainingParts _parts;
    private readonly int _interval;
    private readonly int _totalUpdates;
    private readonly RunOptions _options;
    private readonly int _windowLength;
    private Dictionary<string, UpdateSquares>? _squares;

    public Diagnoser(TrainingParts parts, RunOptions options, int contextLength, int totalUpdates)
    {
        (_parts, _options) = (parts, options);
        _interval = Diagnosis.IntervalSteps(options, contextLength, totalUpdates);
        _totalUpdates = totalUpdates;
        _windowLength = Math.Min(contextLength, LongestWindow);
    }

    /// <summary>What the update that was made last and is to be looked at did to each layer; null where none is.</summary>
    public IReadOnlyList<LayerNorms>? Layers { get; set; }

    /// <summary>Who is to be told what the update of that number does to each parameter; null where it is not looked at.</summary>
    public Action<Moments, UpdateSquares>? Before(int step)
    {
        (Layers, _squares) = (null, null);
        if (!IsDue(step))
            return null;
        Dictionary<string, UpdateSquares> squares = _squares = [];
        return (moments, update) =>
        {
            string layer = moments.Loss is string loss ? $"loss {loss}" : moments.Compression is string method ? $"compression {method}" : _parts.Student.PartOf(moments.Name);
            UpdateSquares sum = squares.GetValueOrDefault(layer);
            squares[layer] = new UpdateSquares(sum.Gradient + update.Gradient, sum.Weights + update.Weights, sum.Change + update.Change);
        };
    }

    /// <summary>The update is made: what was told of it is kept until it is reported.</summary>
    public void Updated() => Layers = _squares?.Select(layer => new LayerNorms(
        layer.Key, Math.Sqrt(layer.Value.Gradient), Math.Sqrt(layer.Value.Weights), Math.Sqrt(layer.Value.Change))).ToArray();

    /// <summary>The look at an update that was just made; null where it is not looked at.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; it can be asked for again.</exception>
    public Diagnosis? Of(StepReport report, CancellationToken cancel) => !IsDue(report.Step) ? null : new Diagnosis(
        report.Step, report.Values[LoopSeries.LearningRate.Name], Layers ?? [],
        // Of a student that fills masked words only what is done to its layers is looked at.
        _parts.Validation is TokenFile { TokenCount: > 0 } text && _parts.Student.Architecture.Head == ModelHead.NextToken ? Predictions(text, report.Step, cancel) : null);

    private bool IsDue(int step) => _interval > 0 && (step % _interval == 0 || step == _totalUpdates);

    /// <summary>Over windows that lie evenly in the held-out text: the same at every look, so that looks can be compared.</summary>
    private PredictionDiagnosis Predictions(TokenFile text, int step, CancellationToken cancel)
    {
        int length = (int)Math.Min(_windowLength, text.TokenCount);
        int windows = (int)Math.Min(Math.Max(1, Diagnosis.MostTokens / length), text.TokenCount / length);
        var ids = new int[windows * length];
        for (int i = 0; i < windows; i++)
            text.Read(windows == 1 ? 0 : i * (text.TokenCount - length) / (windows - 1), ids.AsSpan(i * length, length));
        return PredictionDiagnosis.Measure(_parts.Student, _parts.Teacher, ids, windows, DistillationCrossEntropy.Temperature(_parts.Losses, _options, step, _totalUpdates), cancel);
    }
}
