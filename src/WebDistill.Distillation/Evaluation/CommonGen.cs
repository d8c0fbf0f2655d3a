using System.Globalization;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Evaluation.TextScores;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>CommonGen (Lin et al. 2020): a sentence of everyday life from three to five concepts.</summary>
/// <remarks>
/// The leader board fine-tunes models on the training pairs and scores with coverage, BLEU-4, CIDEr and SPICE on hidden references. A model
/// that was not trained on the form "concepts = sentence" is not comparable with it. SPICE needs a scene parser and is not computed.
/// </remarks>
public sealed class CommonGen : EvaluationSet
{
    private const int MaxNewTokens = 32;
    private const int ConceptSetsPerPass = 4;
    private const int SampleCount = 8;

    /// <inheritdoc/>
    public override string Name => "commongen";

    /// <inheritdoc/>
    public override string Title => "CommonGen";

    /// <inheritdoc/>
    public override string Purpose => "Whether a sensible sentence is made of given concepts.";

    /// <inheritdoc/>
    public override EvaluationSource Source => EvaluationSource.File;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files =>
        ["commongen/commongen.test.jsonl", "commongen/commongen.dev.jsonl", "commongen.test.jsonl", "commongen.dev.jsonl"];

    /// <inheritdoc/>
    public override string Origin => "CommonGen v1.0 (github.com/INK-USC/CommonGen, dataset/final_data)";

    /// <inheritdoc/>
    public override string Licence => "MIT";

    /// <inheritdoc/>
    public override void CheckFile(string path)
    {
        foreach (JsonLine line in JsonLines.Read(path))
            Parse(line);
    }

    /// <inheritdoc/>
    public override EvaluationTask Open(EvaluationInput input) => new Task(input, RequireTokenizer(input), RequireFile(input));

    private sealed record Item(string[] Concepts, string[] References)
    {
        // Alphabetic order, as the baselines' src_alpha files have it.
        public string Prompt => $"{string.Join(' ', Concepts.Order(StringComparer.Ordinal))} =";
    }

    private static Item Parse(JsonLine line)
    {
        string[] concepts = [.. line.Text("concept_set").Split('#').Select(concept => concept.Split('_')[0].Trim().ToLowerInvariant())];
        if (concepts.Any(concept => concept == ""))
            throw new InvalidDataException($"{line.Place}: a concept is blank, expected words joined by #, as in "
                + "'dog_N#run_V#field_N'.");
        return new Item(concepts, [.. line.Texts("scene",
            "reference sentences. The official test inputs have none: use the development set.")]);
    }

    private sealed record Progress(IReadOnlyList<string> Sentences, double ReferenceNats, long ReferenceTokens);

    private sealed class Task : EvaluationTask
    {
        private readonly TextModel _model;
        private readonly TextTokenizer _tokenizer;
        private readonly int _context;
        private readonly Item[] _items;
        private readonly List<string> _sentences = [];
        private double _referenceNats;
        private long _referenceTokens;

        public Task(EvaluationInput input, TextTokenizer tokenizer, string path)
        {
            (_model, _tokenizer, _context) = (input.Model, tokenizer, input.ContextLength);
            _items = [.. JsonLines.Read(path).Select(Parse)];
            if (input.Reached<Progress>() is Progress reached)
            {
                _sentences.AddRange(reached.Sentences);
                (_referenceNats, _referenceTokens) = (reached.ReferenceNats, reached.ReferenceTokens);
            }
        }

        public override long Done => _sentences.Count;

        public override long Total => _items.Length;

        public override void Advance()
        {
            foreach (Item item in _items.Skip(_sentences.Count).Take(ConceptSetsPerPass).ToArray())
            {
                IReadOnlyList<int> prompt = _tokenizer.Tokenizer.EncodeToIds(item.Prompt);
                if (prompt.Count + 2 > _context)
                    throw new InvalidDataException($"The concepts '{item.Prompt}' have {prompt.Count} tokens, expected at most "
                        + $"{_context - 2} in a context of {_context}. Choose a longer context.");
                ScoreReferences(prompt, item);
                _sentences.Add(Write(prompt));
            }
        }

        public override JsonElement State() => Json(new Progress(_sentences, _referenceNats, _referenceTokens));

        public override EvaluationResult Result()
        {
            ScoredPair[] pairs = [.. _items.Zip(_sentences, (item, sentence) =>
                new ScoredPair(ScoredText.Words(sentence), [.. item.References.Select(ScoredText.Words)]))];
            double coverage = _items.Zip(pairs, (item, pair) => (double)item.Concepts.Count(concept =>
                pair.Candidate.Any(word => ConceptForms.IsForm(word, concept))) / item.Concepts.Length).Average();
            return new EvaluationResult
            {
                Figures =
                [
                    new("Coverage", 100 * coverage, "% of the concepts", Better.Higher),
                    new("BLEU-4", 100 * Bleu.Score(pairs), "of 100", Better.Higher),
                    new("ROUGE-L", 100 * RougeL.Score(pairs), "of 100", Better.Higher),
                    new("CIDEr", Cider.Score(pairs), "of 10 (CIDEr-D)", Better.Higher),
                    EvaluationFigure.Perplexity("Perplexity of the references", _referenceNats / _referenceTokens, "per BPE token"),
                ],
                Counts =
                [
                    new("Concept sets", _items.Length),
                    new("References", _items.Sum(item => (long)item.References.Length)),
                    new("BPE tokens of the references", _referenceTokens),
                ],
                Protocol = string.Create(CultureInfo.InvariantCulture,
                    $"Without fine-tuning: the prompt is the concepts in alphabetic order and ' =', continued greedily up to a line break, the "
                    + $"end of the text, the end of a sentence or {MaxNewTokens} tokens. Words in lower case without punctuation. Coverage: "
                    + $"share of the concepts of which a form occurs (regular inflections and {ConceptForms.IrregularCount} irregular words; "
                    + $"the official script uses spaCy's lemmas). BLEU-4 of the corpus with the closest reference, ROUGE-L with β = 1.2, CIDEr-D "
                    + $"with σ = 6. References: −ln p of their tokens after the prompt. SPICE is not computed."),
                Samples = [.. _items.Zip(_sentences).Take(SampleCount).Select(pair =>
                    new EvaluationSample(pair.First.Prompt, pair.Second, pair.First.References[0]))],
            };
        }

        private void ScoreReferences(IReadOnlyList<int> prompt, Item item)
        {
            int[][] rows = [.. item.References.Select(reference =>
                new[] { prompt, _tokenizer.Tokenizer.EncodeToIds(" " + reference) }.SelectMany(ids => ids).Take(_context).ToArray())];
            int columns = rows.Max(row => row.Length);
            var ids = new int[rows.Length * columns];
            List<int> positions = [];
            List<int> targets = [];
            for (int row = 0; row < rows.Length; row++)
            {
                rows[row].CopyTo(ids, row * columns);
                for (int i = prompt.Count; i < rows[row].Length; i++)
                {
                    positions.Add(row * columns + i - 1);
                    targets.Add(rows[row][i]);
                }
            }
            float[] logits = NextTokenLogits.At(_model, ids, rows.Length, [.. positions]);
            int vocabulary = _model.Architecture.VocabularySize;
            for (int i = 0; i < targets.Count; i++)
            {
                ReadOnlySpan<float> row = logits.AsSpan(i * vocabulary, vocabulary);
                _referenceNats += NextTokenLogits.LogSumExp(row) - row[targets[i]];
            }
            _referenceTokens += targets.Count;
        }

        private string Write(IReadOnlyList<int> prompt)
        {
            var text = new StringBuilder();
            var decoder = new StreamingDecoder(_tokenizer.Vocabulary);
            var greedy = new GenerationOptions { Greedy = true, MaxNewTokens = Math.Min(MaxNewTokens, _context - prompt.Count) };
            foreach (GeneratedToken token in new TextGenerator(_model).Generate(prompt, greedy))
            {
                if (token.Id == _tokenizer.Vocabulary.EndOfTextId)
                    break;
                text.Append(decoder.Add(token.Id));
                if (EndOfSentence(text) is int end)
                    return text.ToString(0, end).Trim();
            }
            return text.Append(decoder.Flush()).ToString().Trim();
        }

        // The stop itself belongs to the sentence, a line break does not; a sentence has at least one word.
        private static int? EndOfSentence(StringBuilder text)
        {
            bool hasWord = false;
            for (int i = 0; i < text.Length; i++)
            {
                hasWord |= char.IsLetterOrDigit(text[i]);
                if (hasWord && text[i] == '\n')
                    return i;
                if (hasWord && text[i] is '.' or '!' or '?')
                    return i + 1;
            }
            return null;
        }
    }
}
