using TorchSharp;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation;

/// <summary>Perplexity of a model over a token file: exp of the mean negative log-likelihood per predicted token.</summary>
public static class Perplexity
{
    private const int TokensPerPass = 4096;

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
        if (contextLength < 2 || contextLength > model.Config.NPositions)
            throw new ArgumentException(
                $"The context length is {contextLength}, expected 2 to the model's n_positions {model.Config.NPositions}.");
        long tokens = Math.Min(maxTokens, file.TokenCount);
        if (tokens < 2)
            throw new ArgumentException(
                $"There are {tokens} tokens to measure the perplexity on, expected at least 2. Use a larger held-out text.");

        bool wasTraining = model.training;
        model.eval();
        double sum = 0;
        long predicted = 0;
        try
        {
            int rowsPerPass = Math.Max(1, TokensPerPass / contextLength);
            for (long offset = 0; offset < tokens - 1;)
            {
                cancel.ThrowIfCancellationRequested();
                long left = tokens - offset;
                int columns = (int)Math.Min(contextLength, left);
                int rows = (int)Math.Min(rowsPerPass, left / columns);
                sum += NegativeLogLikelihood(model, file, offset, rows, columns);
                predicted += (long)rows * (columns - 1);
                offset += (long)rows * columns;
            }
        }
        finally
        {
            model.train(wasTraining);
        }
        return Math.Exp(sum / predicted);
    }

    /// <summary>Sum of −ln p(next) over a block of tokens, nats.</summary>
    private static double NegativeLogLikelihood(Gpt2 model, TokenFile file, long offset, int rows, int columns)
    {
        var ids = new int[rows * columns];
        file.Read(offset, ids);
        var input = new long[ids.Length];
        var targets = new long[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            input[i] = ids[i];
            targets[i] = (i + 1) % columns == 0 ? LossHead.NoTarget : ids[i + 1];
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor hidden = model.Hidden(tensor(input, [rows, columns], device: Engine.Device.Default)).view(-1, model.Config.NEmbd);
        var head = new LossHeadInput(hidden, model.TokenEmbedding, null, null, targets, Temperature: 1);
        return ProjectionHead.Run(head, [new LossTerm(new CausalLanguageModel(), 1)], gradients: false).Sums[0];
    }
}
