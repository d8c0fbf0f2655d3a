using TorchSharp;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Training;

/// <summary>What a run minimises: its losses bound to its two models, with their weights and divisors.</summary>
internal sealed class Objective : IDisposable
{
    private readonly RunOptions _options;
    private readonly int _vocabularySize;
    private readonly bool _looksBack;
    private readonly bool _sortsTexts;
    private readonly Term[] _terms;
    private readonly object?[] _parameters;

    /// <summary>Binds the losses. What one draws for its parameters depends on the run's seed alone.</summary>
    /// <exception cref="ArgumentException">A loss cannot compare the two models, or looks at what the teacher does not offer.</exception>
    public Objective(TrainingParts parts, RunOptions options)
    {
        IReadOnlyList<Loss> losses = parts.Losses;
        (Losses, _options, _vocabularySize) = (losses, options, parts.Student.Architecture.LogitsPerRow);
        _sortsTexts = parts.Student.Architecture.Head == ModelHead.Classes;
        _looksBack = parts.Student.Architecture.Family.ContinuesTexts;
        OfStudent = losses.OfType<WholeLoss>().Aggregate(_sortsTexts ? Wants.Hidden | Wants.Pooled : Wants.Hidden, (all, loss) => all | loss.OfStudent);
        OfTeacher = losses.Aggregate(Wants.None, (all, loss) => all | loss.OfTeacher);
        if (losses.Select(loss => loss.Mismatch(options, parts.Student.Architecture, parts.Teacher?.Architecture)).FirstOrDefault(said => said is not null) is string mismatch)
            throw new ArgumentException(mismatch);
        bool isRestricted = options.Masking.RestrictToMask && parts.Student.Architecture.Head == ModelHead.MaskedToken;
        _terms = [.. losses.Select(loss => new Term(loss, loss.Weight(options), loss.ParametersIn(options), loss is WholeLoss whole ? Bind(whole) : null,
            isRestricted && loss is RowLoss rows && rows.Needs.HasFlag(LossInputs.TeacherLogits)))];
        _parameters = [.. _terms.Select(term => term.Parameters)];
        foreach (Loss loss in losses.Where(loss => parts.Teacher is Teacher teacher && (loss.OfTeacher & ~teacher.Offers) != 0))
            throw new ArgumentException($"The loss '{loss.Name}' ({loss.Title}) looks at the teacher's {loss.OfTeacher}, and the teacher offers {parts.Teacher!.Offers}. "
                + "Leave the loss out, or choose another teacher.");

        WholeLossModule Bind(WholeLoss loss)
        {
            manual_seed(options.Seed);
            Architecture student = parts.Student.Architecture;
            WholeLossModule module = loss.Bind(options, student, parts.Teacher?.Architecture);
            long registered = module.parameters().Sum(parameter => parameter.numel()), said = loss.ParameterCount(options, student, parts.Teacher?.Architecture);
            return registered == said ? module : throw new InvalidOperationException($"The loss '{loss.Name}' registered {registered} parameters and "
                + $"says that it has {said}: what a run needs is planned by what it says. Mend its {nameof(WholeLoss.ParameterCount)}.");
        }
    }

    /// <summary>The losses, in the order of every list of numbers here.</summary>
    public IReadOnlyList<Loss> Losses { get; }

    /// <summary>What the losses ask the student for.</summary>
    public Wants OfStudent { get; }

    /// <summary>What the losses ask the teacher for.</summary>
    public Wants OfTeacher { get; }

    /// <summary>Whether no loss looks at more than one row at a time.</summary>
    public bool IsByRows => _terms.All(term => term.Module is null);

    /// <summary>T of the softened distributions in the update that is made; 1 where nothing is softened.</summary>
    public double Temperature { get; private set; } = 1;

    /// <summary>An update begins: losses that change over a run take the parameters that they have in it.</summary>
    /// <param name="update">From 1.</param>
    /// <param name="updates">Of the whole run.</param>
    public void Begin(int update, int updates)
    {
        for (int k = 0; k < _terms.Length; k++)
            _parameters[k] = _terms[k].Loss.ParametersAt(_terms[k].Parameters, update, updates);
        Temperature = DistillationCrossEntropy.Temperature(Losses, _options, update, updates);
    }

    /// <summary>The weighted sum of the losses' means.</summary>
    public double Total(IReadOnlyList<double> means) => means.Zip(_terms, (mean, term) => term.Weight * mean).Sum();

    /// <summary>The parameters that losses brought, under the name of their loss. They do not decay: they are no part of the student.</summary>
    public IEnumerable<Moments> Parameters() => _terms.SelectMany(term => term.Module is null ? [] : term.Module.named_parameters()
        .Where(pair => pair.parameter.requires_grad)
        .Select(pair => new Moments($"losses.{term.Loss.Name}.{pair.name}", pair.parameter, 0) { Loss = term.Loss.Name }));

    /// <summary>Factor of the k-th loss's sum over one batch in its mean over the update.</summary>
    /// <remarks>
    /// Corrected: 1 / divisor of the whole update, so that every token weighs the same. Reference: 1 / (divisor of the batch · batches),
    /// and for the gradient <paramref name="batches"/> is the accumulation even where carried left-overs make an update longer.
    /// </remarks>
    public double Share(int k, LossCounts own, LossCounts total, int batches) => _options.Schedule.Semantics == TrainingSemantics.Corrected
        ? Inverse(Divisor(k, total))
        : Inverse(Divisor(k, own) * batches);

    /// <summary>Sums every loss over one micro-batch.</summary>
    /// <param name="rows">Its tokens without padding, or its texts where they are sorted into classes.</param>
    /// <param name="teacher">Null without a teacher, and where <see cref="IsByRows"/>.</param>
    /// <param name="ids">[B, T].</param>
    /// <param name="share">Factor of the k-th loss's sum in what is differentiated, its weight excluded.</param>
    public ObjectiveSums Sum(LossHeadInput rows, Outputs student, Outputs? teacher, TokenBatch batch, Tensor ids, Func<int, double> share)
    {
        int[] byRows = [.. Enumerable.Range(0, _terms.Length).Where(k => _terms[k].Module is null)];
        LossHeadResult head = ProjectionHead.Run(
            rows, [.. byRows.Select(k => new LossTerm((RowLoss)_terms[k].Loss, Scale(k), _parameters[k], _terms[k].IsRestricted))], gradients: true);
        var sums = new double[_terms.Length];
        for (int i = 0; i < byRows.Length; i++)
            sums[byRows[i]] = head.Sums[i] + BeyondMixture(_terms[byRows[i]].Loss, rows);

        return new ObjectiveSums(sums, head.HiddenGradient, IsByRows ? null : SumWhole());

        double Scale(int k) => _terms[k].Weight * share(k);

        Tensor SumWhole()
        {
            // What a loss computes on the way is freed at once, unless the backward pass keeps it.
            using DisposeScope scope = NewDisposeScope();
            var seen = new WholeBatch(ids, tensor(batch.IsToken(), [batch.Rows, batch.Columns], device: ids.device));
            Tensor? whole = null;
            for (int k = 0; k < _terms.Length; k++)
            {
                if (_terms[k].Module is not WholeLossModule module)
                    continue;
                Tensor sum = module.Sum(student, teacher, seen);
                sums[k] = sum.detach().cpu().item<float>();
                whole = whole is null ? sum * Scale(k) : whole + sum * Scale(k);
            }
            return whole!.MoveToOuterDisposeScope();
        }
    }

    // The mean of the divergences from several teachers is that of the divergence from their mixture and this, which has no gradient.
    private double BeyondMixture(Loss loss, LossHeadInput rows) =>
        loss is DistillationCrossEntropy && rows.TeacherLogits is EnsembleLogits { Combination: TeacherCombination.Losses } several
            ? Temperature * Temperature * several.DisagreementNats : 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Term term in _terms)
            term.Module?.Dispose();
    }

    private double Divisor(int k, LossCounts counts)
    {
        // Losses between layers count tokens whatever is predicted of them.
        LossCounts seen = _sortsTexts && _terms[k].Module is null ? counts.OfTexts() : _looksBack ? counts.LookingBack() : counts;
        return _terms[k].Loss.Divisor(_terms[k].IsRestricted ? seen with { Rows = seen.Targets } : seen, _parameters[k], _vocabularySize);
    }

    private static double Inverse(double divisor) => divisor == 0 ? 0 : 1 / divisor;

    /// <param name="IsRestricted">Whether the predictions are compared at guessed tokens alone.</param>
    private sealed record Term(Loss Loss, double Weight, object? Parameters, WholeLossModule? Module, bool IsRestricted);
}

/// <summary>What an objective is over one micro-batch.</summary>
/// <param name="Sums">Un-scaled sum of each loss.</param>
/// <param name="HiddenGradient">[N, C]: gradient of the losses over rows at what the student predicts from; null without such a loss.</param>
/// <param name="Whole">The scaled losses over the whole batch, a scalar to be differentiated; null without one.</param>
internal sealed record ObjectiveSums(double[] Sums, Tensor? HiddenGradient, Tensor? Whole);
