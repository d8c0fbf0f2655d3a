using TorchSharp;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Evaluation;

/// <summary>What a student, and its teacher, predict on a piece of text: at each of its positions the token that follows.</summary>
/// <param name="Tokens">Positions.</param>
/// <param name="Temperature">T of the run's softened distributions, at which the entropies are; 1 where nothing is softened.</param>
/// <param name="StudentEntropyNats">Mean entropy of softmax(student / T), nats per token.</param>
/// <param name="Teacher">The comparison with the teacher; null without one, or with one that gives no logits.</param>
public sealed record PredictionDiagnosis(int Tokens, double Temperature, double StudentEntropyNats, TeacherComparison? Teacher)
{
    // Both models' logits of a piece: 16 MiB, unless one row is more.
    private const int LogitsPerPiece = 1 << 21;

    /// <summary>Measures both models in one pass each, without gradients and without dropout, their logits a piece at a time.</summary>
    /// <param name="ids">Rows of equal length, one after the other.</param>
    /// <exception cref="OperationCanceledException">Cancelled, between the passes or two pieces.</exception>
    internal static PredictionDiagnosis Measure(
        TextModel student, Teacher? teacher, ReadOnlySpan<int> ids, int rows, double temperature, CancellationToken cancel)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        int count = ids.Length, vocabulary = student.Architecture.VocabularySize;
        long[] positions = new long[count], input = new long[count];
        for (int i = 0; i < count; i++)
            (positions[i], input[i]) = (i, ids[i]);
        Tensor hidden = EvaluationPass.Hidden(student, ids, rows).view(-1, student.Architecture.Width);
        cancel.ThrowIfCancellationRequested();
        RowLogits? ofTeacher = teacher is not null && teacher.Offers.HasFlag(Wants.Logits)
            ? teacher.Answer(new ModelInput(tensor(input, [rows, count / rows], device: Engine.Device.Default)), positions, targets: null, Wants.Logits, isByRows: true).Logits
            : null;

        var measured = new Row[count];
        int piece = Math.Max(1, LogitsPerPiece / vocabulary);
        for (int start = 0; start < count; start += piece)
        {
            cancel.ThrowIfCancellationRequested();
            int taken = Math.Min(piece, count - start), first = start;
            float[] studentLogits = Array(student.Logits(hidden.narrow(0, start, taken)));
            float[]? teacherLogits = ofTeacher is null ? null : Array(ofTeacher.Of(start, taken, Precision.Float32, temperature: 1));
            float[]? softenedLogits = ofTeacher is EnsembleLogits && temperature != 1 ? Array(ofTeacher.Of(start, taken, Precision.Float32, temperature)) : teacherLogits;
            Parallel.For(0, taken, new ParallelOptions { MaxDegreeOfParallelism = Engine.Device.Threads }, i => measured[first + i] = Compare(
                studentLogits.AsSpan(i * vocabulary, vocabulary), RowOf(teacherLogits, i), temperature, RowOf(softenedLogits, i)));
        }
        return new PredictionDiagnosis(count, temperature, measured.Average(row => row.StudentEntropyNats), ofTeacher is null ? null : new TeacherComparison(
            measured.Average(row => row.TeacherEntropyNats), measured.Average(row => row.Agrees ? 1.0 : 0.0), Divergence.Of(measured.Select(row => row.KlNats)),
            temperature == 1 ? null : Divergence.Of(measured.Select(row => row.SoftenedKlNats)), ConfidenceBin.Of(measured.Select(row => (row.Confidence, row.Agrees)))));

        ReadOnlySpan<float> RowOf(float[]? logits, int i) => logits is null ? default : logits.AsSpan(i * vocabulary, vocabulary);

        static float[] Array(Tensor logits)
        {
            using (logits)
                return ParameterData.ToArray(logits);
        }
    }

    /// <summary>One position.</summary>
    /// <param name="teacher">Empty without one.</param>
    /// <param name="softened">Logits whose softmax at that temperature is the teacher's; empty where they are the same, as they are but of several teachers, which are mixed at
    /// each temperature.</param>
    internal static Row Compare(ReadOnlySpan<float> student, ReadOnlySpan<float> teacher, double temperature, ReadOnlySpan<float> softened = default)
    {
        SoftenedLogits softStudent = new(student, temperature);
        if (teacher.IsEmpty)
            return new Row { StudentEntropyNats = softStudent.EntropyNats() };
        SoftenedLogits ofTeacher = new(teacher), softTeacher = new(softened.IsEmpty ? teacher : softened, temperature);
        int likeliest = NextTokenLogits.Likeliest(teacher);
        double kl = ofTeacher.KlNats(new SoftenedLogits(student));
        return new Row
        {
            StudentEntropyNats = softStudent.EntropyNats(), TeacherEntropyNats = softTeacher.EntropyNats(), KlNats = kl,
            SoftenedKlNats = temperature == 1 ? kl : softTeacher.KlNats(softStudent),
            Agrees = NextTokenLogits.Likeliest(student) == likeliest, Confidence = Math.Exp(ofTeacher.LogProbability(likeliest)),
        };
    }

    /// <summary>What is measured at one position; all but the student's entropy 0 without a teacher.</summary>
    internal readonly record struct Row
    {
        public double StudentEntropyNats { get; init; }

        public double TeacherEntropyNats { get; init; }

        public double KlNats { get; init; }

        public double SoftenedKlNats { get; init; }

        public bool Agrees { get; init; }

        public double Confidence { get; init; }
    }
}

/// <summary>How far a student's predictions are from its teacher's.</summary>
/// <param name="EntropyNats">Mean entropy of softmax(teacher / T), nats per token.</param>
/// <param name="Agreement">Share of the positions at which both hold the same token for the likeliest, 0 to 1.</param>
/// <param name="Kl">KL(teacher ‖ student) at temperature 1.</param>
/// <param name="SoftenedKl">The same of the distributions at the run's T; null where that is 1.</param>
/// <param name="ByConfidence">Agreement by the probability that the teacher gives its likeliest token, ten bins of equal width from 0 to 1.</param>
public sealed record TeacherComparison(
    double EntropyNats, double Agreement, Divergence Kl, Divergence? SoftenedKl, IReadOnlyList<ConfidenceBin> ByConfidence);

/// <summary>Positions at which the teacher is about as sure.</summary>
/// <param name="Tokens">How many.</param>
/// <param name="Agreeing">At how many of them student and teacher hold the same token for the likeliest.</param>
public sealed record ConfidenceBin(int Tokens, int Agreeing)
{
    /// <summary>Bins from 0 to 1.</summary>
    public const int Count = 10;

    internal static IReadOnlyList<ConfidenceBin> Of(IEnumerable<(double Confidence, bool Agrees)> positions)
    {
        int[] tokens = new int[Count], agreeing = new int[Count];
        foreach ((double confidence, bool agrees) in positions)
        {
            // NaN is no confidence at all.
            int bin = confidence > 0 ? Math.Min(Count - 1, (int)(confidence * Count)) : 0;
            tokens[bin]++;
            agreeing[bin] += agrees ? 1 : 0;
        }
        return [.. tokens.Zip(agreeing, (all, same) => new ConfidenceBin(all, same))];
    }
}

/// <summary>KL divergences per token, nats: their mean, two of their quantiles, and how often which size occurs.</summary>
/// <param name="MedianNats">Half of the positions have no more.</param>
/// <param name="P90Nats">Nine tenths of the positions have no more.</param>
/// <param name="Counts">Positions below the first of <see cref="EdgesNats"/>, between each two, and from the last one on, where also those stand
/// that are not a number.</param>
public sealed record Divergence(double MeanNats, double MedianNats, double P90Nats, IReadOnlyList<int> Counts)
{
    private const int LowestDecade = -4, HighestDecade = 2, PerDecade = 3;

    /// <summary>Edges of the bins, the same for every run: three to a decade, from 1e-4 to 100 nats.</summary>
    public static IReadOnlyList<double> EdgesNats { get; } =
        [.. Enumerable.Range(0, (HighestDecade - LowestDecade) * PerDecade + 1).Select(i => Math.Pow(10, LowestDecade + (double)i / PerDecade))];

    internal static Divergence Of(IEnumerable<double> nats)
    {
        double[] sorted = [.. nats];
        Array.Sort(sorted, Files.NotFinite.NaNLast);
        var counts = new int[EdgesNats.Count + 1];
        foreach (double one in sorted)
            counts[double.IsNaN(one) ? EdgesNats.Count : EdgesNats.Count(edge => one >= edge)]++;
        return new Divergence(sorted.Average(), Quantile(sorted, 0.5), Quantile(sorted, 0.9), counts);
    }

    // The smallest number that so many are not above.
    private static double Quantile(double[] sorted, double share) => sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Length) - 1)];
}
