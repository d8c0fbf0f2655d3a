using System.Text.Json;
using WebDistill.Data;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Runs;

/// <summary>A run's place in the sweep that it belongs to: labels by the names of what the sweep varies.</summary>
public static class SweepLabels
{
    /// <summary>What a sweep changed for a run; nothing for one that belongs to none.</summary>
    public static IReadOnlyDictionary<string, string> Of(Run run) => run.SweepPointJson is null ? new Dictionary<string, string>()
        : JsonSerializer.Deserialize<OrderedDictionary<string, string>>(run.SweepPointJson, WebJson.Options)!;

    /// <summary>The labels in words, as a run's name and the tables write them: "T = 4, seed 2".</summary>
    public static string Title(IEnumerable<KeyValuePair<string, string>> labels) => string.Join(", ", labels.Select(pair =>
        string.Equals(pair.Key, "seed", StringComparison.OrdinalIgnoreCase) ? $"{pair.Key} {pair.Value}" : $"{pair.Key} = {pair.Value}"));
}
