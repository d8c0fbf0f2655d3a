using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation;

/// <summary>
/// Perplexity of a model that fills masked words over a token file: exp of the mean of −ln p(token) over the tokens that are to be guessed.
/// </summary>
/// <remarks>
/// The text is cut into blocks of a context; the last one may be shorter. Of each block ⌈0.15 · tokens⌉ are to be guessed (<see cref="MaskDraw"/>), 80, 10 and 10 % of them
/// masked, kept and replaced (Devlin et al. 2018), without preference for rare tokens, from a constant seed and the block's number. So teacher, student and every
/// validation of every run over the same text and context guess the same tokens, whatever a run hides while it trains.
/// </remarks>
public static class MaskedPerplexity
{
    private const int TokensPerPass = 4096;
    private const long Seed = 0x6D61736B;

    private static readonly MaskingOptions s_masking = new() { Smoothing = 0 };

    /// <summary>Measures it of a model in training or not, without its dropout.</summary>
    /// <param name="maxTokens">Tokens read at most, from the start of the file.</param>
    /// <exception cref="ArgumentException">There is nothing to guess, the context does not fit the model, or the vocabulary is another one or has no mask.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, between two passes.</exception>
    public static Perplexity Measure(TextModel model, TokenFile file, int contextLength, long maxTokens, CancellationToken cancel = default)
    {
        bool wasTraining = model.training;
        model.eval();
        try
        {
            return Measure(model.Architecture, (input, places) => new ModelLogits(model.Forward(input, Wants.Hidden).HiddenOf(places), model), file, contextLength, maxTokens, cancel);
        }
        finally
        {
            model.train(wasTraining);
        }
    }

    /// <summary>The same of a teacher that offers logits.</summary>
    /// <inheritdoc cref="Measure(TextModel, TokenFile, int, long, CancellationToken)"/>
    public static Perplexity Measure(Teacher teacher, TokenFile file, int contextLength, long maxTokens, CancellationToken cancel = default) => Measure(
        teacher.Architecture, (input, places) => teacher.Answer(input, places, targets: null, Wants.Logits, isByRows: true).Logits!, file, contextLength, maxTokens, cancel);

    /// <param name="answer">Logits of those places of a batch, counted row by row.</param>
    private static Perplexity Measure(
        Architecture architecture, Func<ModelInput, long[], RowLogits> answer, TokenFile file, int contextLength, long maxTokens, CancellationToken cancel)
    {
        if (architecture.Head != ModelHead.MaskedToken)
            throw new ArgumentException($"The model is {ModelHeads.WithArticle(architecture.Family.Title)}, which {ModelHeads.Does(architecture.Head)}; expected one that "
                + $"{ModelHeads.Does(ModelHead.MaskedToken)}.");
        if (architecture.VocabularySize != file.VocabularySize)
            throw new ArgumentException($"The model has {architecture.VocabularySize} tokens in its vocabulary and the text {file.VocabularySize}. Use a text tokenised with the model's vocabulary.");
        if (file.Roles.Mask is not int mask)
            throw new ArgumentException("The text was tokenised with a vocabulary that has no mask; expected one as BERT's. Use a text tokenised with the model's vocabulary.");
        if (contextLength < 1 || contextLength > architecture.Positions)
            throw new ArgumentException($"The context length is {contextLength}, expected 1 to the model's {architecture.Positions} positions.");

        var draw = new MaskDraw(MaskDraw.Weights(new long[file.VocabularySize], file.Roles, s_masking.Smoothing), mask, s_masking);
        long tokens = Math.Min(maxTokens, file.TokenCount), blocks = (tokens + contextLength - 1) / contextLength, guessed = 0;
        double nats = 0;
        int most = Math.Max(1, TokensPerPass / contextLength);
        for (long block = 0; block < blocks;)
        {
            cancel.ThrowIfCancellationRequested();
            int columns = (int)Math.Min(contextLength, tokens - block * contextLength);
            List<TokenBatch> rows = [];
            for (; rows.Count < most && block < blocks && Math.Min(contextLength, tokens - block * contextLength) == columns; block++)
                rows.Add(draw.Apply(Block(file, block * contextLength, columns), new SeededRandom(SeededRandom.Combine(Seed, block, 0))));
            long[] labels = [.. rows.SelectMany(row => row.Labels!)], places = [.. labels.Index().Where(label => label.Item != LogitLosses.NoTarget).Select(label => (long)label.Index)];
            if (places.Length == 0)
                continue;
            guessed += places.Length;
            nats += Nats(answer, [.. rows.SelectMany(row => row.Ids)], rows.Count, columns, places, [.. places.Select(place => labels[place])]);
        }
        return guessed > 0 ? Perplexity.OfNats(nats / guessed) : throw new ArgumentException(
            $"There are {tokens} tokens to measure the masked perplexity on, and none of them can be hidden. Use a larger held-out text.");
    }

    private static TokenBatch Block(TokenFile file, long offset, int count)
    {
        var ids = new int[count];
        file.Read(offset, ids);
        return new TokenBatch([.. ids.Select(id => (long)id)], [count], 1, count);
    }

    /// <summary>Σ −ln p of the targets, nats.</summary>
    private static double Nats(Func<ModelInput, long[], RowLogits> answer, long[] ids, int rows, int columns, long[] places, long[] targets)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        torch.Device device = Engine.Device.Default;
        RowLogits logits = answer(new ModelInput(tensor(ids, [rows, columns], device: device)), places);
        double nats = 0;
        for (int start = 0; start < targets.Length; start += LossHead.RowsPerChunk)
        {
            using DisposeScope chunk = NewDisposeScope();
            int count = Math.Min(LossHead.RowsPerChunk, targets.Length - start);
            nats += TokenLikelihood.Sum(new LossRows
            {
                StudentLogits = logits.Of(start, count, Precision.Float32, temperature: 1),
                Targets = tensor(targets[start..(start + count)], [count], device: device),
            }).cpu().item<float>();
        }
        return nats;
    }
}
