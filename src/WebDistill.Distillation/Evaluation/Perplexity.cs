using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>Perplexity of a model over a token file: exp of the mean negative log-likelihood per predicted token.</summary>
public static class Perplexity
{
    /// <summary>Measures it over consecutive blocks of <paramref name="contextLength"/> tokens; the first token of a block is not predicted.</summary>
    /// <param name="maxTokens">Tokens read at most, from the start of the file.</param>
    public static double Measure(Gpt2 model, TokenFile file, int contextLength, long maxTokens, CancellationToken cancel = default) =>
        throw new NotSupportedException($"{model} {file} {contextLength} {maxTokens} {cancel}");
}
