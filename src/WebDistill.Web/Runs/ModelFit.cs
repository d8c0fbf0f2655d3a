using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Students;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>
/// Options that a preset or a person chose for another model than the one that is chosen now: what this one cannot do is cut to what it can, and said. What
/// is typed afterwards is not touched: then it is a problem of its field.
/// </summary>
internal static class ModelFit
{
    private static readonly IReadOnlyList<RowLoss> s_predicting = [.. LossCatalogue.All.OfType<RowLoss>().Where(loss => loss.Predicts is not null)];

    /// <summary>Changes the draft.</summary>
    /// <param name="first">The model whose weights the student starts from; null where it begins otherwise.</param>
    /// <returns>What became of each field that was changed, and why.</returns>
    /// <param name="sortsTexts">Whether the data set holds labelled examples, whose classes are learned whatever the model that the student starts from does.</param>
    public static IEnumerable<(string Field, string Said)> Apply(RunDraft draft, Model? teacher, Model? first, bool sortsTexts = false)
    {
        List<(string, string)> changed = [];
        (string who, int positions) = teacher is null || first?.ContextLength < teacher.ContextLength
            ? ("the model that the student starts from", first?.ContextLength ?? int.MaxValue) : ("the teacher", teacher.ContextLength);
        if (Number(draft["data.contextLength"]) is int context && context > positions)
            Change("data.contextLength", positions.ToString(CultureInfo.InvariantCulture),
                $"{Figures.Count(context)} became {Figures.Count(positions)}: {who} has {Figures.Count(positions)} positions.");
        // The text is learned by the one loss that fits what the models do.
        if (!sortsTexts && (teacher ?? first)?.HeadKind() is ModelHead does && does != ModelHead.Classes && s_predicting.FirstOrDefault(loss => loss.Predicts == does) is RowLoss fitting)
        {
            foreach (RowLoss other in s_predicting.Where(loss => loss != fitting && draft[loss.Fields[0].Path].Trim() is not ("" or "0")))
            {
                string weight = draft[other.Fields[0].Path].Trim();
                if (draft[fitting.Fields[0].Path].Trim() is "" or "0")
                    draft[fitting.Fields[0].Path] = weight;
                Change(other.Fields[0].Path, "0", $"{weight} became the weight of {fitting.Label}: {(teacher is null ? "the model that the student starts from" : "the teacher")} {ModelHeads.Does(does)}.");
            }
        }
        // Only a student whose layers are the teacher's has no more of them.
        if (teacher is null || StudentInits.All.FirstOrDefault(init => init.Name == draft["student.initialisation"]) is not { NeedsTeacher: true })
            return changed;
        if (Number(draft["student.layerCount"]) is int layers && layers > teacher.Layers)
            Change("student.layerCount", teacher.Layers.ToString(CultureInfo.InvariantCulture),
                $"{Figures.Count(layers)} became {teacher.Layers}: the teacher has {Figures.Layers(teacher.Layers)}.");
        string[] listed = draft["student.teacherLayers"].Split([',', ' '], StringSplitOptions.RemoveEmptyEntries);
        if (listed.Any(layer => Number(layer) >= teacher.Layers))
        {
            draft["student.layerCount"] = Math.Min(listed.Length, teacher.Layers).ToString(CultureInfo.InvariantCulture);
            Change("student.teacherLayers", "", $"{string.Join(", ", listed)} became an even spacing: the teacher has {Figures.Layers(teacher.Layers)}, 0 to {teacher.Layers - 1}.");
        }
        return changed;

        void Change(string field, string text, string said)
        {
            draft[field] = text;
            changed.Add((field, said));
        }
    }

    private static int? Number(string text) => int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}
