using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Ui;

/// <summary>
/// A run's options as they are being typed: one text per option. Numbers are read with a point for decimals whatever the browser's
/// language, so that 1,5 is never silently 15 or 1.
/// </summary>
public sealed class RunDraft
{
    private readonly Dictionary<string, string> _texts;

    private RunDraft(Dictionary<string, string> texts) => _texts = texts;

    /// <summary>The text of an option.</summary>
    public string this[string field]
    {
        get => _texts[field];
        set => _texts[field] = value;
    }

    /// <summary>Every option's text by its path.</summary>
    public IReadOnlyDictionary<string, string> Texts => _texts;

    /// <summary>Types again what was typed before; options that there are no more are left out.</summary>
    public void Take(IReadOnlyDictionary<string, string> texts)
    {
        foreach ((string path, string text) in texts.Where(text => _texts.ContainsKey(text.Key)))
            _texts[path] = text;
    }

    /// <summary>Every option of <paramref name="options"/> as text.</summary>
    public static RunDraft Of(RunOptions options)
    {
        JsonObject json = LossCatalogue.RunSchema.Write(options, WebJson.Options);
        return new RunDraft(LossCatalogue.RunSchema.Fields.ToDictionary(field => field.Path, field => Write(field.In(json))));
    }

    /// <summary>
    /// Options that somebody wrote as JSON, with the defaults where they say nothing. What is no value of its option becomes its text, so that the
    /// field says what is wrong with it; what no field can say is among <paramref name="problems"/>: names that are no options, and what is none of
    /// a few choices.
    /// </summary>
    /// <exception cref="OptionsInvalidException">Not JSON, or no object.</exception>
    public static RunDraft Parse(ReadOnlyMemory<byte> json, out IReadOnlyList<OptionProblem> problems)
    {
        (RunOptions options, IReadOnlyList<OptionProblem> unread) = JsonBody.Read<RunOptions>(json);
        RunDraft draft = Of(options);
        JsonObject given = JsonObject.Create(FlatOptions.Grouped(PaperOptions.Translated(JsonSerializer.Deserialize<JsonElement>(json.Span), out _), out _))!;
        bool IsTyped(string path) => LossCatalogue.RunSchema.FindOrNull(path) is { Kind: not (OptionKind.Boolean or OptionKind.Choice) };
        foreach (OptionField field in LossCatalogue.RunSchema.Fields.Where(field => IsTyped(field.Path) || unread.All(problem => problem.Field != field.Path)))
        {
            if (field.In(given) is JsonNode value)
                draft[field.Path] = Write(value);
        }
        problems = [.. unread.Where(problem => !IsTyped(problem.Field))];
        return draft;
    }

    /// <summary>An option's value as the form writes it.</summary>
    public static string Write(JsonNode? value) => value switch
    {
        null => "",
        JsonArray array => array.Any(entry => entry?.GetValueKind() == JsonValueKind.String)
            ? TextLines.Write(array.Select(Write)) : string.Join(", ", array.Select(Write)),
        _ when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        // A seed may have more digits than a double holds.
        _ when value.GetValueKind() == JsonValueKind.Number =>
            long.TryParse(value.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole)
                ? whole.ToString(CultureInfo.InvariantCulture)
                : Number(value.GetValue<double>()),
        _ => value.ToJsonString(),
    };

    /// <summary>The options, with the default in place of every text that cannot be read; <paramref name="problems"/> says which and why.</summary>
    public RunOptions Read(out IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> found = [];
        var json = new JsonObject();
        foreach (OptionField field in LossCatalogue.RunSchema.Fields)
        {
            try
            {
                if (Parse(field, _texts[field.Path]) is JsonNode value)
                    field.Put(json, value);
            }
            catch (FormatException e)
            {
                found.Add(new OptionProblem(field.Path, e.Message));
            }
        }
        problems = found;
        return json.Deserialize<RunOptions>(WebJson.Options)!;
    }

    /// <summary>A choice in words: PerElement reads "Per element", teacher-layers "Teacher layers".</summary>
    public static string Words(string choice) => choice.Length == 0 ? "" : char.ToUpperInvariant(choice[0])
        + string.Concat(choice.Skip(1).Select(c => char.IsUpper(c) ? $" {char.ToLowerInvariant(c)}" : c == '-' ? " " : $"{c}"));

    /// <summary>An option's text as JSON; null where it is blank. FormatException says what is wrong and how to write it.</summary>
    internal static JsonNode? Parse(OptionField field, string text)
    {
        string typed = text;
        text = text.Trim();
        if (field.Kind == OptionKind.Boolean)
            return text == "true";
        if (text == "")
        {
            return field.IsOptional || field.Kind is OptionKind.Text or OptionKind.Lines or OptionKind.Entries or OptionKind.Choice ? null
                : throw new FormatException($"{field.Label} is blank. Enter a number.");
        }
        return field.Kind switch
        {
            OptionKind.Number => ParseNumber(text),
            OptionKind.Integer => ParseInteger(text, field.IntegersHeld.Least, field.IntegersHeld.Most),
            OptionKind.LayerList => new JsonArray([.. text.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
                .Select(part => (JsonNode)ParseInteger(part, int.MinValue, int.MaxValue))]),
            OptionKind.Numbers => new JsonArray([.. text.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries).Select(part => (JsonNode)ParseNumber(part))]),
            OptionKind.Lines or OptionKind.Entries => new JsonArray([.. TextLines.Read(typed).Select(line => (JsonNode)line)]),
            _ => text,
        };
    }

    /// <summary>Reads a number with a decimal point; FormatException says what is wrong and how to write it.</summary>
    public static double ParseNumber(string text)
    {
        if (text.Contains(','))
            throw new FormatException($"“{text}” has a comma. Decimals take a point, and thousands no separator: {Suggestion(text)}.");
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
            throw new FormatException($"“{text}” is not a number. Write it like 0.00025 or 2.5e-4.");
        return double.IsFinite(value) ? value : throw new FormatException($"“{text}” is not a finite number. Write one like 0.00025 or 2.5e-4.");
    }

    /// <summary>Reads a whole number; FormatException says what is wrong and how to write it.</summary>
    public static long ParseInteger(string text, long least, long most)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= least && value <= most)
            return value;
        throw new FormatException(decimal.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            ? $"“{text}” is out of range. Enter a whole number from {least} to {most}."
            : $"“{text}” is not a whole number. Write digits only, like 500.");
    }

    private static string Suggestion(string text)
    {
        string point = text.Replace(',', '.');
        return double.TryParse(point, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? $"write {point}" : "write it like 1.5";
    }

    // The shortest text that reads back as the same number, in the notation people use for learning rates.
    private static string Number(double value)
    {
        if (value != 0 && Math.Abs(value) < 1e-3)
        {
            string scientific = value.ToString("0.################e0", CultureInfo.InvariantCulture);
            if (double.Parse(scientific, CultureInfo.InvariantCulture) == value)
                return scientific;
        }
        return value.ToString("R", CultureInfo.InvariantCulture);
    }
}
