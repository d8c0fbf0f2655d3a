using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Web.Library;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Components.Forms;

/// <summary>How a page writes the options of a run: with their units, and models and data sets by their names.</summary>
public sealed class OptionTexts(IReadOnlyDictionary<Guid, string> names)
{
    /// <summary>With the names of everything that an option can name.</summary>
    public static async Task<OptionTexts> ReadAsync(
        RunService runs, ModelService models, DatasetService datasets, CancellationToken cancel)
    {
        Dictionary<Guid, string> names = (await models.ListAsync(cancel)).ToDictionary(model => model.Id, model => model.Name);
        foreach (Run run in await runs.ListAsync(cancel))
            names.TryAdd(run.Id, run.Name);
        foreach (Dataset dataset in await datasets.ListAsync(cancel))
            names.TryAdd(dataset.Id, dataset.Name);
        return new OptionTexts(names);
    }

    /// <summary>The options by the names of their fields.</summary>
    public static JsonObject Values(DistillationOptions options) => JsonSerializer.SerializeToNode(options, WebJson.Options)!.AsObject();

    /// <summary>One value of a field.</summary>
    public string Of(OptionField field, JsonNode? value)
    {
        string text = RunDraft.Write(value) switch
        {
            "" => "automatic",
            "true" => "on",
            "false" => "off",
            string id when Guid.TryParse(id, out Guid named) => names.GetValueOrDefault(named) ?? $"deleted ({named:N})",
            string other => other,
        };
        // "T" and "peak" stand beside the box of the form and say nothing after a number.
        return value is null || field.Unit is null or "T" or "peak" ? text : $"{text} {field.Unit}";
    }
}
