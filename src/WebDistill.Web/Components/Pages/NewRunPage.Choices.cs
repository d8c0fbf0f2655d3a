using System.Globalization;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Web.Components.Controls;

namespace WebDistill.Web.Components.Pages;

/// <summary>What the form offers to choose from, and what stands beside the choices.</summary>
public sealed partial class NewRunPage
{
    private static readonly IReadOnlyList<(string, string)> SequenceChoices =
        [(nameof(SequenceMode.Packed), "Packed blocks"), (nameof(SequenceMode.HuggingFace), "Hugging Face, padded")];

    private static readonly IReadOnlyList<(string, string)> MseChoices =
        [(nameof(MseReduction.SumOverVocabulary), "Summed over the vocabulary"), (nameof(MseReduction.PerElement), "Per element")];

    private static readonly IReadOnlyList<(string, string)> SemanticsChoices =
        [(nameof(TrainingSemantics.Corrected), "Corrected"), (nameof(TrainingSemantics.HuggingFaceExact), "Hugging Face exact")];

    private static string Text(Guid? id) => id?.ToString("N") ?? "";

    private static string? Canonical(string? text, IEnumerable<Guid> known) => Guid.TryParse(text, out Guid id) && known.Contains(id) ? Text(id) : null;

    // A data set tokenised with the teacher's own vocabulary, otherwise the newest that is ready.
    private string MatchingDataset(string teacherId)
    {
        Model? teacher = _models.FirstOrDefault(model => Text(model.Id) == teacherId);
        IEnumerable<Dataset> ready = _datasets.Where(dataset => dataset.State == DatasetState.Ready);
        return Text((teacher is null ? ready : ready.Where(dataset => dataset.TokenizerSha256 == teacher.TokenizerSha256)).FirstOrDefault()?.Id ?? ready.FirstOrDefault()?.Id);
    }

    private string SuggestedName()
    {
        string dataset = _datasets.FirstOrDefault(d => Text(d.Id) == Draft["datasetId"])?.Name ?? "a data set";
        return _teacher is null ? $"Training on {dataset}" : $"{_teacher.Name}, distilled on {dataset}";
    }

    private IReadOnlyList<(string, string)> TeacherChoices() =>
        [("", "None: train from scratch"), .. _models.Select(model => (Text(model.Id), model.Name))];

    private IReadOnlyList<(string, string)> ModelChoices(string nothing) => [("", nothing), .. _models.Select(model => (Text(model.Id), model.Name))];

    private IReadOnlyList<(string, string)> DatasetChoices() =>
        [("", _datasets.Count == 0 ? "Upload one under Datasets first" : "Choose a data set"),
         .. _datasets.Select(dataset => (Text(dataset.Id), dataset.State == DatasetState.Ready ? dataset.Name : $"{dataset.Name} ({dataset.State})"))];

    private IReadOnlyList<(string, string)> InitialisationChoices() =>
        [.. StudentInits.All.Where(init => _teacher is not null || !init.NeedsTeacher).Select(init => (init.Name, Words(init.Name)))];

    private static string Words(string name) => char.ToUpperInvariant(name[0]) + name[1..].Replace('-', ' ');

    private static string Describe(Model model) =>
        $"{Figures.Layers(model.Layers)}, width {model.Width}, {Figures.Short(model.ParameterCount)} parameters, context {model.ContextLength}, vocabulary {Figures.Count(model.VocabularySize)}";

    private string? DatasetNote()
    {
        Dataset? dataset = _datasets.FirstOrDefault(d => Text(d.Id) == Draft["datasetId"]);
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
        int count = int.TryParse(Draft["studentLayerCount"], NumberStyles.None, CultureInfo.InvariantCulture, out int typed) ? typed : Math.Max(1, _teacher!.Layers / 2);
        return TeacherLayersInit.EvenlySpaced(_teacher!.Layers, Math.Clamp(count, 1, _teacher.Layers));
    }

    private IReadOnlyList<int> ChosenLayers()
    {
        int[] listed = [.. Draft["studentTeacherLayers"].Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
            .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : -1)];
        return listed.Length == 0 ? EvenLayers() : listed;
    }

    private void ToggleLayer(int layer)
    {
        IReadOnlyList<int> chosen = ChosenLayers();
        IEnumerable<int> changed = chosen.Contains(layer) ? chosen.Where(l => l != layer) : chosen.Append(layer).Order();
        // The list says how many there are; a count beside it could only contradict it.
        Draft["studentLayerCount"] = "";
        _form!.Set("studentTeacherLayers", string.Join(", ", changed));
    }

    private double SafeTemperature() =>
        double.TryParse(Draft["temperature"], NumberStyles.Float, CultureInfo.InvariantCulture, out double t) && t is >= 0.01 and <= 1000 ? t : 1;
}
