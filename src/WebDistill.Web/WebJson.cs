using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebDistill.Web;

/// <summary>How this product writes and reads JSON: camelCase, enums as strings, numbers as numbers, no unknown property.</summary>
public static class WebJson
{
    /// <summary>For stored options and for requests.</summary>
    public static JsonSerializerOptions Options { get; } = CreateOptions();

    // Complete before the first use: what knows the types would else be added only by the first serialisation.
    private static JsonSerializerOptions CreateOptions()
    {
        JsonSerializerOptions options = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web));
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    /// <summary>The same rules for options that something else created.</summary>
    public static JsonSerializerOptions Configure(JsonSerializerOptions options)
    {
        options.NumberHandling = JsonNumberHandling.Strict;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.Converters.Add(new JsonStringEnumConverter());
        return options;
    }
}
