using System.Diagnostics;

namespace WebDistill.Distillation.Training;

/// <summary>The phases that an update's time is divided into.</summary>
internal enum Phase
{
    TeacherForward,
    StudentForward,
    HeadAndLosses,
    Backward,
    Optimiser,
}

/// <summary>A stopwatch with laps: the time since the last lap belongs to the phase that ends.</summary>
internal sealed class PhaseClock
{
    private readonly long[] _ticks = new long[Enum.GetValues<Phase>().Length];
    private long _last = Stopwatch.GetTimestamp();

    /// <summary>The phases so far.</summary>
    public StepPhases Phases => new(Seconds(Phase.TeacherForward), Seconds(Phase.StudentForward), Seconds(Phase.HeadAndLosses),
        Seconds(Phase.Backward), Seconds(Phase.Optimiser));

    /// <summary>Ends a phase.</summary>
    public void Lap(Phase phase)
    {
        long now = Stopwatch.GetTimestamp();
        _ticks[(int)phase] += now - _last;
        _last = now;
    }

    private double Seconds(Phase phase) => (double)_ticks[(int)phase] / Stopwatch.Frequency;
}
