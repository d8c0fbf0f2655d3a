using MathNet.Numerics.Distributions;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace WebDistill.Web.Sweeps;

/// <summary>
/// A Gaussian process over points of [0, 1]ᵈ with mean 0, variance 1 and the Matérn 5/2 kernel with one length scale for each dimension
/// (Rasmussen and Williams 2006, equations 4.17, 2.23, 2.24 and 2.30; the kernel for hyper-parameters: Snoek, Larochelle and Adams 2012):
/// k(x, x') = (1 + √5 r + 5 r² / 3) exp(-√5 r) with r² = Σ (xᵢ - x'ᵢ)² / ℓᵢ². With K the kernel of the measured points, N the diagonal matrix
/// of their noise and y what was measured: μ(x) = kᵀ (K + N)⁻¹ y and σ²(x) = 1 - kᵀ (K + N)⁻¹ k, k being the kernel of x with each of them.
/// </summary>
internal sealed class GaussianProcess
{
    /// <summary>Length scales that are tried, in units of a dimension's whole range.</summary>
    private static readonly double[] s_lengths = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2];

    private const int Rounds = 2;

    private readonly IReadOnlyList<double[]> _points;
    private readonly IReadOnlyList<double> _lengths;
    private readonly Cholesky<double> _factor;
    private readonly Vector<double> _weights;

    /// <param name="points">The measured points, at least one; all have as many coordinates.</param>
    /// <param name="values">y, one for each point.</param>
    /// <param name="noise">The variance of each value's noise; the points must differ where it is 0.</param>
    /// <param name="lengths">ℓ of each coordinate.</param>
    public GaussianProcess(IReadOnlyList<double[]> points, IReadOnlyList<double> values, IReadOnlyList<double> noise, IReadOnlyList<double> lengths)
    {
        (_points, _lengths) = (points, lengths);
        int n = points.Count;
        _factor = Matrix<double>.Build.Dense(n, n, (i, j) => Kernel(points[i], points[j]) + (i == j ? noise[i] : 0)).Cholesky();
        var measured = Vector<double>.Build.DenseOfEnumerable(values);
        _weights = _factor.Solve(measured);
        LogLikelihood = -0.5 * (measured.DotProduct(_weights) + _factor.DeterminantLn + (n * Math.Log(2 * Math.PI)));
    }

    /// <summary>ln p(y) = -½ yᵀ (K + N)⁻¹ y - ½ ln |K + N| - ½ n ln 2π: how well these length scales explain the values.</summary>
    public double LogLikelihood { get; }

    /// <summary>The process whose length scales explain the values best: from the best scale that all dimensions share on, one dimension after the other takes the best
    /// one of a fixed grid, twice.</summary>
    /// <param name="dimensionOf">The dimension that each coordinate belongs to, from 0; coordinates of one dimension share a length scale.</param>
    public static GaussianProcess Fit(IReadOnlyList<double[]> points, IReadOnlyList<double> values, IReadOnlyList<double> noise, IReadOnlyList<int> dimensionOf)
    {
        int dimensions = dimensionOf.Count == 0 ? 0 : dimensionOf.Max() + 1;
        double[] lengths = [.. Enumerable.Repeat(s_lengths[0], dimensions)];
        GaussianProcess best = Of(lengths);
        foreach (double shared in s_lengths)
            Try([.. Enumerable.Repeat(shared, dimensions)]);
        for (int dimension = 0; dimension < dimensions * Rounds; dimension++)
            foreach (double length in s_lengths)
                Try([.. lengths.Select((known, place) => place == dimension % dimensions ? length : known)]);
        return best;

        GaussianProcess Of(double[] tried) => new(points, values, noise, [.. dimensionOf.Select(dimension => tried[dimension])]);

        void Try(double[] tried)
        {
            GaussianProcess made = Of(tried);
            if (made.LogLikelihood > best.LogLikelihood)
                (best, lengths) = (made, tried);
        }
    }

    /// <summary>μ and σ² at a point.</summary>
    public (double Mean, double Variance) Predict(double[] at)
    {
        var kernel = Vector<double>.Build.Dense(_points.Count, i => Kernel(at, _points[i]));
        return (kernel.DotProduct(_weights), Math.Max(0, 1 - kernel.DotProduct(_factor.Solve(kernel))));
    }

    /// <summary>By how much a point is expected to lie below the lowest value y*, E[max(0, y* - f)] = (y* - μ) Φ(z) + σ φ(z) with
    /// z = (y* - μ) / σ (Jones, Schonlau and Welch 1998, equation 15).</summary>
    public static double ExpectedImprovement(double mean, double variance, double lowest)
    {
        if (variance <= 0)
            return Math.Max(0, lowest - mean);
        double deviation = Math.Sqrt(variance), z = (lowest - mean) / deviation;
        // Far above the lowest value both terms nearly cancel: rounding shall not make it negative.
        return Math.Max(0, ((lowest - mean) * Normal.CDF(0, 1, z)) + (deviation * Normal.PDF(0, 1, z)));
    }

    private double Kernel(double[] a, double[] b)
    {
        double squared = 0;
        for (int i = 0; i < a.Length; i++)
            squared += (a[i] - b[i]) * (a[i] - b[i]) / (_lengths[i] * _lengths[i]);
        double scaled = Math.Sqrt(5 * squared);
        return (1 + scaled + (5 * squared / 3)) * Math.Exp(-scaled);
    }
}
