namespace WebDistill.Distillation.Training;

/// <summary>What teacher and student answer to the prompts of a run after an update.</summary>
/// <param name="Step">Updates done: 0 before the first one.</param>
/// <param name="Answers">One for each prompt, in their order.</param>
public sealed record SampleSet(int Step, IReadOnlyList<SampledAnswer> Answers)
{
    /// <summary>Mean of the answers' mean KL, each of the same weight, nats per token; null without a teacher.</summary>
    public double? MeanKlNatsPerToken => Answers.Average(answer => answer.MeanKlNatsPerToken);
}

/// <summary>The answers to one prompt.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Teacher">What the teacher writes; null without a teacher that writes.</param>
/// <param name="Student">What the student writes, token by token.</param>
public sealed record SampledAnswer(string Prompt, string? Teacher, IReadOnlyList<SampledToken> Student)
{
    /// <summary>Mean of KL(teacher ‖ student) over the student's tokens, nats per token; null without a teacher.</summary>
    public double? MeanKlNatsPerToken => Student.Average(token => token.KlNats);
}

/// <summary>A token that the student wrote.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token decoded alone.</param>
/// <param name="KlNats">KL(teacher ‖ student) of the two predictions for its place, both models having read the student's text, in nats at temperature 1; null
/// without a teacher.</param>
public sealed record SampledToken(int Id, string Text, double? KlNats);
