using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Options;

/// <summary>What the options demand of each other.</summary>
public sealed partial record RunOptions
{
    private const int MaxNameCharacters = 200;

    /// <summary>Every problem of the options themselves: values out of range, and values that do not go together; empty when there is none.</summary>
    /// <remarks>
    /// Those of what they name (a way to begin, models, a corpus) are found by <c>RunPlan.Validate</c> and <c>RunPlan.Check</c>.
    /// </remarks>
    public IReadOnlyList<OptionProblem> Validate()
    {
        var problems = new OptionProblems();
        problems.AddRange(OptionSchema.Run.Problems(this));
        if (Name.Length > MaxNameCharacters)
            problems.Add(nameof(Name), $"The name has {Name.Length} characters, expected at most {MaxNameCharacters}. Shorten it.");
        else if (ForeignText.NameProblem(Name) is string unprintable)
            problems.Add(nameof(Name), unprintable);
        if (string.IsNullOrWhiteSpace(DatasetId))
            problems.Add(nameof(DatasetId), "No data set is chosen. Choose the text to train on.");
        if (TeacherId is not null && string.IsNullOrWhiteSpace(TeacherId))
            problems.Add(nameof(TeacherId), "The teacher's id is blank. Choose a teacher, or leave the field out to train from scratch.");
        if (StudentTeacherLayers is { Count: 0 })
            problems.Add(nameof(StudentTeacherLayers),
                "The list of teacher layers is empty. Name one layer per student layer, or leave it out for an even spacing.");
        else if (StudentTeacherLayers?.Any(layer => layer < 0) == true)
            problems.Add(nameof(StudentTeacherLayers),
                $"Teacher layer {StudentTeacherLayers.First(layer => layer < 0)} is negative. Layers are counted from 0.");
        if (StudentWidth is > 0 and int width && StudentHeads is > 0 and int heads && width % heads != 0)
            problems.Add(nameof(StudentHeads), $"{heads} heads do not divide the width {width}. Choose a number of heads that divides it.");
        if (ContextLength is int context && !problems.Names(nameof(ContextLength)) && context < SequenceMode.ShortestContext())
            problems.Add(nameof(ContextLength),
                $"The value is {context}, expected at least {SequenceMode.ShortestContext()} (tokens per sequence of the kind {SequenceMode}).");
        ValidateWeights(problems);
        return problems.Found;
    }

    private void ValidateWeights(OptionProblems problems)
    {
        string[] weights = [nameof(AlphaCe), nameof(AlphaClm), nameof(AlphaMse), nameof(AlphaCos)];
        if (weights.Any(problems.Names))
            return;
        if (TeacherId is null && AlphaClm == 0)
            problems.Add(nameof(AlphaClm),
                "The weight of the causal language-model loss is 0 and there is no teacher, so nothing would be minimised. Give it a "
                + "weight above 0.");
        else if (AlphaCe + AlphaClm + AlphaMse + AlphaCos == 0)
            problems.Add(nameof(AlphaCe),
                "All loss weights are 0, so nothing would be minimised. Give at least one of them a weight above 0.");
    }
}
