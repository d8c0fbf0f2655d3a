using System.Globalization;
using System.Text;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Options;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Playground;

/// <summary>The options of a generation as they are being typed: one text per number, read by the same rules as a run's options.</summary>
public sealed class SamplingDraft
{
    /// <summary>The numbers, in the order in which they stand in the row.</summary>
    public static IReadOnlyList<OptionField> Fields { get; } = Find("maxNewTokens", "temperature", "topK", "topP", "seed");

    /// <summary>The rarer ones, which fold away.</summary>
    public static IReadOnlyList<OptionField> AdvancedFields { get; } = Find("repetitionPenalty", "stopStrings");

    private static readonly OptionField[] _all = [.. Fields, .. AdvancedFields];

    // What greedy leaves in force.
    private static readonly HashSet<string> _greedy = ["maxNewTokens", "repetitionPenalty", "stopStrings"];

    private static OptionField[] Find(params string[] names) => [.. names.Select(OptionSchema.Of<GenerationOptions>().Find)];

    private readonly Dictionary<string, string> _texts = new()
    {
        ["maxNewTokens"] = "100",
        ["temperature"] = "0.8",
        ["topK"] = "40",
        ["topP"] = "1",
        ["seed"] = "1",
        ["repetitionPenalty"] = "1",
        ["stopStrings"] = "",
    };

    /// <summary>Whether the likeliest token is always taken; what only a draw needs is not read then.</summary>
    public bool Greedy { get; set; }

    /// <summary>The text of a number.</summary>
    public string this[string field]
    {
        get => _texts[field];
        set => _texts[field] = value;
    }

    /// <summary>Whether the field has no effect at present.</summary>
    public bool IsIdle(string field) => Greedy && !_greedy.Contains(field);

    /// <summary>Whether one of the advanced ones has an effect.</summary>
    public bool IsAdvanced => _texts["repetitionPenalty"].Trim() != "1" || _texts["stopStrings"] != "";

    /// <summary>Every text that has an effect, by field, and <c>greedy</c>: what a link or the history keeps.</summary>
    public IReadOnlyDictionary<string, string> Texts
    {
        get
        {
            var texts = _all.Where(known => !IsIdle(known.Name)).ToDictionary(known => known.Name, known => _texts[known.Name]);
            if (Greedy)
                texts["greedy"] = "true";
            return texts;
        }
    }

    /// <summary>Takes over texts as <see cref="Texts"/> gives them; a field that is missing keeps its text.</summary>
    public void Take(IReadOnlyDictionary<string, string> texts)
    {
        Greedy = texts.GetValueOrDefault("greedy") == "true";
        foreach (OptionField field in _all)
        {
            if (texts.TryGetValue(field.Name, out string? text))
                _texts[field.Name] = text;
        }
    }

    /// <summary>Draws another seed, short enough to be read out.</summary>
    public void NewSeed() => _texts["seed"] = Random.Shared.Next(1, 1_000_000).ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// The options, with the default in place of every text that cannot be read; <paramref name="problems"/> says which and why.
    /// </summary>
    public GenerationOptions Read(out IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> found = [];
        var options = new GenerationOptions { Greedy = Greedy };
        foreach (OptionField field in _all.Where(field => !IsIdle(field.Name)))
        {
            try
            {
                options = With(options, field, _texts[field.Name]);
            }
            catch (FormatException e)
            {
                found.Add(new OptionProblem(field.Name, e.Message));
            }
        }
        found.AddRange(options.Validate());
        problems = found;
        return options;
    }

    private static GenerationOptions With(GenerationOptions options, OptionField field, string text)
    {
        if (field.Name == "stopStrings")
            return options with { StopStrings = ParseStopStrings(text) };
        text = text.Trim();
        if (text == "")
            throw new FormatException($"{field.Label} is blank. Enter a number.");
        return field.Name switch
        {
            "maxNewTokens" => options with { MaxNewTokens = (int)RunDraft.ParseInteger(text, int.MinValue, int.MaxValue) },
            "temperature" => options with { Temperature = RunDraft.ParseNumber(text) },
            "topK" => options with { TopK = (int)RunDraft.ParseInteger(text, int.MinValue, int.MaxValue) },
            "topP" => options with { TopP = RunDraft.ParseNumber(text) },
            "repetitionPenalty" => options with { RepetitionPenalty = RunDraft.ParseNumber(text) },
            "seed" => options with { Seed = RunDraft.ParseInteger(text, long.MinValue, long.MaxValue) },
            _ => throw new ArgumentException($"'{field.Name}' is no option of a generation.", nameof(field)),
        };
    }

    // Spaces at the ends of a line belong to the stop string; a line without anything is none.
    private static string[] ParseStopStrings(string text) =>
        [.. text.ReplaceLineEndings("\n").Split('\n').Where(line => line != "").Select(Unescape)];

    private static string Unescape(string line)
    {
        var text = new StringBuilder();
        for (int i = 0; i < line.Length; i++)
        {
            if (line[i] != '\\')
            {
                text.Append(line[i]);
                continue;
            }
            text.Append((++i < line.Length ? line[i] : '\0') switch
            {
                'n' => '\n',
                't' => '\t',
                '\\' => '\\',
                _ => throw new FormatException($"'{line}' has a lone backslash. Write \\\\ for a backslash, \\n for a line break, \\t for "
                    + "a tab."),
            });
        }
        return text.ToString();
    }
}
