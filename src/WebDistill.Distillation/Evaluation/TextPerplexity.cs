using System.Globalization;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>A text whose every token is predicted under a sliding window: perplexity per token and per word, and bits per byte.</summary>
/// <remarks>
/// The same Σ −ln p is divided by what a source divides by: BPE tokens (Hugging Face's guide), words of the original text (OpenAI's and
/// EleutherAI's tables), or its bytes times ln 2 (enwik8).
/// </remarks>
public abstract class TextPerplexity : EvaluationSet
{
    /// <inheritdoc/>
    public override EvaluationSource Source => EvaluationSource.File;

    /// <inheritdoc/>
    public override bool UsesStride => true;

    /// <summary>The figure that this set is cited by.</summary>
    protected virtual string Leading => TokenPerplexityName;

    /// <summary>Name of exp(Σ −ln p / predicted tokens).</summary>
    public const string TokenPerplexityName = "Perplexity per token";

    /// <summary>Name of exp(Σ −ln p / words of the original text).</summary>
    public const string WordPerplexityName = "Perplexity per word";

    /// <summary>Name of Σ −ln p / (ln 2 · bytes of the original text).</summary>
    public const string BitsPerByteName = "Bits per byte";

    /// <summary>What is done to the text before it is tokenised, as a sentence.</summary>
    protected abstract string Treatment { get; }

    /// <summary>The part of the file that is measured.</summary>
    /// <exception cref="InvalidDataException">It is not the file that was expected.</exception>
    protected virtual ReadOnlyMemory<byte> Select(byte[] file) => file;

    /// <summary>The text that is tokenised, from the original.</summary>
    protected internal virtual string Detokenise(string original) => original;

    /// <inheritdoc/>
    public override void CheckFile(string path) => Select(EvaluationText.ReadBytes(path, EvaluationText.MaxBytes));

    /// <inheritdoc/>
    public override EvaluationTask Open(EvaluationInput input)
    {
        TextTokenizer tokenizer = RequireTokenizer(input);
        if (input.Tokens is TokenFile tokens)
            return new Task(this, input, EvaluationTokens.Of(tokens, tokenizer));
        ReadOnlyMemory<byte> bytes = Select(EvaluationText.ReadBytes(RequireFile(input), EvaluationText.MaxBytes));
        string original = Encoding.UTF8.GetString(bytes.Span);
        return new Task(this, input, EvaluationTokens.Of(Detokenise(original), tokenizer) with
        {
            Words = EvaluationText.CountWords(original),
            Bytes = bytes.Length,
        });
    }

    private sealed record Progress(long Windows, double SumNats, long Predicted);

    private sealed class Task : EvaluationTask
    {
        private readonly TextPerplexity _set;
        private readonly EvaluationInput _input;
        private readonly SlidingPerplexity _sliding;
        private readonly EvaluationTokens _text;

        public Task(TextPerplexity set, EvaluationInput input, EvaluationTokens text)
        {
            (_set, _input, _text) = (set, input, text);
            _sliding = new SlidingPerplexity(input.Model, text.Read, text.Count, input.ContextLength, input.Stride);
            if (input.Reached<Progress>() is Progress reached)
                (_sliding.Done, _sliding.SumNats, _sliding.Predicted) = (reached.Windows, reached.SumNats, reached.Predicted);
        }

        public override long Done => _sliding.Done;

        public override long Total => _sliding.Windows;

        public override void Advance() => _sliding.Advance();

        public override JsonElement State() =>
            Json(new Progress(_sliding.Done, _sliding.SumNats, _sliding.Predicted));

        public override EvaluationResult Result()
        {
            double nats = _sliding.SumNats;
            EvaluationFigure[] figures =
            [
                EvaluationFigure.Perplexity(TokenPerplexityName, nats / _sliding.Predicted, "per BPE token"),
                EvaluationFigure.Perplexity(WordPerplexityName, nats / Math.Max(1, _text.Words), "per word of the original text"),
                new(BitsPerByteName, nats / (Math.Log(2) * _text.Bytes), "bits/byte of the original text", Better.Lower),
            ];
            return new EvaluationResult
            {
                Figures = [.. figures.OrderByDescending(figure => figure.Name == _set.Leading)],
                Counts =
                [
                    new("BPE tokens", _text.Count),
                    new("Predicted tokens", _sliding.Predicted),
                    new("Words", _text.Words),
                    new("Bytes", _text.Bytes),
                    new("Windows", _sliding.Windows),
                ],
                Protocol = string.Create(CultureInfo.InvariantCulture,
                    $"{_set.Treatment} Windows of {_input.ContextLength} tokens begin every {_input.Stride} tokens; each token counts once, "
                    + $"in the first window that holds it{(_input.Stride == _input.ContextLength
                        ? ", and the first token of a window is not predicted"
                        : $", with at least {_input.ContextLength - _input.Stride} tokens to look back at except in the first window")}. "
                    + $"Per token: exp(Σ −ln p / predicted BPE tokens), as Hugging Face's guide divides. Per word: the same sum divided by the "
                    + $"words between white space of the original text, as EleutherAI's harness and OpenAI's table divide. Bits per byte: the "
                    + $"sum / (ln 2 · UTF-8 bytes of the original text)."),
            };
        }
    }
}
