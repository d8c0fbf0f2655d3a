using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>A loss over rows and the factor of its sum in the number that is differentiated.</summary>
/// <param name="Parameters">Null takes those that the loss has by default.</param>
/// <param name="IsRestricted">Whether rows without a target are left out, where the loss would count them.</param>
internal readonly record struct LossTerm(RowLoss Loss, double Scale, object? Parameters = null, bool IsRestricted = false)
{
    public object? Parameters { get; } = Parameters ?? Loss.Parameters;

    /// <summary>Whether only rows with a target are looked at.</summary>
    public bool IsAtTargets => IsRestricted || Loss.CountsTargets;
}

/// <summary>What the output projection and the losses work on. N rows (tokens without padding), C and D widths, V vocabulary.</summary>
/// <param name="StudentHidden">[N, C], detached: its gradient is returned, not propagated.</param>
/// <param name="StudentHead">[V, C], the output projection; its gradient is added to <c>grad</c>. Null where the logits are more than its product with the hidden states.</param>
/// <param name="TeacherHidden">[N, D]; null without a teacher that has them.</param>
/// <param name="TeacherLogits">Of the same N rows; null without a teacher.</param>
/// <param name="Targets">The id that follows each row, <see cref="LogitLosses.NoTarget"/> where none does.</param>
internal sealed record LossHeadInput(Tensor StudentHidden, Parameter? StudentHead, Tensor? TeacherHidden, RowLogits? TeacherLogits,
    long[] Targets, Precision Precision = Precision.Float32)
{
    /// <summary>T at which the teacher's logits are asked for: that of the softened cross-entropy, 1 without one.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Makes logits [n, V] of hidden states [n, C] where there is no <see cref="StudentHead"/>; gradients are added to <c>grad</c> of whatever it is made of.</summary>
    public Func<Tensor, Tensor>? StudentLogits { get; init; }

    /// <summary>Whether losses on logits are composed in 64 bits. Of a few classes that costs nothing, and at high temperatures a divergence is the small difference of large numbers.</summary>
    public bool IsExact { get; init; }

    /// <summary>The student's logits [n, V] of hidden states [n, C].</summary>
    public Tensor LogitsOf(Tensor hidden) => InNumbers(StudentHead is null ? StudentLogits!(hidden) : HeadLogits.Product(hidden, StudentHead, Precision));

    /// <summary>The teacher's logits of so many rows, [count, V].</summary>
    public Tensor TeacherLogitsOf(long start, long count) => InNumbers(TeacherLogits!.Of(start, count, Precision, Temperature));

    private Tensor InNumbers(Tensor logits) => IsExact ? logits.to(ScalarType.Float64) : logits;
}

/// <summary>What came out.</summary>
/// <param name="Sums">Un-scaled sum over the rows of each term, in the order of the terms.</param>
/// <param name="HiddenGradient">[N, C]: gradient of Σ scale·sum with respect to the student's hidden states; null if none was asked
/// for.</param>
internal sealed record LossHeadResult(double[] Sums, Tensor? HiddenGradient);

/// <summary>
/// Output projection and losses composed of tensor operations, a chunk of rows at a time: the logits of the whole batch never exist.
/// </summary>
internal static class LossHead
{
    /// <summary>Rows whose logits exist at the same time.</summary>
    public const int RowsPerChunk = 256;

    private const LossInputs AnyLogits = LossInputs.StudentLogits | LossInputs.TeacherLogits;

    /// <summary>Sums every term over all rows and, if asked, adds the gradients.</summary>
    public static LossHeadResult Compose(LossHeadInput input, IReadOnlyList<LossTerm> terms, bool gradients)
    {
        using DisposeScope scope = NewDisposeScope();
        // Whether or not the caller records: the head propagates its own gradient, and only that.
        using IDisposable recording = set_grad_enabled(gradients);
        LossInputs needs = Needs(terms), ofEveryRow = Needs([.. terms.Where(term => !term.IsAtTargets)]), ofTargets = Needs([.. terms.Where(term => term.IsAtTargets)]);
        Tensor? hiddenGradient = gradients ? zeros_like(input.StudentHidden) : null;
        Tensor? targets = needs.HasFlag(LossInputs.Targets)
            ? tensor(input.Targets, [input.Targets.Length], device: input.StudentHidden.device)
            : null;

        var sums = new double[terms.Count];
        for (long start = 0; start < input.StudentHidden.shape[0]; start += RowsPerChunk)
        {
            using DisposeScope chunkScope = NewDisposeScope();
            long count = Math.Min(RowsPerChunk, input.StudentHidden.shape[0] - start);
            // A leaf of its own, so that its gradient costs one chunk and not the whole batch.
            Tensor hidden = input.StudentHidden.narrow(0, start, count).detach();
            if (gradients)
                hidden.requires_grad_();
            // Logits of rows that no loss counts are not made: of a masked batch those are most of them.
            long[]? picked = ofTargets == LossInputs.None || (ofEveryRow & AnyLogits) != 0 ? null : WithTarget(input.Targets, start, count);
            LossRows? everywhere = null, atTargets = null;
            Tensor? total = null;
            for (int i = 0; i < terms.Count; i++)
            {
                bool isFew = terms[i].IsAtTargets && (picked is not null || terms[i].IsRestricted);
                LossRows? rows = isFew ? atTargets ??= Few() : everywhere ??= Rows(input, hidden, targets, picked is null ? needs : ofEveryRow, start, count);
                if (rows is null)
                    continue;
                Tensor sum = terms[i].Loss.Sum(rows, terms[i].Parameters);
                sums[i] += sum.detach().cpu().to(ScalarType.Float64).item<double>();
                total = total is null ? sum * terms[i].Scale : total + sum * terms[i].Scale;
            }
            if (gradients && total is not null)
            {
                try
                {
                    total.backward();
                }
                finally
                {
                    BackwardResults.End();
                }
                hiddenGradient!.narrow(0, start, count).copy_(hidden.grad!);
            }

            // Null where no row of the chunk has a target.
            LossRows? Few()
            {
                long[] places = picked ?? WithTarget(input.Targets, start, count);
                if (places.Length == 0)
                    return null;
                Tensor index = tensor(places, [places.Length], device: hidden.device);
                return picked is null ? (everywhere ??= Rows(input, hidden, targets, needs, start, count)).At(index)
                    : Rows(input, hidden, targets, ofTargets, start, count, index);
            }
        }
        return new LossHeadResult(sums, hiddenGradient?.MoveToOuterDisposeScope());
    }

    private static LossInputs Needs(IReadOnlyList<LossTerm> terms) => terms.Aggregate(LossInputs.None, (all, term) => all | term.Loss.Needs);

    private static long[] WithTarget(long[] targets, long start, long count) =>
        [.. Enumerable.Range(0, (int)count).Where(row => targets[start + row] != LogitLosses.NoTarget).Select(row => (long)row)];

    /// <param name="picked">The rows of the chunk that are wanted; null for all of them.</param>
    private static LossRows Rows(LossHeadInput input, Tensor hidden, Tensor? targets, LossInputs needs, long start, long count, Tensor? picked = null)
    {
        Tensor? teacher = null, teacherLogits = null;
        if ((needs & (LossInputs.TeacherHidden | LossInputs.TeacherLogits)) != 0)
        {
            using IDisposable noGradient = no_grad();
            if (needs.HasFlag(LossInputs.TeacherHidden))
                teacher = Picked(input.TeacherHidden!.narrow(0, start, count));
            if (needs.HasFlag(LossInputs.TeacherLogits))
                teacherLogits = Picked(input.TeacherLogitsOf(start, count));
        }
        Tensor own = Picked(hidden);
        return new LossRows
        {
            StudentHidden = own,
            StudentLogits = (needs & AnyLogits) != 0 ? input.LogitsOf(own) : null,
            TeacherHidden = teacher,
            TeacherLogits = teacherLogits,
            Targets = targets is null ? null : Picked(targets.narrow(0, start, count)),
        };

        Tensor Picked(Tensor rows) => picked is null ? rows : rows.index_select(0, picked);
    }
}
