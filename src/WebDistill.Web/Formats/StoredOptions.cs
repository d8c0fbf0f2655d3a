using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Formats;

/// <summary>The options that are stored with a run.</summary>
public static class StoredOptions
{
    /// <summary>The options of a run, as it was asked for.</summary>
    public static RunOptions Of(Run run) => JsonSerializer.Deserialize<RunOptions>(run.OptionsJson, WebJson.Options)!;
}
