namespace WebDistill.Data;

/// <summary>One update of one run as it is shown. Key: (<see cref="StepNumbers.RunId"/>, <see cref="StepNumbers.Step"/>).</summary>
public sealed class StepRow : StepNumbers;

/// <summary>
/// An update that was recorded after the checkpoint from which a later attempt went on, and then made again: kept, and never shown. Key:
/// (<see cref="StepNumbers.RunId"/>, <see cref="StepNumbers.Attempt"/>, <see cref="StepNumbers.Step"/>).
/// </summary>
public sealed class SupersededRow : StepNumbers;

/// <summary>A StepReport's numbers of every update.</summary>
public abstract class StepNumbers
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>Update number, from 1.</summary>
    public int Step { get; set; }

    /// <summary>The attempt that made it, from 1; 0 where it was taken over from the run that this one is a branch of.</summary>
    public int Attempt { get; set; }

    /// <summary>Epochs finished, with fraction.</summary>
    public double Epoch { get; set; }

    /// <summary>Tokens trained on since the run began.</summary>
    public long TokensSeen { get; set; }

    /// <summary>The weighted sum that was minimised.</summary>
    public double TotalLoss { get; set; }

    /// <summary>Its other numbers in the order of the run's series (<see cref="StoredSeries"/>), as <see cref="PackedNumbers"/> packs them.</summary>
    public byte[] Values { get; set; } = [];
}
