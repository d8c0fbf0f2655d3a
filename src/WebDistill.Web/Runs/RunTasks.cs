using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;

namespace WebDistill.Web.Runs;

/// <summary>What the student of a run does, told by what is known of it without a look into its files.</summary>
internal static class RunTasks
{
    /// <summary>What a run's student does: sort texts where classes were measured, else as its options say.</summary>
    public static ModelHead Task(this Run run) => run.ValidationOfClassesJson is not null || run.TeacherOfClassesJson is not null ? ModelHead.Classes : StoredOptions.Of(run).Task();

    /// <summary>What the student of a run with these options does: sort texts where only such a student can have its losses or be of its family, else by the family that is chosen, else as the teacher does, else by the
    /// loss that only such a student has.</summary>
    /// <param name="teacher">Null without one, and where it is not known.</param>
    public static ModelHead Task(this RunOptions options, Model? teacher = null)
    {
        ModelFamily? chosen = ModelFamilies.All.FirstOrDefault(family => family.Name == options.Student.Family);
        if (Has(ModelHead.Classes) || teacher?.HeadKind() == ModelHead.Classes || chosen is { PredictsTokens: false })
            return ModelHead.Classes;
        return (chosen is not null ? !chosen.ContinuesTexts : teacher is not null ? teacher.HeadKind() == ModelHead.MaskedToken : Has(ModelHead.MaskedToken)) ? ModelHead.MaskedToken : ModelHead.NextToken;

        bool Has(ModelHead head) => LossCatalogue.All.OfType<RowLoss>().Any(loss => loss.Predicts == head && loss.Weight(options) > 0);
    }
}
