using System.Globalization;
using System.Text.Json;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Models;

namespace WebDistill.Distillation.Evaluation;

/// <summary>
/// LAMBADA (Paperno et al. 2016), OpenAI's variant: the last word of a passage, which people guess only when they have read the whole of it.
/// </summary>
/// <remarks>
/// What counts as right differs between sources by more than ten points: OpenAI's table counts the last BPE token, EleutherAI's harness the
/// whole word. Both are given.
/// </remarks>
public sealed class Lambada : EvaluationSet
{
    private const int LinesPerPass = 8;
    private const int SampleCount = 5;

    /// <inheritdoc/>
    public override string Name => "lambada";

    /// <inheritdoc/>
    public override string Title => "LAMBADA";

    /// <inheritdoc/>
    public override string Purpose => "Whether the last word of a passage is guessed from the whole passage.";

    /// <inheritdoc/>
    public override EvaluationSource Source => EvaluationSource.File;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files => ["lambada/lambada_test.jsonl", "lambada_test.jsonl"];

    /// <inheritdoc/>
    public override string Origin => "lambada_test.jsonl of OpenAI's GPT-2 data (openaipublic.blob.core.windows.net/gpt-2/data)";

    /// <inheritdoc/>
    public override string Licence => "CC BY 4.0";

    /// <inheritdoc/>
    public override void CheckFile(string path)
    {
        foreach (JsonLine line in JsonLines.Read(path))
            Split(line);
    }

    private static (string Before, string Word) Split(JsonLine line)
    {
        string text = line.Text("text").TrimEnd();
        int space = text.LastIndexOf(' ');
        return space > 0 ? (text[..space], text[space..]) : throw new InvalidDataException($"{line.Place}: the text is one word, expected a passage and its last word.");
    }

    /// <inheritdoc/>
    public override EvaluationTask Open(EvaluationInput input) => new Task(input, RequireTokenizer(input).Tokenizer, RequireFile(input));

    private sealed record Progress(long Lines, long LastTokenHits, long WordHits, double LastTokenNats, double WordNats, long WordTokens);

    private sealed record Saved(Progress Reached, IReadOnlyList<EvaluationSample> Samples);

    private sealed record Passage(string Question, string Word, int[] Ids, int WordTokens);

    private sealed class Task : EvaluationTask
    {
        private readonly TextModel _model;
        private readonly Tokenizer _tokenizer;
        private readonly int _context;
        private readonly Passage[] _passages;
        private Progress _reached = new(0, 0, 0, 0, 0, 0);
        private readonly List<EvaluationSample> _samples = [];

        public Task(EvaluationInput input, Tokenizer tokenizer, string path)
        {
            (_model, _tokenizer, _context) = (input.Model, tokenizer, input.ContextLength);
            _passages = [.. JsonLines.Read(path).Select(Parse)];
            if (input.Reached<Saved>() is Saved saved)
            {
                _reached = saved.Reached;
                _samples.AddRange(saved.Samples);
            }
        }

        public override long Done => _reached.Lines;

        public override long Total => _passages.Length;

        public override void Advance()
        {
            Passage[] batch = [.. _passages.Skip((int)Done).Take(LinesPerPass)];
            int columns = batch.Max(passage => passage.Ids.Length);
            var ids = new int[batch.Length * columns];
            List<int> positions = [];
            for (int row = 0; row < batch.Length; row++)
            {
                int[] passage = batch[row].Ids;
                passage.CopyTo(ids, row * columns);
                for (int i = passage.Length - batch[row].WordTokens; i < passage.Length; i++)
                    positions.Add(row * columns + i - 1);
            }
            float[] logits = NextTokenLogits.At(_model, ids, batch.Length, [.. positions]);
            int vocabulary = _model.Architecture.VocabularySize, at = 0;
            foreach (Passage passage in batch)
            {
                double nats = 0, last = 0;
                List<int> guesses = [];
                int[] word = passage.Ids[^passage.WordTokens..];
                foreach (int id in word)
                {
                    ReadOnlySpan<float> row = logits.AsSpan(at++ * vocabulary, vocabulary);
                    nats += last = NextTokenLogits.LogSumExp(row) - row[id];
                    guesses.Add(NextTokenLogits.Likeliest(row));
                }
                _reached = new Progress(
                    _reached.Lines + 1,
                    _reached.LastTokenHits + (guesses[^1] == word[^1] ? 1 : 0),
                    _reached.WordHits + (guesses.SequenceEqual(word) ? 1 : 0),
                    _reached.LastTokenNats + last,
                    _reached.WordNats + nats,
                    _reached.WordTokens + word.Length);
                if (_samples.Count < SampleCount)
                    _samples.Add(new EvaluationSample(passage.Question, _tokenizer.Decode(guesses)!.Trim(), passage.Word));
            }
        }

        public override JsonElement State() => Json(new Saved(_reached, _samples));

        public override EvaluationResult Result()
        {
            double passages = _reached.Lines;
            return new EvaluationResult
            {
                Figures =
                [
                    new("Accuracy, last token", 100 * _reached.LastTokenHits / passages, "%", Better.Higher),
                    new("Accuracy, whole word", 100 * _reached.WordHits / passages, "%", Better.Higher),
                    EvaluationFigure.Perplexity("Perplexity of the word", _reached.WordNats / passages, "per word"),
                    EvaluationFigure.Perplexity("Perplexity of the last token", _reached.LastTokenNats / passages, "per BPE token"),
                ],
                Counts =
                [
                    new("Passages", _reached.Lines),
                    new("BPE tokens of the last words", _reached.WordTokens),
                    new("BPE tokens", _passages.Sum(passage => (long)passage.Ids.Length)),
                ],
                Protocol = string.Create(CultureInfo.InvariantCulture,
                    $"OpenAI's detokenised passages; what follows the last space is the word, the {_context} tokens up to its end are the "
                    + $"context. Last token: the likeliest id is the word's last BPE token, given the true ones before it (OpenAI's count). "
                    + $"Whole word: so for each of its tokens (EleutherAI's lambada_openai). Perplexity of the word: exp of the mean over "
                    + $"passages of Σ −ln p of its tokens."),
                Samples = _samples,
            };
        }

        private Passage Parse(JsonLine line)
        {
            (string question, string last) = Split(line);
            IReadOnlyList<int> before = _tokenizer.EncodeToIds(question), word = _tokenizer.EncodeToIds(last);
            if (word.Count >= _context)
                throw new InvalidDataException($"{line.Place}: the last word has {word.Count} tokens, expected fewer than the "
                    + $"context of {_context}. Choose a longer context.");
            int[] ids = [.. before, .. word];
            return new Passage(Shorten(question), last[1..], ids.Length > _context ? ids[^_context..] : ids, word.Count);
        }

        private static string Shorten(string text) => text.Length <= 160 ? text : $"… {text[^160..]}";
    }
}
