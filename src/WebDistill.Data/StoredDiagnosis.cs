namespace WebDistill.Data;

/// <summary>A look at the inside of a run. Key: (<see cref="DiagnosisOfStep.RunId"/>, <see cref="DiagnosisOfStep.Step"/>).</summary>
public sealed class StoredDiagnosis : DiagnosisOfStep;

/// <summary>
/// One at an update that was made again (<see cref="SupersededRow"/>): kept, and never shown. Key: (<see cref="DiagnosisOfStep.RunId"/>,
/// <see cref="DiagnosisOfStep.Attempt"/>, <see cref="DiagnosisOfStep.Step"/>).
/// </summary>
public sealed class SupersededDiagnosis : DiagnosisOfStep;

/// <summary>What was found at one update.</summary>
public abstract class DiagnosisOfStep
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>The update, from 1.</summary>
    public int Step { get; set; }

    /// <summary>The attempt that made it, from 1; 0 where it was taken over from the run that this one is a branch of.</summary>
    public int Attempt { get; set; }

    /// <summary>The engine's Diagnosis as JSON: about a hundred bytes for each layer and half a kilobyte of counts.</summary>
    public string Json { get; set; } = "";
}
