using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Formats;

/// <summary>The options that are stored with a run.</summary>
public static class StoredOptions
{
    /// <summary>The options of a run, as it was asked for.</summary>
    public static RunOptions Of(Run run) => Json(run).Deserialize<RunOptions>(WebJson.Options)!;

    /// <summary>The same as JSON, in groups even where an earlier version stored them.</summary>
    public static JsonElement Json(Run run) => FlatOptions.Grouped(JsonSerializer.Deserialize<JsonElement>(run.OptionsJson));
}
