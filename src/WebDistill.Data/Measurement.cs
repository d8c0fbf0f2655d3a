namespace WebDistill.Data;

/// <summary>
/// A number that few updates have, or that a run has once (then <see cref="MeasuredNumber.Step"/> is 0). Key:
/// (<see cref="MeasuredNumber.RunId"/>, <see cref="MeasuredNumber.Name"/>, <see cref="MeasuredNumber.Step"/>).
/// </summary>
public sealed class Measurement : MeasuredNumber;

/// <summary>
/// A number of a <see cref="SupersededRow"/>. Key: (<see cref="MeasuredNumber.RunId"/>, <see cref="MeasuredNumber.Name"/>,
/// <see cref="MeasuredNumber.Attempt"/>, <see cref="MeasuredNumber.Step"/>).
/// </summary>
public sealed class SupersededMeasurement : MeasuredNumber;

/// <summary>A number and the one that it is the exponential of.</summary>
/// <param name="Step">The update after which it was measured.</param>
/// <param name="Logarithm">Null where an early version did not record it.</param>
public sealed record MeasuredPair(Guid RunId, int Step, double Value, double? Logarithm);

/// <summary>One number under the name of its series.</summary>
public abstract class MeasuredNumber
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>The series.</summary>
    public string Name { get; set; } = "";

    /// <summary>The update after which it was measured; 0 for what a run has once.</summary>
    public int Step { get; set; }

    /// <summary>The attempt that made the update.</summary>
    public int Attempt { get; set; }

    /// <summary>The number.</summary>
    public double Value { get; set; }
}
