using System.Text.Json.Serialization;
using TorchSharp;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Transforms;

/// <summary>
/// Low rank: W′ = Σ s_i u_i v_iᵀ over the r largest singular values of each matrix of the layers, merged again into one matrix of W's shape. |W − W′|² = Σ s_i² over the others, the least of any
/// matrix of that rank (Eckart and Young 1936).
/// </summary>
/// <remarks>GPT-2's fused projection of queries, keys and values is one matrix here. Singular values are computed in 64 bits.</remarks>
public sealed class LowRank : WeightTransform
{
    // What is left of a matrix of that rank after it was stored in 32 bits; nobody asks for less.
    private const double NothingLeft = 1e-12;

    /// <summary>How many singular values stay.</summary>
    [JsonNumberHandling(JsonNumberHandling.Strict)]
    public sealed record Truncated
    {
        /// <summary>r; null takes the energy.</summary>
        [Option("Rank", "Singular values that stay of each matrix; one that has fewer stays as it is. Blank takes the energy below.", Minimum = 1, Maximum = OptionLimits.Width,
            Usual = "Below mn/(m + n) of an m × n matrix, so that two factors are smaller than it: 384 of 768 × 768.", Advice = "the rank of each matrix")]
        public int? Rank { get; init; }

        /// <summary>e.</summary>
        [Option("Energy that stays", "Share of Σ s² that stays of each matrix at the least, with as few singular values as possible, where no rank is given.", Minimum = 0, Maximum = 1,
            ExcludesMinimum = true, ExcludesMaximum = true, Usual = "0.9 to 0.99.", Advice = "0.9 loses a tenth of the sum of squares", SliderMinimum = 0.5, SliderMaximum = 0.99, SliderStep = 0.01)]
        public double Energy { get; init; } = 0.9;
    }

    /// <inheritdoc/>
    public override string Name => "low-rank";

    /// <inheritdoc/>
    public override string Title => "Low rank by singular values";

    /// <inheritdoc/>
    public override string What => "Puts in the place of each matrix of the layers the nearest one of lower rank. The two factors are merged into a matrix of the old shape, so that the model is a plain one: it is neither smaller nor faster, "
        + "and what it shows is which rank it could do with.";

    /// <inheritdoc/>
    public override string Formula => "W′ = U_r S_r V_rᵀ; |W − W′|² = Σ s_i² over i > r";

    /// <inheritdoc/>
    public override string Source => "Eckart and Young 1936; Lan et al. 2019 for embeddings";

    /// <inheritdoc/>
    public override object Parameters => new Truncated();

    /// <inheritdoc/>
    public override OptionProblem? Mismatch(Architecture architecture, object parameters)
    {
        if (((Truncated)parameters).Rank is not int rank)
            return null;
        long most = LayerMatrix.Described(architecture, model => LayerMatrix.Of(model).Max(matrix => Math.Min(matrix.Outputs, matrix.Inputs)));
        return rank < most ? null : At("rank", $"The rank is {rank}, and no matrix of the layers has one above {most}; expected less than that. Choose 1 to {most - 1}.");
    }

    private protected override void Change(TextModel model, object parameters, TransformWork work)
    {
        var truncated = (Truncated)parameters;
        long factors = 0, whole = 0;
        double lost = 0, energy = 0;
        foreach (LayerMatrix matrix in work.Through(LayerMatrix.Of(model)))
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGradient = no_grad();
            (Tensor u, Tensor s, Tensor vh) = linalg.svd(matrix.ReadDoubles(), fullMatrices: false);
            double[] squares = [.. s.data<double>().ToArray().Select(value => value * value)];
            double ofAll = squares.Sum();
            int rank = truncated.Rank is int given ? Math.Min(given, squares.Length) : RankOf(squares, truncated.Energy);
            double tail = squares[rank..].Sum();
            if (tail > NothingLeft * ofAll)
            {
                Tensor product = (u.narrow(1, 0, rank) * s.narrow(0, 0, rank)).matmul(vh.narrow(0, 0, rank));
                matrix.Write(product.to(ScalarType.Float32).contiguous().data<float>().ToArray());
                work.Ranks[matrix.Name] = rank;
                lost += tail;
            }
            energy += ofAll;
            whole += matrix.Count;
            factors += Math.Min(matrix.Count, rank * (matrix.Outputs + matrix.Inputs));
        }
        work.Figures.Add(new TransformFigure("squaredError", "Squared error of all matrices", lost, "sum of squares"));
        work.Figures.Add(new TransformFigure("energyKept", "Energy that stayed", energy > 0 ? 1 - lost / energy : 1, "share"));
        work.Figures.Add(new TransformFigure("matrixNumbers", "Numbers in the matrices of the layers", whole, "numbers"));
        work.Figures.Add(new TransformFigure("factorNumbers", "Numbers in their factors, where two are fewer", factors, "numbers"));
    }

    /// <summary>The least r of which Σ s² over the first r is at least a share of all.</summary>
    /// <param name="squares">Descending.</param>
    internal static int RankOf(double[] squares, double energy)
    {
        double wanted = energy * squares.Sum(), sum = 0;
        int rank = 0;
        while (rank < squares.Length && (rank == 0 || sum < wanted))
            sum += squares[rank++];
        return rank;
    }
}
