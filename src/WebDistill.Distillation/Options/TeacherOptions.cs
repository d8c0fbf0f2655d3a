using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>Whose predictions the student learns.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record TeacherOptions
{
    /// <summary>Id of the teacher model; null trains the student from scratch with the causal language-model loss alone.</summary>
    [Option("Teacher",
        "The model whose predictions the student learns to reproduce. Without one, a model is trained from scratch on the text alone.",
        IsChosen = true, IsFixedOnceBegun = true)]
    public string? ModelId { get; init; }

    internal void Validate(OptionProblems problems)
    {
        if (ModelId is not null && string.IsNullOrWhiteSpace(ModelId))
            problems.Add(OptionPath.Of(ModelId), "The teacher's id is blank. Choose a teacher, or leave the field out to train from scratch.");
    }
}
