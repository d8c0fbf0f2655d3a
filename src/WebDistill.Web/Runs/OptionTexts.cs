using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Runs;

/// <summary>How a page writes the options of a run: with their units, and models and data sets by their names.</summary>
public sealed class OptionTexts(IReadOnlyDictionary<Guid, string> names)
{
    /// <summary>With the names of everything that these options name.</summary>
    public static async Task<OptionTexts> ReadAsync(
        IEnumerable<RunOptions> options, RunTable runs, ModelService models, DatasetTable datasets, CancellationToken cancel)
    {
        HashSet<Guid> named = [];
        foreach (string? text in options.SelectMany(one => new[] { one.Teacher.ModelId, one.Student.ModelId, one.Data.DatasetId }.Concat(one.Teacher.Others)))
        {
            if (Guid.TryParse(text, out Guid id))
                named.Add(id);
        }
        Dictionary<Guid, string> names = new(await models.NamesAsync(named, cancel));
        foreach ((Guid id, string name) in (await runs.NamesAsync(named, cancel)).Concat(await datasets.NamesAsync(named, cancel)))
            names.TryAdd(id, name);
        return new OptionTexts(names);
    }

    /// <summary>The options as JSON, in which every field finds its value.</summary>
    public static JsonObject Values(RunOptions options) => LossCatalogue.RunSchema.Write(options, WebJson.Options);

    /// <summary>One value of a field.</summary>
    public string Of(OptionField field, JsonNode? value)
    {
        string text = RunDraft.Write(value) switch
        {
            "" => "automatic",
            "true" => "on",
            "false" => "off",
            "0" when field.ZeroMeans is string word => word,
            string ids when field.Kind == OptionKind.Entries => string.Join(", ", TextLines.Read(ids).Select(NameOf)),
            string id when Guid.TryParse(id, out _) => NameOf(id),
            string choice when field.Kind == OptionKind.Choice => RunDraft.Words(choice),
            string other => other,
        };
        string NameOf(string id) => !Guid.TryParse(id, out Guid named) ? id : names.GetValueOrDefault(named) ?? $"deleted ({named:N})";

        // "T" and "peak" stand beside the box of the form and say nothing after a number.
        return value is null || field.Unit is null or "T" or "peak" || text == field.ZeroMeans ? text : $"{text} {Figures.Unit(field.Unit, text)}";
    }
}
