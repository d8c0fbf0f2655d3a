using System.Globalization;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>Perplexity of a model over a token file, and the mean loss that it is the exponential of.</summary>
/// <param name="Value">exp(<paramref name="NatsPerToken"/>); +∞ above 709.78 nats, NaN where the mean loss is.</param>
/// <param name="NatsPerToken">Mean of −ln p over the predicted tokens. It says which of two perplexities is lower where both are +∞.</param>
public readonly record struct Perplexity(double Value, double NatsPerToken) : IComparable<Perplexity>, IComparable
{
    /// <summary>Of a mean loss.</summary>
    public static Perplexity OfNats(double natsPerToken) => new(Math.Exp(natsPerToken), natsPerToken);

    /// <summary>As it was stored: an early version kept the perplexity alone, and only where it is finite. Null when none was measured.</summary>
    public static Perplexity? Stored(double? value, double? natsPerToken) =>
        value is double stored ? new Perplexity(stored, natsPerToken ?? Math.Log(stored)) : null;

    /// <summary>Relative distance from another one, this / other − 1, also where both are +∞: exp of the losses' difference, − 1.</summary>
    public double RelativeTo(Perplexity other) =>
        (double.IsFinite(Value) && double.IsFinite(other.Value) ? Value / other.Value : Math.Exp(NatsPerToken - other.NatsPerToken)) - 1;

    /// <summary>The lower one first; of +∞ the one of the lower mean loss; NaN last.</summary>
    public int CompareTo(Perplexity other)
    {
        int byValue = NotFinite.NaNLast.Compare(Value, other.Value);
        return byValue != 0 || double.IsFinite(Value) ? byValue : NotFinite.NaNLast.Compare(NatsPerToken, other.NatsPerToken);
    }

    int IComparable.CompareTo(object? other) => other is Perplexity perplexity ? CompareTo(perplexity) : 1;

    /// <summary>For a log: "12.34", and "over 1e308 (3000.1 nats/token)" where it is not finite.</summary>
    public override string ToString() => NotFinite.Text(Value) is not string word
        ? Value.ToString(Value < 100_000 ? "F2" : "0.00e0", CultureInfo.InvariantCulture)
        : $"{word} ({NotFinite.Text(NatsPerToken) ?? NatsPerToken.ToString("0.0", CultureInfo.InvariantCulture)} nats/token)";

    /// <summary>
    /// Measures it over consecutive blocks of <paramref name="contextLength"/> tokens; the first token of a block is not predicted.
    /// </summary>
    /// <param name="maxTokens">Tokens read at most, from the start of the file.</param>
    /// <exception cref="ArgumentException">Fewer than two tokens to read, a context that does not fit the model, or another
    /// vocabulary.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two passes.</exception>
    public static Perplexity Measure(TextModel model, TokenFile file, int contextLength, long maxTokens, CancellationToken cancel = default)
    {
        if (model.Architecture.VocabularySize != file.VocabularySize)
            throw new ArgumentException(
                $"The model has {model.Architecture.VocabularySize} tokens in its vocabulary and the text {file.VocabularySize}. Use a text "
                + "tokenised with the model's vocabulary.");
        return Of(new SlidingPerplexity(model, file.Read, Math.Min(maxTokens, file.TokenCount), contextLength, stride: contextLength), cancel);
    }

    /// <summary>The same of a teacher, which need not be one model: that of several is the perplexity of their combined distribution at temperature 1.</summary>
    /// <inheritdoc cref="Measure(TextModel, TokenFile, int, long, CancellationToken)"/>
    public static Perplexity Measure(Teacher teacher, TokenFile file, int contextLength, long maxTokens, CancellationToken cancel = default) => teacher.Model is TextModel model
        ? Measure(model, file, contextLength, maxTokens, cancel)
        : Of(new SlidingPerplexity(teacher, file.Read, Math.Min(maxTokens, file.TokenCount), contextLength, stride: contextLength), cancel);

    private static Perplexity Of(SlidingPerplexity sliding, CancellationToken cancel)
    {
        while (sliding.Done < sliding.Windows)
        {
            cancel.ThrowIfCancellationRequested();
            sliding.Advance();
        }
        return OfNats(sliding.SumNats / sliding.Predicted);
    }
}
