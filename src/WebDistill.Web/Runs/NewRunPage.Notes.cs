using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Optimisation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

// The words of the choices, and what stands beside them.
public sealed partial class NewRunPage
{
    private static readonly IReadOnlyList<(string, string)> SequenceChoices =
        [(nameof(SequenceMode.Packed), "Packed blocks"), (nameof(SequenceMode.HuggingFace), "Hugging Face, padded")];

    private static readonly IReadOnlyList<(string, string)> SemanticsChoices =
        [(nameof(TrainingSemantics.Corrected), "Corrected"), (nameof(TrainingSemantics.HuggingFaceExact), "Hugging Face exact")];

    private static readonly IReadOnlyList<(string, string)> RateChoices = [.. RateSchedules.All.Select(schedule => (schedule.Name, RunDraft.Words(schedule.Name)))];

    private static readonly IReadOnlyList<(string, string)> PrecisionChoices =
        [(nameof(Precision.Float32), "Float32"), (nameof(Precision.BFloat16), "BFloat16")];

    private const string TemperaturePath = "objective.ce.temperature";

    // What stands in a section of this page; a group that is added gets one of its own at the end.
    private static readonly HashSet<string> s_placed = ["teacher", "student", "data", "masking", "objective", "schedule", "optimiser", "compression", "checkpoints", "guards", "samples"];

    private static readonly IReadOnlyList<OptionGroup> OtherGroups = [.. LossCatalogue.RunSchema.Groups.Where(group => !s_placed.Contains(group.Name))];

    private static readonly IReadOnlyList<(string Id, string Title)> s_sections =
    [
        ("s-goal", "Goal"), ("s-teacher", "Teacher"), ("s-student", "Student"), ("s-data", "Data"), ("s-objective", "Objective"), ("s-optimisation", "Optimisation"), ("s-compression", "Compression"), ("s-guards", "Guards"),
        ("s-samples", "Samples"),
        .. OtherGroups.Select(group => ($"s-{group.Name}", group.Label)),
    ];

    private IReadOnlyList<(string, string)> Sections => [.. s_sections.Where(section => !SortsTexts || section.Id != "s-samples")];

    private static string Text(Guid? id) => id?.ToString("N") ?? "";

    // A loss that is off has nothing to set but its weight; the temperature stands above them with its picture.
    private IEnumerable<OptionField> Shown(Loss loss) => loss.Fields
        .Where((field, i) => i == 0 || !IsOff(loss) && field.Path != TemperaturePath
            && (field.Path != "objective.ce.lastTemperature" || Draft["objective.ce.temperatureSchedule"] != nameof(TemperatureSchedule.Constant)));

    private bool IsOff(Loss loss) => Draft[loss.Fields[0].Path].Trim() is "0" or "";

    private string Changes() => LossCatalogue.RunSchema.Settings.Count(field => _form!.Differs(field.Path)) switch
    {
        0 => $"As {_form!.BasisName} says.",
        1 => $"1 option differs from {_form!.BasisName}.",
        int changed => $"{changed} options differ from {_form!.BasisName}.",
    };

    private string? TeacherNote() => _teacher is not null ? Describe(_teacher)
        : !_hasModels ? "There is no model yet: train one from scratch here, or import one under Models." : null;

    // Batch × accumulation × context; what Hugging Face's sequences fill of the context is known by their mean only.
    private string TokenEquation()
    {
        string Of(string path, string unit) => $"{Draft[path].Trim()} {Figures.Unit(unit, Draft[path])}";
        long sequences = (long)(int.TryParse(Draft["schedule.batchSize"], NumberStyles.None, CultureInfo.InvariantCulture, out int batch) ? batch : 0)
            * (int.TryParse(Draft["schedule.gradientAccumulation"], NumberStyles.None, CultureInfo.InvariantCulture, out int accumulation) ? accumulation : 0);
        string context = sequences > 0 && Plan!.TokensPerUpdate % sequences == 0 ? $"{Figures.Count(Plan.TokensPerUpdate / sequences)} tokens" : "the tokens of each";
        return $"{Of("schedule.batchSize", SortsTexts ? "texts" : "sequences")} × {Of("schedule.gradientAccumulation", "batches")} × {context} = {Figures.Count(Plan!.TokensPerUpdate)} tokens per update";
    }

    private string SuggestedName()
    {
        string dataset = ChosenDataset?.Name ?? "a data set";
        return _teacher is null ? $"Training on {dataset}" : $"{_teacher.Name}, distilled on {dataset}";
    }

    private IReadOnlyList<(string, string)> InitialisationChoices() =>
        [.. StudentInits.All.Where(init => _teacher is not null || !init.NeedsTeacher).Select(init => (init.Name, RunDraft.Words(init.Name)))];

    private IReadOnlyList<(string, string)> FamilyChoices() =>
        [("", _teacher is null ? ModelFamilies.Default.Title : $"The teacher's: {_teacher.FamilyTitle()}"), .. (SortsTexts ? ModelFamilies.SortingTexts : ModelFamilies.PredictingTokens).Select(family => (family.Name, family.Title))];

    // What somebody has changed stays in sight, where it is said what is wrong with it.
    private bool FillsMasks => StudentDoes == ModelHead.MaskedToken
        || LossCatalogue.RunSchema.In("masking").Select(option => option.Path).Append("student.freezeTokenTypeEmbeddings").Any(path => _form!.Differs(path));

    private static string Describe(Model model) =>
        $"{Figures.Layers(model.Layers)}, width {model.Width}, {Figures.Short(model.ParameterCount)} parameters, context {model.ContextLength}, vocabulary {Figures.Count(model.VocabularySize)}";

    private string? DatasetNote()
    {
        Dataset? dataset = ChosenDataset;
        return dataset?.TrainTokens is long tokens
            ? $"{(dataset.HoldsExamples() ? $"{Figures.Count(dataset.Documents ?? 0)} examples of {Figures.Counted(dataset.ClassCount ?? 0, "class", "classes")}, " : "")}{Figures.Count(tokens)} tokens to train on, {Figures.Count(dataset.ValidationTokens ?? 0)} held out, vocabulary {Figures.Count(dataset.VocabularySize ?? 0)}"
            : null;
    }

    private string? RateNote() => RateSchedules.All.FirstOrDefault(schedule => schedule.Name == Draft["schedule.shape"])?.Description;

    private string StudentSize() => Plan is null
        ? "What is trained."
        : _teacher is null
            ? $"{Figures.Short(Plan.StudentParameters)} parameters."
            : $"{Figures.Short(Plan.StudentParameters)} parameters, {(100.0 * Plan.StudentParameters / _teacher.ParameterCount).ToString("0.0", CultureInfo.InvariantCulture)} % of the teacher.";

    private IReadOnlyList<int> EvenLayers()
    {
        int count = int.TryParse(Draft["student.layerCount"], NumberStyles.None, CultureInfo.InvariantCulture, out int typed) ? typed : Math.Max(1, _teacher!.Layers / 2);
        return TeacherLayersInit.EvenlySpaced(_teacher!.Layers, Math.Clamp(count, 1, _teacher.Layers));
    }

    private IReadOnlyList<int> ChosenLayers()
    {
        int[] listed = [.. Draft["student.teacherLayers"].Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
            .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : -1)];
        return listed.Length == 0 ? EvenLayers() : listed;
    }

    private void ToggleLayer(int layer)
    {
        IReadOnlyList<int> chosen = ChosenLayers();
        IEnumerable<int> changed = chosen.Contains(layer) ? chosen.Where(l => l != layer) : chosen.Append(layer).Order();
        // The list says how many there are; a count beside it could only contradict it.
        Draft["student.layerCount"] = "";
        _form!.Set("student.teacherLayers", string.Join(", ", changed));
    }

    private double SafeTemperature() =>
        double.TryParse(Draft[TemperaturePath], NumberStyles.Float, CultureInfo.InvariantCulture, out double t) && t is >= 0.01 and <= 1000 ? t : 1;
}
