using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Data;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Formats;

/// <summary>The options that are stored with a run.</summary>
public static class StoredOptions
{
    // Groups that came later, as a run of before them has them: switched off.
    private static readonly (string Name, JsonElement Off)[] s_later =
    [
        ("guards", JsonSerializer.SerializeToElement(new GuardOptions { Preset = GuardPreset.Off }, WebJson.Options)),
        ("diagnosis", JsonSerializer.SerializeToElement(new DiagnosisOptions { IntervalSteps = 0 }, WebJson.Options)),
    ];

    /// <summary>The options of a run, as it was asked for: with the defaults of those that came later, and without what looks after a run or at it where that came later.</summary>
    public static RunOptions Of(Run run)
    {
        JsonElement options = FlatOptions.Grouped(JsonSerializer.Deserialize<JsonElement>(run.OptionsJson));
        (string Name, JsonElement Off)[] missing = [.. s_later.Where(group => !options.TryGetProperty(group.Name, out _))];
        if (missing.Length > 0)
        {
            JsonObject written = JsonObject.Create(options)!;
            foreach ((string name, JsonElement off) in missing)
                written[name] = JsonObject.Create(off);
            options = JsonSerializer.SerializeToElement(written);
        }
        return options.Deserialize<RunOptions>(WebJson.Options)!;
    }

    /// <summary>The same as JSON, whole, in groups even where an earlier version stored them.</summary>
    public static JsonElement Json(Run run) => JsonSerializer.SerializeToElement(Of(run), WebJson.Options);
}
