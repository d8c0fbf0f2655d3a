using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Models;

namespace WebDistill.Web.Runs;

/// <summary>Runs whose student fills masked words, told by what is known of them without a look into their files.</summary>
internal static class MaskedRuns
{
    /// <summary>Whether a run's student fills masked words: by the family that is chosen, else by the teacher's, else by the loss that only such a student has.</summary>
    /// <param name="teacher">Null without one, and where it is not known.</param>
    public static bool FillsMasks(this RunOptions options, Model? teacher = null) =>
        options.Student.Family is string chosen && ModelFamilies.All.FirstOrDefault(family => family.Name == chosen) is { } known ? !known.ContinuesTexts
        : teacher is not null ? teacher.HeadKind() == ModelHead.MaskedToken
        : LossCatalogue.All.OfType<RowLoss>().Any(loss => loss.Predicts == ModelHead.MaskedToken && loss.Weight(options) > 0);
}
