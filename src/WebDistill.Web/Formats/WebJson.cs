using System.Text.Json;
using System.Text.Json.Serialization;

namespace WebDistill.Web.Formats;

/// <summary>
/// How this product writes and reads JSON: camelCase, enums as strings, numbers as numbers, no unknown property. What somebody asks for is
/// always finite; what was measured may be infinite or not a number, which JSON has no numbers for.
/// </summary>
public static class WebJson
{
    /// <summary>For requests and for what is stored of them: a number is a number, and "Infinity" is refused. Records of requests that hold numbers
    /// say so themselves as well, for the API's document.</summary>
    public static JsonSerializerOptions Options { get; } = CreateOptions(JsonNumberHandling.Strict);

    /// <summary>
    /// For responses, messages and stored figures: beside numbers the texts "Infinity", "-Infinity" and "NaN" where a number is not finite.
    /// </summary>
    public static JsonSerializerOptions Measured { get; } = CreateOptions(JsonNumberHandling.AllowNamedFloatingPointLiterals);

    // Complete before the first use: what knows the types would else be added only by the first serialisation.
    private static JsonSerializerOptions CreateOptions(JsonNumberHandling numbers)
    {
        JsonSerializerOptions options = Configure(new JsonSerializerOptions(JsonSerializerDefaults.Web), numbers);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    /// <summary>The rules of <see cref="Measured"/> for options that something else created.</summary>
    public static void ConfigureMeasured(JsonSerializerOptions options) =>
        Configure(options, JsonNumberHandling.AllowNamedFloatingPointLiterals);

    private static JsonSerializerOptions Configure(JsonSerializerOptions options, JsonNumberHandling numbers)
    {
        options.NumberHandling = numbers;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.Converters.Add(new JsonStringEnumConverter());
        return options;
    }
}
