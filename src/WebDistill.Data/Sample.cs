namespace WebDistill.Data;

/// <summary>
/// What teacher and student answered to one prompt of a run after an update. Key: (<see cref="RunId"/>, <see cref="Step"/>, <see cref="Place"/>). Those of
/// updates that are made again are made again with them.
/// </summary>
public sealed class Sample
{
    /// <summary>The run.</summary>
    public Guid RunId { get; set; }

    /// <summary>Updates done; 0 before the first one.</summary>
    public int Step { get; set; }

    /// <summary>Place of the prompt among those of the run, from 0.</summary>
    public int Place { get; set; }

    /// <summary>The attempt that made it; 0 where it was taken over from the run that this one is a branch of.</summary>
    public int Attempt { get; set; }

    /// <summary>What was answered.</summary>
    public required string Prompt { get; set; }

    /// <summary>What the teacher wrote; null without one.</summary>
    public string? Teacher { get; set; }

    /// <summary>What the student wrote: a JSON array with the text of each token.</summary>
    public required string Student { get; set; }

    /// <summary>The ids of these tokens, as <see cref="PackedNumbers"/> packs them.</summary>
    public byte[] Ids { get; set; } = [];

    /// <summary>KL(teacher ‖ student) at each of these tokens in nats, packed in the same way; null without a teacher.</summary>
    public byte[]? KlNats { get; set; }

    /// <summary>Its mean over these tokens, nats per token; null without a teacher.</summary>
    public double? MeanKlNats { get; set; }
}
