using System.Globalization;

namespace WebDistill.Distillation.Training;

/// <summary>A loss or the gradient norm became NaN or infinite; the weights are those of the last good update.</summary>
public sealed class TrainingDivergedException(int step, string term, double value) : Exception(
    $"Update {step}: {term} is {value.ToString(CultureInfo.InvariantCulture)}, expected a finite number. "
    + "The run was stopped before the weights were changed. Try a smaller learning rate, and check that the models' weights are finite.")
{
    /// <summary>The update that failed, from 1.</summary>
    public int Step { get; } = step;

    /// <summary>Which number it was.</summary>
    public string Term { get; } = term;

    /// <summary>NaN or an infinity.</summary>
    public double Value { get; } = value;
}
