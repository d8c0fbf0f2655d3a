using TorchSharp;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation;

/// <summary>Reads ids from an offset on.</summary>
public delegate void TokenReader(long offset, Span<int> ids);

/// <summary>A stretch of a text that passes the model at once.</summary>
/// <param name="Start">Offset of its first token.</param>
/// <param name="Length">Its tokens.</param>
/// <param name="FirstScored">Index in it of the first token whose prediction counts; those before are only looked back at.</param>
public readonly record struct TextWindow(long Start, int Length, int FirstScored)
{
    /// <summary>Predictions that count.</summary>
    public int Scored => Length - FirstScored;
}

/// <summary>
/// Negative log-likelihood of a text under a sliding window: windows of <c>context</c> tokens begin every <c>stride</c> tokens, and each
/// token counts in the first window that holds it. The first token of the text is never predicted; with stride = context, nor is the first
/// one of any window.
/// </summary>
/// <remarks>The protocol of Hugging Face's guide to perplexity of fixed-length models, with every token counted exactly once.</remarks>
public sealed class SlidingPerplexity
{
    private const int TokensPerPass = 4096;

    private readonly Func<int[], int, int, double> _natsOf;
    private readonly TokenReader _read;
    private readonly long _tokens;
    private readonly int _context;
    private readonly int _stride;

    /// <param name="read">Gives the text's ids.</param>
    /// <param name="tokens">Tokens of the text.</param>
    /// <exception cref="ArgumentException">Fewer than two tokens, or a context or stride that does not fit.</exception>
    public SlidingPerplexity(TextModel model, TokenReader read, long tokens, int context, int stride)
        : this(model.Architecture, (ids, rows, firstScored) => NegativeLogLikelihood(model, ids, rows, firstScored), read, tokens, context, stride)
    {
    }

    /// <summary>The same of what a teacher says, which need not be one model.</summary>
    /// <param name="teacher">Offers logits.</param>
    /// <inheritdoc cref="SlidingPerplexity(TextModel, TokenReader, long, int, int)"/>
    public SlidingPerplexity(Teacher teacher, TokenReader read, long tokens, int context, int stride)
        : this(teacher.Architecture, (ids, rows, firstScored) => NegativeLogLikelihood(teacher, ids, rows, firstScored), read, tokens, context, stride)
    {
    }

    private SlidingPerplexity(Architecture architecture, Func<int[], int, int, double> natsOf, TokenReader read, long tokens, int context, int stride)
    {
        if (context < 2 || context > architecture.Positions)
            throw new ArgumentException(
                $"The context length is {context}, expected 2 to the model's n_positions {architecture.Positions}.");
        if (stride < 1 || stride > context)
            throw new ArgumentException($"The stride is {stride}, expected 1 to the context length {context}.");
        if (tokens < 2)
            throw new ArgumentException(
                $"There are {tokens} tokens to measure the perplexity on, expected at least 2. Use a larger held-out text.");
        (_natsOf, _read, _tokens, _context, _stride) = (natsOf, read, tokens, context, stride);
    }

    /// <summary>Windows in all: 1 + ⌈(tokens − context) / stride⌉.</summary>
    public long Windows => _tokens <= _context ? 1 : 1 + (_tokens - _context + _stride - 1) / _stride;

    /// <summary>Windows done.</summary>
    public long Done { get; set; }

    /// <summary>Σ −ln p over the predictions so far, nats.</summary>
    public double SumNats { get; set; }

    /// <summary>Predictions so far.</summary>
    public long Predicted { get; set; }

    /// <summary>The window of that number.</summary>
    public TextWindow Window(long index)
    {
        long start = index * _stride;
        int length = (int)Math.Min(_context, _tokens - start);
        return new TextWindow(start, length, index == 0 ? 1 : Math.Max(1, _context - _stride));
    }

    /// <summary>Scores the next windows: as many of one shape as a pass may hold.</summary>
    public void Advance()
    {
        TextWindow first = Window(Done);
        int most = Math.Max(1, TokensPerPass / _context);
        int rows = 1;
        while (rows < most && Done + rows < Windows && Window(Done + rows) is var next
            && (next.Length, next.FirstScored) == (first.Length, first.FirstScored))
            rows++;
        if (first.Scored > 0)
        {
            var ids = new int[rows * first.Length];
            for (int row = 0; row < rows; row++)
                _read(Window(Done + row).Start, ids.AsSpan(row * first.Length, first.Length));
            SumNats += _natsOf(ids, rows, first.FirstScored);
            Predicted += (long)rows * first.Scored;
        }
        Done += rows;
    }

    /// <summary>Σ −ln p of the tokens from <paramref name="firstScored"/> on, in each of <paramref name="rows"/> equally long rows,
    /// nats.</summary>
    private static double NegativeLogLikelihood(TextModel model, int[] ids, int rows, int firstScored)
    {
        (int scored, long[] targets) = Targets(ids, rows, firstScored);
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = EvaluationPass.Hidden(model, ids, rows);
        using IDisposable noGradient = no_grad();
        // The prediction of a token stands where the one before it was read.
        hidden = hidden.narrow(1, firstScored - 1, scored).contiguous().view(-1, model.Architecture.Width);
        var head = new LossHeadInput(hidden, model.Head!, null, null, targets);
        return ProjectionHead.Run(head, [new LossTerm(new CausalLanguageModel(), 1)], gradients: false).Sums[0];
    }

    private static double NegativeLogLikelihood(Teacher teacher, int[] ids, int rows, int firstScored)
    {
        (int scored, long[] targets) = Targets(ids, rows, firstScored);
        int columns = ids.Length / rows;
        long[] input = [.. ids.Select(id => (long)id)];
        long[] places = [.. Enumerable.Range(0, targets.Length).Select(i => (long)(i / scored) * columns + firstScored - 1 + i % scored)];
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        RowLogits logits = teacher.Answer(new ModelInput(tensor(input, [rows, columns], device: Engine.Device.Default)), places, targets: null, Wants.Logits, isByRows: true).Logits!;
        double nats = 0;
        for (int start = 0; start < targets.Length; start += LossHead.RowsPerChunk)
        {
            using DisposeScope chunk = NewDisposeScope();
            int count = Math.Min(LossHead.RowsPerChunk, targets.Length - start);
            var seen = new LossRows
            {
                StudentLogits = logits.Of(start, count, Precision.Float32, temperature: 1),
                Targets = tensor(targets[start..(start + count)], [count], device: Engine.Device.Default),
            };
            nats += TokenLikelihood.Sum(seen).cpu().item<float>();
        }
        return nats;
    }

    /// <summary>How many tokens of a row count, and the ids of them all.</summary>
    private static (int Scored, long[] Ids) Targets(int[] ids, int rows, int firstScored)
    {
        int columns = ids.Length / rows, scored = columns - firstScored;
        return (scored, [.. Enumerable.Range(0, rows * scored).Select(i => (long)ids[i / scored * columns + firstScored + i % scored])]);
    }
}

/// <summary>A pass through a model without dropout and without gradients, for evaluations.</summary>
internal static class EvaluationPass
{
    /// <summary>Hidden states [rows, T, C] of equally long rows of ids, which stand one after the other.</summary>
    /// <exception cref="ArgumentException">The model cannot continue a text: its states have seen what is to be predicted.</exception>
    public static Tensor Hidden(TextModel model, ReadOnlySpan<int> ids, int rows)
    {
        model.RequireContinuing();
        var input = new long[ids.Length];
        for (int i = 0; i < ids.Length; i++)
            input[i] = ids[i];
        using IDisposable noGradient = no_grad();
        bool wasTraining = model.training;
        model.eval();
        try
        {
            return model.Hidden(new ModelInput(tensor(input, [rows, ids.Length / rows], device: Engine.Device.Default)));
        }
        finally
        {
            model.train(wasTraining);
        }
    }
}
