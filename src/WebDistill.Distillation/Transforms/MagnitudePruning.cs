using System.Text.Json.Serialization;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms;

/// <summary>
/// Magnitude pruning: w′ = m·w, m = 0 for the share s of the weights that are smallest in magnitude. Of n weights round(s·n) become 0, halves to even, zeros that are there
/// included; of equal magnitudes the first ones.
/// </summary>
/// <remarks>Counted as torch.nn.utils.prune does; Sanh et al. 2020 keep ⌊(1 − s)·n⌋.</remarks>
public sealed class MagnitudePruning : WeightTransform
{
    /// <summary>How many, and among which.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Pruned
    {
        /// <summary>s.</summary>
        [Option("Sparsity", "Share of the weights in the matrices of the layers that become 0.", Minimum = 0, Maximum = 1, ExcludesMinimum = true, ExcludesMaximum = true,
            Usual = "0.5 costs little, 0.8 and above wants training afterwards (Zhu and Gupta 2017).", Advice = "0.5 makes every second weight 0", SliderMaximum = 0.95, SliderStep = 0.05)]
        public double Sparsity { get; init; } = 0.5;

        /// <summary>Among which weights.</summary>
        [Option("Smallest of", "Whether each matrix loses the same share, or all of them together, so that those of small weights lose more.",
            Usual = "EachMatrix; AllMatrices loses less at high sparsity, and can empty small layers.")]
        public PruningScope Scope { get; init; }

        /// <summary>Share of a matrix that stays in any case.</summary>
        [Option("Kept in each matrix", "Share of the weights of each matrix that stays in any case.", Minimum = 0, Maximum = 1, ExcludesMaximum = true,
            Usual = "0.005 (Sanh et al. 2020).", Advice = "0 lets a matrix become empty")]
        public double MinimumKept { get; init; } = 0.005;
    }

    /// <inheritdoc/>
    public override string Name => "magnitude-pruning";

    /// <inheritdoc/>
    public override string Title => "Magnitude pruning";

    /// <inheritdoc/>
    public override string What => "Sets the weights of smallest magnitude to 0. Neither the file nor the time of a dense product becomes smaller: what it shows is how much of the model is needed, and "
        + "what it leaves is where a training with the other weights begins.";

    /// <inheritdoc/>
    public override string Formula => "w′ = m·w, m = 0 for the share s of the smallest |w|";

    /// <inheritdoc/>
    public override string Source => "Han et al. 2015; Zhu and Gupta 2017";

    /// <inheritdoc/>
    public override object Parameters => new Pruned();

    private protected override void Check(object parameters, OptionProblems problems)
    {
        var pruned = (Pruned)parameters;
        if (pruned.Sparsity > 1 - pruned.MinimumKept)
            problems.Add("sparsity", $"The sparsity {pruned.Sparsity} leaves {1 - pruned.Sparsity:0.######} of the weights, expected at least {pruned.MinimumKept}, which is to stay in each matrix. "
                + "Choose a lower sparsity, or keep less in each matrix.");
    }

    /// <inheritdoc/>
    public override OptionProblem? Mismatch(Architecture architecture, object parameters)
    {
        var pruned = (Pruned)parameters;
        return LayerMatrix.Described(architecture, model =>
        {
            IReadOnlyList<LayerMatrix> matrices = LayerMatrix.Of(model);
            long wanted = matrices.Sum(matrix => ZeroCounts.Rounded(pruned.Sparsity, matrix.Count)), all = matrices.Sum(matrix => matrix.Count);
            if ((pruned.Scope == PruningScope.EachMatrix ? wanted : ZeroCounts.Rounded(pruned.Sparsity, all)) == 0)
                return At("sparsity", $"The sparsity {pruned.Sparsity} makes none of the {all} weights 0, expected at least one. Choose a higher one.");
            return ZeroCounts.IsTooMuch(pruned.Scope, [.. matrices.Select(matrix => matrix.Count)], count => ZeroCounts.Rounded(pruned.Sparsity, count), pruned.MinimumKept) ? At("sparsity", $"The sparsity {pruned.Sparsity} leaves fewer weights than the {pruned.MinimumKept} of each matrix that are to stay, in matrices as small as these. Choose a lower one.") : null;
        });
    }

    private protected override void Change(TextModel model, object parameters, TransformWork work)
    {
        var pruned = (Pruned)parameters;
        IReadOnlyList<LayerMatrix> matrices = LayerMatrix.Of(model);
        long[] zeros = ZeroCounts.Of(pruned.Scope, [.. matrices.Select(matrix => new RankedNumbers(matrix.Count, matrix.Read))], count => ZeroCounts.Rounded(pruned.Sparsity, count), pruned.MinimumKept,
            SmallestNumbers.ByMagnitude);
        foreach ((LayerMatrix matrix, long count) in work.Through([.. matrices.Zip(zeros)]))
        {
            float[] values = matrix.Read();
            SmallestNumbers.Of([() => values], count, SmallestNumbers.ByMagnitude).Mark(values, place => values[place] = 0);
            matrix.Write(values);
        }
        long weights = matrices.Sum(matrix => matrix.Count);
        work.Figures.Add(new TransformFigure("sparsity", "Zeros among the weights of the layers", (double)matrices.Sum(matrix => matrix.Read().LongCount(value => value == 0)) / weights, "share"));
    }
}
