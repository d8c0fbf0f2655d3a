using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>tokenizer_config.json and special_tokens_map.json, as Hugging Face's BERT tokenizers keep their settings.</summary>
internal static class WordPieceSettings
{
    public const string ConfigFileName = "tokenizer_config.json";
    public const string SpecialTokensFileName = "special_tokens_map.json";

    // Tokenizers that read text as BERT's does.
    private static readonly string[] s_classes = ["BertTokenizer", "DistilBertTokenizer", "MobileBertTokenizer", "ElectraTokenizer"];

    // What newer releases call all of them.
    private static readonly string[] s_anyClass = ["PreTrainedTokenizer", "TokenizersBackend"];

    /// <summary>Reads both files, each of which may be missing: BERT's own settings then.</summary>
    /// <exception cref="InvalidDataException">A file is malformed or asks for what this tokenizer does not do.</exception>
    public static BertWordPieceOptions Read(string folder)
    {
        BertWordPieceOptions options = new();
        foreach (string file in new[] { SpecialTokensFileName, ConfigFileName })
        {
            if (!File.Exists(Path.Combine(folder, file)))
                continue;
            using JsonDocument document = Parse(folder, file);
            try
            {
                options = Read(file, document.RootElement, options);
            }
            catch (InvalidOperationException problem)   // half of a surrogate pair
            {
                throw new InvalidDataException($"{file}: a setting is not valid text ({problem.Message}); expected UTF-8.", problem);
            }
        }
        foreach (IGrouping<string, (string Setting, string Token)> same in options.SpecialTokens.GroupBy(special => special.Token).Where(group => group.Count() > 1))
            throw new InvalidDataException($"{string.Join(" and ", same.Select(special => special.Setting))} are both '{ForeignText.Quote(same.Key)}'; expected five different "
                + $"special tokens. Mend {ConfigFileName} or {SpecialTokensFileName}.");
        return options;
    }

    /// <summary>Writes both files.</summary>
    public static void Write(string folder, BertWordPieceOptions options, FileLayer files)
    {
        Write(Path.Combine(folder, ConfigFileName), files, json =>
        {
            json.WriteBoolean("do_lower_case", options.LowerCase);
            if (options.StripAccents is bool strip)
                json.WriteBoolean("strip_accents", strip);
            else
                json.WriteNull("strip_accents");
            json.WriteBoolean("tokenize_chinese_chars", options.SplitChinese);
            WriteTokens(json, options);
            json.WriteString("tokenizer_class", options.HuggingFaceClass);
        });
        Write(Path.Combine(folder, SpecialTokensFileName), files, json => WriteTokens(json, options));
    }

    private static void WriteTokens(Utf8JsonWriter json, BertWordPieceOptions options)
    {
        foreach ((string setting, string token) in options.SpecialTokens)
            json.WriteString(setting, token);
    }

    private static void Write(string path, FileLayer files, Action<Utf8JsonWriter> write) => DurableFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
    }, files);

    private static JsonDocument Parse(string folder, string file)
    {
        var info = new FileInfo(Path.Combine(folder, file));
        if (info.Length > FileLimits.ConfigBytes)
            throw new InvalidDataException($"{file}: {info.Length} bytes; expected at most {FileLimits.ConfigBytes}. It is not the settings of a tokenizer.");
        try
        {
            var document = JsonDocument.Parse(Utf8Text.WithoutMark(File.ReadAllBytes(info.FullName)));
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            using (document)
                throw new InvalidDataException($"{file}: the root is {document.RootElement.ValueKind}; expected an object of settings.");
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{file}, line {problem.LineNumber + 1}: not valid JSON ({problem.Message}); expected an object of settings.", problem);
        }
    }

    private static BertWordPieceOptions Read(string file, JsonElement settings, BertWordPieceOptions before)
    {
        if (settings.TryGetProperty("tokenizer_class", out JsonElement kind) && kind.ValueKind == JsonValueKind.String)
        {
            string name = kind.GetString()!;
            string plain = name.EndsWith("Fast", StringComparison.Ordinal) ? name[..^4] : name;
            if (s_classes.Contains(plain))
                before = before with { HuggingFaceClass = plain };
            else if (!s_anyClass.Contains(plain))
                throw new InvalidDataException($"{file}: tokenizer_class is '{ForeignText.Quote(name)}'; expected one of {string.Join(", ", s_classes.Concat(s_anyClass))}, with or without "
                    + "Fast at its end. Another tokenizer splits text in another way: its vocab.txt alone does not make it BERT's.");
        }
        if (Flag(file, settings, "do_basic_tokenize") == false)
            throw new InvalidDataException($"{file}: do_basic_tokenize is false; expected true or nothing: words are split as BERT splits them.");
        foreach (string list in new[] { "never_split", "additional_special_tokens" })
        {
            if (settings.TryGetProperty(list, out JsonElement more) && more.ValueKind == JsonValueKind.Array && more.GetArrayLength() > 0)
                throw new InvalidDataException($"{file}: {list} names {more.GetArrayLength()} tokens; expected none: BERT's five special tokens are the ones that are known. "
                    + "Remove them if the model was not trained with them.");
        }
        return before with
        {
            LowerCase = Flag(file, settings, "do_lower_case") ?? before.LowerCase,
            StripAccents = Flag(file, settings, "strip_accents") ?? before.StripAccents,
            SplitChinese = Flag(file, settings, "tokenize_chinese_chars") ?? before.SplitChinese,
            Unknown = Token(file, settings, "unk_token") ?? before.Unknown,
            Separator = Token(file, settings, "sep_token") ?? before.Separator,
            Padding = Token(file, settings, "pad_token") ?? before.Padding,
            Classification = Token(file, settings, "cls_token") ?? before.Classification,
            Mask = Token(file, settings, "mask_token") ?? before.Mask,
        };
    }

    private static bool? Flag(string file, JsonElement settings, string name) => !settings.TryGetProperty(name, out JsonElement value) ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        _ => throw new InvalidDataException($"{file}: {name} is {ForeignText.Quote(value.GetRawText())}; expected true, false or null."),
    };

    // A name, or an object that holds it as its content: both are in use.
    private static string? Token(string file, JsonElement settings, string name)
    {
        if (!settings.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out JsonElement content))
            value = content;
        if (value.ValueKind != JsonValueKind.String || string.IsNullOrWhiteSpace(value.GetString()))
            throw new InvalidDataException($"{file}: {name} is {ForeignText.Quote(value.GetRawText())}; expected the token itself, as in \"[UNK]\".");
        return value.GetString();
    }
}
