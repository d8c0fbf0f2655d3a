using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation;

/// <summary>How large a model is and how fast this machine runs it.</summary>
public sealed class SizeAndSpeed : EvaluationSet
{
    private const int GeneratedTokens = 32;
    private const int MinRepeats = 3;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public override string Name => "speed";

    /// <inheritdoc/>
    public override string Title => "Size and speed";

    /// <inheritdoc/>
    public override string Purpose => "How large the model is, and how fast this machine reads and writes with it.";

    /// <inheritdoc/>
    public override EvaluationSource Source => EvaluationSource.None;

    /// <inheritdoc/>
    public override bool DependsOnMachine => true;

    /// <inheritdoc/>
    public override int ProtocolVersion => 2;

    /// <inheritdoc/>
    public override EvaluationTask Open(EvaluationInput input) => new Task(input);

    /// <summary>Of some repeats the median, the lowest and the highest, in the unit of the figure.</summary>
    private sealed record Repeats(double Median, double Lowest, double Highest);

    private sealed record Progress(IReadOnlyList<Repeats> Values);

    private sealed class Task : EvaluationTask
    {
        private readonly TextModel _model;
        private readonly int _context;
        private readonly int _generated;
        private readonly List<Repeats> _values = [];

        public Task(EvaluationInput input)
        {
            (_model, _context) = (input.Model, input.ContextLength);
            _generated = Math.Min(GeneratedTokens, _model.Architecture.Positions - 1);
            if (input.Reached<Progress>() is Progress reached)
                _values.AddRange(reached.Values);
        }

        public override long Done => _values.Count;

        public override long Total => 5;

        public override void Advance()
        {
            _values.Add(_values.Count switch
            {
                0 => TokensPerSecond(_context, () => Read(1)),
                1 => TokensPerSecond(8L * _context, () => Read(8)),
                2 => TokensPerSecond(_generated, () => Write(1)),
                3 => TokensPerSecond(8L * _generated, () => Write(8)),
                _ => Milliseconds(FirstToken),
            });
        }

        public override JsonElement State() => Json(new Progress(_values));

        public override EvaluationResult Result() => new()
        {
            Figures =
            [
                new("Parameters", _model.Architecture.ParameterCount, "parameters", Better.Lower),
                new("Weights in memory", sizeof(float) * _model.Architecture.ParameterCount, "bytes", Better.Lower),
                new("Keys and values of one text", CacheBytes, "bytes", Better.Lower),
                Measured("Reading, 1 text", _values[0], "tokens/s", Better.Higher),
                Measured("Reading, 8 texts", _values[1], "tokens/s", Better.Higher),
                Measured("Writing, 1 text", _values[2], "tokens/s", Better.Higher),
                Measured("Writing, 8 texts", _values[3], "tokens/s", Better.Higher),
                Measured("Time to the first token", _values[4], "ms", Better.Lower),
            ],
            Protocol = string.Create(CultureInfo.InvariantCulture,
                $"Median of at least {MinRepeats} repeats after one that is not counted, with the lowest and the highest, on {Engine.Device.Name}, float32. Reading: one forward "
                + $"pass of {_context} tokens per text, with the logits of the last position. Writing: {_generated} tokens per text, greedy, with "
                + $"cached keys and values, from one token on. First token: after a prompt of {PromptLength} tokens. Memory is the model's: "
                + $"its weights, and what it remembers of one text of {_model.Architecture.Positions} tokens while it writes."),
        };

        // Keys and values of every layer and position.
        private long CacheBytes => _model.Architecture.CachedNumbersPerToken * _model.Architecture.Positions * sizeof(float);

        private static EvaluationFigure Measured(string name, Repeats repeats, string unit, Better better) =>
            new(name, repeats.Median, unit, better, Lowest: repeats.Lowest, Highest: repeats.Highest);

        private int PromptLength => Math.Min(_context, _model.Architecture.Positions - 1);

        private static Repeats TokensPerSecond(long tokens, Action measured)
        {
            (double median, double shortest, double longest) = Seconds(measured);
            return new Repeats(tokens / median, tokens / longest, tokens / shortest);
        }

        private static Repeats Milliseconds(Action measured)
        {
            (double median, double shortest, double longest) = Seconds(measured);
            return new Repeats(1000 * median, 1000 * shortest, 1000 * longest);
        }

        private static Repeats Seconds(Action measured)
        {
            measured();
            List<double> seconds = [];
            for (long begun = Stopwatch.GetTimestamp(); seconds.Count < MinRepeats || Stopwatch.GetElapsedTime(begun) < s_patience;)
            {
                long started = Stopwatch.GetTimestamp();
                measured();
                seconds.Add(Stopwatch.GetElapsedTime(started).TotalSeconds);
            }
            seconds.Sort();
            return new Repeats(seconds[seconds.Count / 2], seconds[0], seconds[^1]);
        }

        private void Read(int rows) =>
            NextTokenLogits.At(_model, SomeIds(rows * _context), rows, [.. Enumerable.Range(1, rows).Select(row => row * _context - 1)]);

        private void Write(int rows)
        {
            using var cache = _model.CreateCache(rows);
            long[] next = [.. SomeIds(rows).Select(id => (long)id)];
            int vocabulary = _model.Architecture.VocabularySize;
            _model.eval();
            for (int written = 0; written < _generated; written++)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable noGradient = no_grad();
                Tensor hidden = _model.Hidden(new ModelInput(tensor(next, [rows, 1], device: Engine.Device.Default)), cache);
                float[] logits = ParameterData.ToArray(_model.Logits(hidden));
                for (int row = 0; row < rows; row++)
                    next[row] = NextTokenLogits.Likeliest(logits.AsSpan(row * vocabulary, vocabulary));
            }
        }

        private void FirstToken()
        {
            var options = new GenerationOptions { Greedy = true, MaxNewTokens = 1 };
            foreach (GeneratedToken _ in new TextGenerator(_model).Generate(SomeIds(PromptLength), options))
                break;
        }

        private int[] SomeIds(int count)
        {
            var random = new SeededRandom(count);
            return [.. Enumerable.Range(0, count).Select(_ => (int)(random.NextDouble() * _model.Architecture.VocabularySize))];
        }
    }
}
