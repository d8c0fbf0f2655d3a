using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Evaluation.ClassScores;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>How the models of a run are measured on what is held out of its data: what a task brings of its own to the loop.</summary>
/// <param name="OfModel">Measures a model.</param>
/// <param name="OfTeacher">Measures a teacher that offers logits.</param>
internal sealed record HeldOutMeasure(Func<TextModel, CancellationToken, ValidationScore> OfModel, Func<Teacher, CancellationToken, ValidationScore> OfTeacher)
{
    /// <summary>What a student of that head is measured by, as a sentence calls it, with the data that it is measured on.</summary>
    public static (string Figure, string Data) InWords(ModelHead head) => head switch
    {
        ModelHead.MaskedToken => ("masked perplexity", "text"),
        ModelHead.Classes => ("accuracy", "examples"),
        _ => ("perplexity", "text"),
    };

    /// <summary>That of a run; null where nothing is held out.</summary>
    public static HeldOutMeasure? Of(TrainingParts parts, RunOptions options, int contextLength)
    {
        int most = options.Schedule.ValidationMaxTokens;
        if (parts.HeldOutExamples is LabelledFile examples)
            return new((model, cancel) => ValidationScore.Of(ClassEvaluation.Measure(model, examples, contextLength, most, cancel)),
                (teacher, cancel) => ValidationScore.Of(ClassEvaluation.Measure(teacher, examples, contextLength, most, cancel)));
        if (parts.Validation is not TokenFile text)
            return null;
        return parts.Student.Architecture.Head == ModelHead.MaskedToken
            ? new((model, cancel) => ValidationScore.Of(MaskedPerplexity.Measure(model, text, contextLength, most, cancel)),
                (teacher, cancel) => ValidationScore.Of(MaskedPerplexity.Measure(teacher, text, contextLength, most, cancel)))
            : new((model, cancel) => ValidationScore.Of(Perplexity.Measure(model, text, contextLength, most, cancel)),
                (teacher, cancel) => ValidationScore.Of(Perplexity.Measure(teacher, text, contextLength, most, cancel)));
    }
}
