using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Http;

/// <summary>
/// Reads a request's JSON object property by property, so that an answer can name every property that is unknown or has the wrong type;
/// a deserialiser would stop at the first.
/// </summary>
internal static class JsonBody
{
    private const int MaxShownCharacters = 60;

    /// <summary>The body as <typeparamref name="T"/>.</summary>
    /// <exception cref="OptionsInvalidException">Not JSON, not an object, or some properties cannot be read: names them.</exception>
    /// <exception cref="BadHttpRequestException">415 when the body is not said to be JSON, 413 when it is too large.</exception>
    public static async Task<T> ReadAsync<T>(HttpRequest request, CancellationToken cancel)
    {
        (T value, IReadOnlyList<OptionProblem> problems) = await ReadWithProblemsAsync<T>(request, cancel);
        return problems.Count == 0 ? value : throw new OptionsInvalidException(problems);
    }

    /// <summary>The same for a body that carries a prompt or a text, and may be as long as <see cref="InputLimits.PromptJsonKilobytes"/>
    /// says.</summary>
    public static async Task<T> ReadWithTextAsync<T>(HttpRequest request, CancellationToken cancel)
    {
        InputLimits limits = Limits(request);
        ReadOnlyMemory<byte> body = await ReadBytesAsync(request, limits, limits.PromptJsonKilobytes, nameof(limits.PromptJsonKilobytes), cancel);
        (T value, IReadOnlyList<OptionProblem> problems) = Read<T>(body);
        return problems.Count == 0 ? value : throw new OptionsInvalidException(problems);
    }

    /// <summary>The body as <typeparamref name="T"/> without the properties that cannot be read, and the problems of those.</summary>
    public static async Task<(T Value, IReadOnlyList<OptionProblem> Problems)> ReadWithProblemsAsync<T>(HttpRequest request,
        CancellationToken cancel) => Read<T>(await ReadBytesAsync(request, cancel));

    /// <summary>The body as it was sent, within the limits and with nothing in it that is no text, not even a byte-order mark.</summary>
    /// <exception cref="OptionsInvalidException">It passes a limit, or is not text.</exception>
    /// <exception cref="BadHttpRequestException">415 when it is not said to be JSON, 413 when it is too large.</exception>
    public static Task<ReadOnlyMemory<byte>> ReadBytesAsync(HttpRequest request, CancellationToken cancel)
    {
        InputLimits limits = Limits(request);
        return ReadBytesAsync(request, limits, limits.JsonKilobytes, nameof(limits.JsonKilobytes), cancel);
    }

    private static InputLimits Limits(HttpRequest request) => request.HttpContext.RequestServices.GetRequiredService<HostSettings>().Limits;

    private static async Task<ReadOnlyMemory<byte>> ReadBytesAsync(
        HttpRequest request, InputLimits limits, int kilobytes, string limit, CancellationToken cancel)
    {
        if (!request.HasJsonContentType())
        {
            throw new BadHttpRequestException($"The content type is '{ForeignText.Quote(request.ContentType)}', expected application/json.",
                StatusCodes.Status415UnsupportedMediaType);
        }
        long most = (long)kilobytes << 10;
        if (request.ContentLength > most)
            throw TooLong();
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[64 << 10];
        for (int read; (read = await request.Body.ReadAsync(buffer, cancel)) > 0;)
        {
            if (bytes.Length + read > most)
                throw TooLong();
            bytes.Write(buffer, 0, read);
        }
        return JsonScan.Check(bytes.ToArray(), limits);

        BadHttpRequestException TooLong() => new(
            $"The body is longer than {kilobytes} kB, which is the limit (Limits:{limit}).", StatusCodes.Status413PayloadTooLarge);
    }

    /// <summary>A JSON object as <typeparamref name="T"/> without the properties that cannot be read, and the problems of those.</summary>
    /// <exception cref="OptionsInvalidException">Not JSON, not an object, or a required property is missing.</exception>
    public static (T Value, IReadOnlyList<OptionProblem> Problems) Read<T>(ReadOnlyMemory<byte> body)
    {
        using JsonDocument document = Parse<T>(body);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw new OptionsInvalidException("$", $"The text is a JSON {document.RootElement.ValueKind}, expected an object.");

        JsonTypeInfo type = WebJson.Options.GetTypeInfo(typeof(T));
        var readable = new JsonObject();
        List<OptionProblem> problems = [];
        bool listsKnown = false;
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
        {
            if (type.Properties.FirstOrDefault(known => known.Name == property.Name) is not JsonPropertyInfo known)
            {
                string name = ForeignText.Quote(property.Name);
                // Said once: it is the same for all.
                problems.Add(new OptionProblem(name, listsKnown ? $"'{name}' is unknown."
                    : $"'{name}' is unknown. Known are: {string.Join(", ", type.Properties.Select(p => p.Name))}."));
                listsKnown = true;
            }
            else if (readable.ContainsKey(property.Name))
            {
                problems.Add(new OptionProblem(known.Name, $"'{known.Name}' is given twice."));
            }
            else if (Problem(property.Value, known) is string problem)
            {
                problems.Add(new OptionProblem(property.Name, problem));
            }
            else
            {
                readable.Add(property.Name, JsonNode.Parse(property.Value.GetRawText()));
            }
        }
        foreach (JsonPropertyInfo missing in type.Properties.Where(p => p.IsRequired && !readable.ContainsKey(p.Name)
            && problems.All(q => q.Field != p.Name)))
            problems.Add(new OptionProblem(missing.Name, $"'{missing.Name}' is missing. Give it a value."));
        if (problems.Count > 0 && type.Properties.Any(p => p.IsRequired && !readable.ContainsKey(p.Name)))
            throw new OptionsInvalidException(problems);
        return (readable.Deserialize<T>(WebJson.Options)!, problems);
    }

    private static string? Problem(JsonElement value, JsonPropertyInfo property)
    {
        bool isNullable = !property.PropertyType.IsValueType
            ? property.IsSetNullable
            : Nullable.GetUnderlyingType(property.PropertyType) is not null;
        if (value.ValueKind == JsonValueKind.Null && !isNullable)
            return "The value is null. Give it a value, or leave it out for the default.";
        try
        {
            value.Deserialize(property.PropertyType, WebJson.Options);
            return null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            return $"The value is {Shortened(value.GetRawText())}, expected {Expected(property.PropertyType)}.";
        }
    }

    private static string Expected(Type type)
    {
        Type inner = Nullable.GetUnderlyingType(type) ?? type;
        if (inner.IsEnum)
            return $"one of: {string.Join(", ", Enum.GetNames(inner).Select(name => $"\"{name}\""))}";
        if (inner == typeof(int) || inner == typeof(long))
            return "a whole number";
        if (inner == typeof(double))
            return "a number";
        if (inner == typeof(bool))
            return "true or false";
        if (inner == typeof(string))
            return "a text";
        if (inner == typeof(Guid))
            return "an id such as \"0192f3a4-0000-7000-8000-000000000000\"";
        if (inner.IsAssignableTo(typeof(IEnumerable<string>)))
            return "a list of texts";
        if (inner.IsAssignableTo(typeof(IEnumerable<int>)))
            return "a list of whole numbers";
        return inner.IsAssignableTo(typeof(IEnumerable<JsonElement>)) ? "a list" : "another type";
    }

    private static string Shortened(string text) =>
        ForeignText.Quote(text.Length <= MaxShownCharacters ? text : $"{text.AsSpan(0, MaxShownCharacters)}…");

    // JsonDocument says where the text stops being JSON, the deserialiser in which property: NaN is the common case.
    private static JsonDocument Parse<T>(ReadOnlyMemory<byte> body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException malformed)
        {
            throw new OptionsInvalidException(Field<T>(body), $"The text is not valid JSON: {malformed.Message} Numbers are written as "
                + "0.5; NaN, Infinity and comments do not exist.");
        }
    }

    private static string Field<T>(ReadOnlyMemory<byte> body)
    {
        try
        {
            JsonSerializer.Deserialize<T>(body.Span, WebJson.Options);
            return "$";
        }
        catch (JsonException e)
        {
            return e.Path is { Length: > 2 } path && path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : "$";
        }
    }
}
