using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>Perplexity of a model over a token file: exp of the mean negative log-likelihood per predicted token.</summary>
public static class Perplexity
{
    /// <summary>
    /// Measures it over consecutive blocks of <paramref name="contextLength"/> tokens; the first token of a block is not predicted.
    /// </summary>
    /// <param name="maxTokens">Tokens read at most, from the start of the file.</param>
    /// <exception cref="ArgumentException">Fewer than two tokens to read, a context that does not fit the model, or another
    /// vocabulary.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two passes.</exception>
    public static double Measure(Gpt2 model, TokenFile file, int contextLength, long maxTokens, CancellationToken cancel = default)
    {
        if (model.Config.VocabSize != file.VocabularySize)
            throw new ArgumentException(
                $"The model has {model.Config.VocabSize} tokens in its vocabulary and the text {file.VocabularySize}. Use a text "
                + "tokenised with the model's vocabulary.");
        var sliding = new SlidingPerplexity(model, file.Read, Math.Min(maxTokens, file.TokenCount), contextLength, stride: contextLength);
        while (sliding.Done < sliding.Windows)
        {
            cancel.ThrowIfCancellationRequested();
            sliding.Advance();
        }
        return Math.Exp(sliding.SumNats / sliding.Predicted);
    }
}
