using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Models;

/// <summary>
/// Looks into a file of a model folder before it is sent: enough of it to know rubbish and a broken copy. That everything fits together is
/// checked when it has arrived.
/// </summary>
internal static class ModelFileCheck
{
    private const int LengthBytes = 8, TextBytes = 1 << 16;

    /// <summary>Reads some bytes of the file, from a place on; fewer where it ends.</summary>
    internal delegate Task<byte[]> ReadPart(string name, long from, int bytes);

    /// <summary>What is wrong with a file; null when its beginning is as it should be.</summary>
    public static async Task<string?> ProblemAsync(ChosenFile file, ReadPart read)
    {
        if (file.Size == 0)
            return "is empty. Download it again.";
        switch (file.Name)
        {
            case "config.json":
                return await ConfigProblemAsync(file, read);
            case "vocab.json":
                return JsonProblem(await read(file.Name, 0, TextBytes), file.Size, JsonTokenType.Number, "the tokens with their ids, as in {\"a\": 64, …}");
            case "merges.txt":
                return MergesProblem(await read(file.Name, 0, TextBytes));
            case "vocab.txt":
                return WordsProblem(await read(file.Name, 0, TextBytes));
            case "tokenizer_config.json" or "special_tokens_map.json":
                return JsonProblem(await read(file.Name, 0, TextBytes), file.Size, null, "a JSON object of settings, as in {\"do_lower_case\": true, …}");
            case "model.safetensors.index.json":
                return JsonProblem(await read(file.Name, 0, TextBytes), file.Size, null, "a JSON object with a weight_map");
            default:
                return await WeightsProblemAsync(file, read);
        }
    }

    /// <summary>A name for the model, out of its config.json; null where that says nothing.</summary>
    public static async Task<string?> SuggestNameAsync(ChosenFile config, ReadPart read)
    {
        if (config.Size > FileLimits.ConfigBytes)
            return null;
        string json = Encoding.UTF8.GetString(await read(config.Name, 0, (int)config.Size));
        try
        {
            var architecture = Architecture.Parse(json);
            using JsonDocument document = JsonDocument.Parse(json);
            string? published = document.RootElement.TryGetProperty("_name_or_path", out JsonElement name) && name.ValueKind == JsonValueKind.String
                ? name.GetString()!.TrimEnd('/', '\\').Split('/', '\\')[^1] : null;
            return !string.IsNullOrWhiteSpace(published) && Formats.Names.Problem("name", published) is null ? published
                : $"{architecture.Family.Title}, {Formats.Figures.Layers(architecture.Layers)}, {Formats.Figures.Short(architecture.ParameterCount)}";
        }
        catch (InvalidDataException)
        {
            // Its mark says what is wrong with it.
            return null;
        }
    }

    private static async Task<string?> ConfigProblemAsync(ChosenFile file, ReadPart read)
    {
        if (file.Size > FileLimits.ConfigBytes)
            return $"has {file.Size} bytes, expected at most {FileLimits.ConfigBytes}. It is not a model configuration.";
        try
        {
            Architecture.Parse(Encoding.UTF8.GetString(await read(file.Name, 0, (int)file.Size)));
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    private static async Task<string?> WeightsProblemAsync(ChosenFile file, ReadPart read)
    {
        byte[] length = await read(file.Name, 0, LengthBytes);
        ulong header = length.Length < LengthBytes ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(length);
        if (header < 2 || header > (ulong)FileLimits.SafetensorsHeaderBytes)
            return $"is no safetensors file: its first {LengthBytes} bytes do not say how long its header is. Download it again.";
        if ((long)header > file.Size - LengthBytes)
            return $"has {file.Size} bytes and a header of {header}: the copy is incomplete. Download it again.";
        byte[] json = await read(file.Name, LengthBytes, (int)header);
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            long end = document.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__")
                .Select(entry => entry.Value.GetProperty("data_offsets")[1].GetInt64()).DefaultIfEmpty().Max();
            long expected = LengthBytes + (long)header + end;
            return file.Size == expected ? null : $"has {file.Size} bytes where its header says {expected}: the copy is {(file.Size < expected ? "incomplete" : "damaged")}. Download it again.";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or IndexOutOfRangeException)
        {
            return "is no safetensors file: its header cannot be read. Download it again.";
        }
    }

    private static string? JsonProblem(byte[] head, long size, JsonTokenType? valueOfFirst, string expected)
    {
        string problem = $"does not begin as JSON; expected {expected}.";
        var reader = new Utf8JsonReader(head, isFinalBlock: head.Length == size, default);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return problem;
            if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName)
                return $"is an empty object; expected {expected}.";
            return valueOfFirst is null || reader.Read() && reader.TokenType == valueOfFirst ? null : problem;
        }
        catch (JsonException)
        {
            return problem;
        }
    }

    private static string? WordsProblem(byte[] head)
    {
        string[] lines = Encoding.UTF8.GetString(head).Split('\n');
        // The last line that was read may go on beyond it, or be no line at all.
        int empty = Array.FindIndex(lines, 0, Math.Max(1, lines.Length - 1), line => line.TrimEnd('\r').Length == 0);
        return Utf8Text.BeginsAsUtf16(head) ? "begins with a UTF-16 byte-order mark; expected UTF-8. Save the file as UTF-8."
            : empty >= 0 ? $"has no token in line {empty + 1}; expected one on each line. Download it again." : null;
    }

    private static string? MergesProblem(byte[] head)
    {
        string? first = Encoding.UTF8.GetString(head).Split('\n').Select(line => line.TrimEnd('\r'))
            .FirstOrDefault(line => line.Length > 0 && !line.StartsWith("#version", StringComparison.Ordinal));
        return first is null ? "holds no merge; expected two tokens on each line."
            : first.Split(' ').Length == 2 ? null : "does not begin with two tokens on a line; expected a list of merges.";
    }
}
