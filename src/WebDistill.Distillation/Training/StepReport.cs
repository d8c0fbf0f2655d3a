using WebDistill.Distillation.Losses;

namespace WebDistill.Distillation.Training;

/// <summary>The numbers of one update: all that leaves the loop. Two reports are equal when all their numbers are.</summary>
/// <param name="Step">Update number, from 1.</param>
/// <param name="Epoch">Epochs finished, with fraction.</param>
/// <param name="TokensSeen">Tokens trained on since the run began.</param>
/// <param name="TotalLoss">The weighted sum that was minimised.</param>
/// <param name="Values">Every other number under the name of its <see cref="StepSeries"/>: what was not measured in this update is missing. A loss
/// is the un-weighted mean over the update's tokens.</param>
public sealed record StepReport(int Step, double Epoch, long TokensSeen, double TotalLoss, IReadOnlyDictionary<string, double> Values)
{
    /// <summary>The number of that name; null where there is none.</summary>
    public double? this[string name] => Values.TryGetValue(name, out double value) ? value : null;

    /// <summary>The report with more numbers, or with others of the same names.</summary>
    public StepReport With(params ReadOnlySpan<(StepSeries Series, double Value)> more)
    {
        var values = new Dictionary<string, double>(Values);
        foreach ((StepSeries series, double value) in more)
            values[series.Name] = value;
        return this with { Values = values };
    }

    /// <summary>The same under the names of their series.</summary>
    public StepReport With(IReadOnlyDictionary<string, double> more)
    {
        var values = new Dictionary<string, double>(Values);
        foreach ((string name, double value) in more)
            values[name] = value;
        return this with { Values = values };
    }

    /// <inheritdoc/>
    public bool Equals(StepReport? other) => other is not null && Step == other.Step && Epoch.Equals(other.Epoch)
        && TokensSeen == other.TokensSeen && TotalLoss.Equals(other.TotalLoss) && Values.Count == other.Values.Count
        && Values.All(pair => other[pair.Key] is double value && value.Equals(pair.Value));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Step, TokensSeen, TotalLoss);
}
