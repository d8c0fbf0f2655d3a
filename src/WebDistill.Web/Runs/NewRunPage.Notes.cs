using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Runs;

// The words of the choices, and what stands beside them.
public sealed partial class NewRunPage
{
    private static readonly IReadOnlyList<(string, string)> SequenceChoices =
        [(nameof(SequenceMode.Packed), "Packed blocks"), (nameof(SequenceMode.HuggingFace), "Hugging Face, padded")];

    private static readonly IReadOnlyList<(string, string)> SemanticsChoices =
        [(nameof(TrainingSemantics.Corrected), "Corrected"), (nameof(TrainingSemantics.HuggingFaceExact), "Hugging Face exact")];

    private static readonly IReadOnlyList<(string, string)> PrecisionChoices =
        [(nameof(Precision.Float32), "Float32"), (nameof(Precision.BFloat16), "BFloat16")];

    private const string TemperaturePath = "objective.ce.temperature";

    private static string Text(Guid? id) => id?.ToString("N") ?? "";

    // A loss that is off has nothing to set but its weight; the temperature stands above them with its picture.
    private IEnumerable<OptionField> Shown(Loss loss) => loss.Fields
        .Where((field, i) => i == 0 || Draft[loss.Fields[0].Path].Trim() is not ("0" or "") && field.Path != TemperaturePath);

    private string SuggestedName()
    {
        string dataset = ChosenDataset?.Name ?? "a data set";
        return _teacher is null ? $"Training on {dataset}" : $"{_teacher.Name}, distilled on {dataset}";
    }

    private IReadOnlyList<(string, string)> InitialisationChoices() =>
        [.. StudentInits.All.Where(init => _teacher is not null || !init.NeedsTeacher).Select(init => (init.Name, Words(init.Name)))];

    private static string Words(string name) => char.ToUpperInvariant(name[0]) + name[1..].Replace('-', ' ');

    private static string Describe(Model model) =>
        $"{Figures.Layers(model.Layers)}, width {model.Width}, {Figures.Short(model.ParameterCount)} parameters, context {model.ContextLength}, vocabulary {Figures.Count(model.VocabularySize)}";

    private string? DatasetNote()
    {
        Dataset? dataset = ChosenDataset;
        return dataset?.TrainTokens is long tokens
            ? $"{Figures.Count(tokens)} tokens to train on, {Figures.Count(dataset.ValidationTokens ?? 0)} held out, vocabulary {Figures.Count(dataset.VocabularySize ?? 0)}"
            : null;
    }

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
