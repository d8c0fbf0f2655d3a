namespace WebDistill.Web.Evaluations;

/// <summary>A request to measure a model.</summary>
public sealed record EvaluationRequest
{
    /// <summary>The model, or a run's checkpoint.</summary>
    public required Guid ModelId { get; init; }

    /// <summary>Name of an evaluation set.</summary>
    public required string Set { get; init; }

    /// <summary>The teacher, for a set that compares two models.</summary>
    public Guid? ReferenceModelId { get; init; }

    /// <summary>A data set whose held-out tokens are the text, for a set that reads any text; all its tokens when none are held out.</summary>
    public Guid? DatasetId { get; init; }

    /// <summary>A text file of the evaluation folder, instead of a data set.</summary>
    public string? FileName { get; init; }

    /// <summary>Tokens of a window; null takes the model's n_positions.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Tokens from one window to the next, for a set that slides one; null takes half the context.</summary>
    public int? Stride { get; init; }
}
