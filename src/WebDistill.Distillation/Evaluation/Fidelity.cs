using System.Globalization;
using System.Text;
using System.Text.Json;
using TorchSharp;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Text;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation;

/// <summary>
/// How closely a student follows its teacher, token by token, and not only how well it predicts: KL divergence, agreement of the likeliest
/// tokens, rank correlation, calibration; overall, by how frequent the predicted token is, and by position.
/// </summary>
/// <remarks>Stanton et al. 2021 (Does knowledge distillation really work?) for fidelity apart from generalisation; Guo et al. 2017 for the
/// calibration error.</remarks>
public sealed class Fidelity : EvaluationSet
{
    /// <summary>Tokens that are compared at most, from the start of the text.</summary>
    public const int MaxTokens = 50_000;

    private const int RowsPerChunk = 256;
    private const int TokensPerPass = 2048;
    private const int RankedTokens = 50;
    private const int CalibrationBins = 15;
    private const int MaxPositionGroups = 16;

    /// <inheritdoc/>
    public override string Name => "fidelity";

    /// <inheritdoc/>
    public override string Title => "Fidelity";

    /// <inheritdoc/>
    public override string Purpose => "How closely a student follows its teacher on held-out text, token by token.";

    /// <inheritdoc/>
    public override EvaluationSource Source => EvaluationSource.AnyText;

    /// <inheritdoc/>
    public override bool ComparesTwo => true;

    /// <inheritdoc/>
    public override EvaluationTask Open(EvaluationInput input)
    {
        TextTokenizer tokenizer = RequireTokenizer(input);
        TextModel teacher = input.Reference ?? throw new InvalidDataException("No teacher was named, expected the model to compare with.");
        if (teacher.Architecture.VocabularySize != input.Model.Architecture.VocabularySize)
            throw new InvalidDataException($"The student has {input.Model.Architecture.VocabularySize} tokens in its vocabulary and the teacher "
                + $"{teacher.Architecture.VocabularySize}, expected the same vocabulary.");
        if (input.ContextLength > teacher.Architecture.Positions)
            throw new InvalidDataException($"The context is {input.ContextLength}, expected at most the teacher's n_positions "
                + $"{teacher.Architecture.Positions}.");
        return new Task(input, teacher, input.Tokens is TokenFile tokens
            ? EvaluationTokens.Of(tokens, tokenizer)
            : EvaluationTokens.Of(Encoding.UTF8.GetString(EvaluationText.ReadBytes(RequireFile(input), EvaluationText.MaxBytes)), tokenizer));
    }

    /// <summary>What the two models say at one position.</summary>
    /// <param name="KlNats">KL(teacher ‖ student) = Σ p·(ln p − ln q), nats.</param>
    /// <param name="AgreesTop1">Whether the likeliest token is the same.</param>
    /// <param name="SharedTop5">Tokens that are among the five likeliest of both, as a share of five.</param>
    /// <param name="Spearman">Rank correlation of the student's logits on the teacher's 50 likeliest tokens.</param>
    internal readonly record struct Row(
        double KlNats, bool AgreesTop1, double SharedTop5, double Spearman, Prediction Teacher, Prediction Student);

    /// <summary>One model's prediction of one token.</summary>
    /// <param name="Nats">−ln p of the token that came.</param>
    /// <param name="Confidence">Probability of the likeliest token.</param>
    /// <param name="IsRight">Whether the likeliest token came.</param>
    internal readonly record struct Prediction(double Nats, double Confidence, bool IsRight);

    /// <summary>Compares two rows of logits [V] as predictions of a token.</summary>
    internal static Row Compare(ReadOnlySpan<float> teacher, ReadOnlySpan<float> student, int target)
    {
        SoftenedLogits ofTeacher = new(teacher), ofStudent = new(student);
        int[] ranked = TopTokens.Of(teacher, RankedTokens);
        int[] best = TopTokens.Of(student, 5);
        var studentLogits = new float[ranked.Length];
        for (int i = 0; i < ranked.Length; i++)
            studentLogits[i] = student[ranked[i]];
        int shared = ranked.Take(best.Length).Intersect(best).Count();
        return new Row(
            ofTeacher.KlNats(ofStudent), ranked[0] == best[0], (double)shared / best.Length, RankCorrelation(studentLogits),
            new Prediction(-ofTeacher.LogProbability(target), Math.Exp(ofTeacher.LogProbability(ranked[0])), ranked[0] == target),
            new Prediction(-ofStudent.LogProbability(target), Math.Exp(ofStudent.LogProbability(best[0])), best[0] == target));
    }

    /// <summary>
    /// Spearman's ρ between the order in which the values stand, which is the teacher's from likeliest on, and their own: the correlation of
    /// ranks, equal values sharing the mean of theirs; 1 for the same order, −1 for the reverse, 0 when all values are equal.
    /// </summary>
    internal static double RankCorrelation(ReadOnlySpan<float> values)
    {
        int n = values.Length;
        if (n < 2)
            return 1;
        float[] keys = values.ToArray();
        int[] order = [.. Enumerable.Range(0, n)];
        Array.Sort(keys, order); // Ascending: rank n − 1 − i from the likeliest.
        double product = 0, squares = 0, mean = (n - 1) / 2.0;
        for (int start = 0; start < n;)
        {
            int end = start;
            while (end + 1 < n && keys[end + 1] == keys[start])
                end++;
            double rank = n - 1 - (start + end) / 2.0 - mean;
            for (int i = start; i <= end; i++)
            {
                product += rank * (order[i] - mean);
                squares += rank * rank;
            }
            start = end + 1;
        }
        double ofOrder = n * ((double)n * n - 1) / 12;
        return squares == 0 ? 0 : product / Math.Sqrt(squares * ofOrder);
    }

    private static readonly (string Name, int AtLeast)[] s_frequencies =
        [("once", 1), ("2 to 9 times", 2), ("10 to 99 times", 10), ("100 to 999 times", 100), ("1000 times or more", 1000)];

    /// <summary>Sums over a group of tokens.</summary>
    private sealed record Sums
    {
        public long Tokens { get; set; }
        public double KlNats { get; set; }
        public long AgreesTop1 { get; set; }
        public double SharedTop5 { get; set; }
        public double Spearman { get; set; }
        public double TeacherNats { get; set; }
        public double StudentNats { get; set; }

        public void Add(Row row)
        {
            Tokens++;
            KlNats += row.KlNats;
            AgreesTop1 += row.AgreesTop1 ? 1 : 0;
            SharedTop5 += row.SharedTop5;
            Spearman += row.Spearman;
            TeacherNats += row.Teacher.Nats;
            StudentNats += row.Student.Nats;
        }
    }

    /// <summary>Predictions whose confidence lies in one of equal bins.</summary>
    private sealed record Calibration
    {
        public long[] Tokens { get; init; } = new long[CalibrationBins];
        public double[] Confidence { get; init; } = new double[CalibrationBins];
        public long[] Right { get; init; } = new long[CalibrationBins];

        public void Add(Prediction prediction)
        {
            int bin = Math.Min(CalibrationBins - 1, (int)(prediction.Confidence * CalibrationBins));
            Tokens[bin]++;
            Confidence[bin] += prediction.Confidence;
            Right[bin] += prediction.IsRight ? 1 : 0;
        }

        /// <summary>Σ over bins of (share of tokens)·|accuracy − mean confidence|.</summary>
        public double ExpectedError => Enumerable.Range(0, CalibrationBins).Sum(bin => Math.Abs(Right[bin] - Confidence[bin])) / Tokens.Sum();
    }

    private sealed record Progress(
        long Windows, Sums All, Sums[] ByFrequency, Sums[] ByPosition, Calibration Teacher, Calibration Student);

    private sealed class Task : EvaluationTask
    {
        private readonly TextModel _teacher;
        private readonly TextModel _student;
        private readonly EvaluationTokens _text;
        private readonly long _tokens;
        private readonly int _context;
        private readonly Dictionary<int, int> _occurrences = [];
        private Progress _reached;

        public Task(EvaluationInput input, TextModel teacher, EvaluationTokens text)
        {
            (_teacher, _student, _text, _context) = (teacher, input.Model, text, input.ContextLength);
            _tokens = Math.Min(MaxTokens, text.Count);
            var ids = new int[_tokens];
            text.Read(0, ids);
            foreach (int id in ids)
                _occurrences[id] = _occurrences.GetValueOrDefault(id) + 1;
            _reached = input.Reached<Progress>() ?? new Progress(
                0, new Sums(), [.. s_frequencies.Select(_ => new Sums())],
                [.. Enumerable.Range(0, Math.Min(MaxPositionGroups, _context - 1)).Select(_ => new Sums())], new Calibration(), new Calibration());
        }

        public override long Done => _reached.Windows;

        // A last window of one token has nothing to predict.
        public override long Total => (_tokens - 1 + _context - 1) / _context;

        public override void Advance()
        {
            long start = Done * _context;
            int columns = (int)Math.Min(_context, _tokens - start);
            int rows = (int)Math.Min(Math.Max(1, TokensPerPass / _context), (_tokens - start) / columns);
            var ids = new int[rows * columns];
            _text.Read(start, ids);
            // Every position but the last of its row predicts the next one.
            int[] before = [.. Enumerable.Range(0, ids.Length).Where(i => (i + 1) % columns != 0)];
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            Tensor teacher = EvaluationPass.Hidden(_teacher, ids, rows).view(-1, _teacher.Architecture.Width);
            Tensor student = EvaluationPass.Hidden(_student, ids, rows).view(-1, _student.Architecture.Width);
            foreach (int[] chunk in before.Chunk(RowsPerChunk))
            {
                float[] ofTeacher = NextTokenLogits.Of(_teacher, teacher, chunk), ofStudent = NextTokenLogits.Of(_student, student, chunk);
                int vocabulary = _teacher.Architecture.VocabularySize;
                var compared = new Row[chunk.Length];
                Parallel.For(0, chunk.Length, new ParallelOptions { MaxDegreeOfParallelism = Engine.Device.Threads }, i => compared[i] = Compare(
                    ofTeacher.AsSpan(i * vocabulary, vocabulary), ofStudent.AsSpan(i * vocabulary, vocabulary), ids[chunk[i] + 1]));
                for (int i = 0; i < chunk.Length; i++)
                    Add(compared[i], ids[chunk[i] + 1], position: (chunk[i] + 1) % columns);
            }
            _reached = _reached with { Windows = _reached.Windows + rows };
        }

        private void Add(Row row, int id, int position)
        {
            _reached.All.Add(row);
            _reached.ByFrequency[Array.FindLastIndex(s_frequencies, group => _occurrences[id] >= group.AtLeast)].Add(row);
            _reached.ByPosition[PositionGroup(position)].Add(row);
            _reached.Teacher.Add(row.Teacher);
            _reached.Student.Add(row.Student);
        }

        // Positions 1 to context − 1 are predicted, in groups of equal width.
        private int PositionGroup(int position) => (position - 1) * _reached.ByPosition.Length / (_context - 1);

        public override JsonElement State() => Json(_reached);

        public override EvaluationResult Result()
        {
            Sums all = _reached.All;
            double n = all.Tokens;
            return new EvaluationResult
            {
                Figures =
                [
                    new("Mean KL(teacher ‖ student)", all.KlNats / n, "nats/token", Better.Lower),
                    new("Top-1 agreement", 100 * all.AgreesTop1 / n, "% of the tokens", Better.Higher),
                    new("Top-5 agreement", 100 * all.SharedTop5 / n, "% of five tokens shared", Better.Higher),
                    new("Spearman of the top 50", all.Spearman / n, "ρ", Better.Higher),
                    new("Calibration error, student", 100 * _reached.Student.ExpectedError, "% (ECE)", Better.Lower),
                    new("Calibration error, teacher", 100 * _reached.Teacher.ExpectedError, "% (ECE)", Better.Lower),
                    EvaluationFigure.Perplexity("Perplexity, student", all.StudentNats / n, "per BPE token"),
                    EvaluationFigure.Perplexity("Perplexity, teacher", all.TeacherNats / n, "per BPE token"),
                ],
                Counts = [new("Predicted tokens", all.Tokens), new("Tokens of the text", _text.Count), new("Windows", _reached.Windows)],
                Protocol = string.Create(CultureInfo.InvariantCulture,
                    $"Both models read the first {_tokens} tokens of the text in windows of {_context} without overlap and predict every token "
                    + $"but the first of a window. Top-5 agreement: tokens that both have among their five likeliest. Spearman: rank correlation "
                    + $"of the logits on the teacher's {RankedTokens} likeliest tokens. Calibration error: {CalibrationBins} equal bins of the "
                    + $"probability of the likeliest token, against how often it came. Frequency: how often the token occurs in these tokens."),
                Breakdowns =
                [
                    .. ByGroup([.. s_frequencies.Select(group => group.Name)], _reached.ByFrequency, "how often the token occurs in the text"),
                    .. ByGroup([.. Enumerable.Range(0, _reached.ByPosition.Length).Select(PositionName)], _reached.ByPosition,
                        "position in the window, tokens"),
                    .. Reliability("student", _reached.Student),
                    .. Reliability("teacher", _reached.Teacher),
                ],
            };
        }

        private string PositionName(int group)
        {
            int[] positions = [.. Enumerable.Range(1, _context - 1).Where(position => PositionGroup(position) == group)];
            return positions.Length == 1 ? $"{positions[0]}" : $"{positions[0]}–{positions[^1]}";
        }

        private static IEnumerable<EvaluationBreakdown> ByGroup(string[] names, Sums[] groups, string by)
        {
            yield return Of("Mean KL(teacher ‖ student)", "nats/token", sums => sums.KlNats / sums.Tokens);
            yield return Of("Top-1 agreement", "%", sums => 100.0 * sums.AgreesTop1 / sums.Tokens);
            yield return Of("Top-5 agreement", "%", sums => 100 * sums.SharedTop5 / sums.Tokens);
            yield return Of("Spearman of the top 50", "ρ", sums => sums.Spearman / sums.Tokens);
            yield return Of("Loss, student", "nats/token", sums => sums.StudentNats / sums.Tokens);
            yield return Of("Loss, teacher", "nats/token", sums => sums.TeacherNats / sums.Tokens);

            EvaluationBreakdown Of(string name, string unit, Func<Sums, double> value) => new(name, by, unit, names,
                [.. groups.Select(sums => sums.Tokens)], [.. groups.Select(sums => sums.Tokens > 0 ? value(sums) : (double?)null)]);
        }

        private static IEnumerable<EvaluationBreakdown> Reliability(string model, Calibration calibration)
        {
            string[] bins = [.. Enumerable.Range(0, CalibrationBins).Select(bin => string.Create(CultureInfo.InvariantCulture,
                $"{100.0 * bin / CalibrationBins:F0}–{100.0 * (bin + 1) / CalibrationBins:F0} %"))];
            yield return Of($"Accuracy, {model}", bin => calibration.Right[bin]);
            yield return Of($"Confidence, {model}", bin => calibration.Confidence[bin]);

            EvaluationBreakdown Of(string name, Func<int, double> sum) => new(name, ReliabilityAxis, "%", bins, calibration.Tokens,
                [.. Enumerable.Range(0, CalibrationBins).Select(bin =>
                    calibration.Tokens[bin] > 0 ? 100 * sum(bin) / calibration.Tokens[bin] : (double?)null)]);
        }
    }

    /// <summary>What the breakdowns of a reliability diagram are by.</summary>
    public const string ReliabilityAxis = "probability of the likeliest token";
}
