using System.Globalization;
using WebDistill.Distillation.Generation;
using WebDistill.Distillation.Options;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Playground;

/// <summary>The options of a generation as they are being typed: one text per number, read by the same rules as a run's options.</summary>
public sealed class SamplingDraft
{
    /// <summary>The numbers, in the order in which they stand.</summary>
    public static IReadOnlyList<OptionField> Fields { get; } = Find("maxNewTokens", "temperature", "topK", "topP", "seed");

    /// <summary>The rarer ones, which stand last.</summary>
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

    /// <summary>Every text that has an effect, by field, and <c>greedy</c>: what a link or the history keeps.</summary>
    public IReadOnlyDictionary<string, string> Texts
    {
        get
        {
            var texts = _all.Where(known => !IsIdle(known.Path)).ToDictionary(known => known.Path, known => _texts[known.Path]);
            if (Greedy)
                texts["greedy"] = "true";
            return texts;
        }
    }

    /// <summary>The options in a few words: "T 0.8, seed 1".</summary>
    public string Summary => Greedy ? "greedy" : $"T {_texts["temperature"]}, seed {_texts["seed"]}";

    /// <summary>Whether a preset would change nothing.</summary>
    public bool Follows(SamplingPreset preset) => Greedy == preset.Texts.ContainsKey("greedy")
        && preset.Texts.All(text => text.Key == "greedy" || _texts[text.Key].Trim() == text.Value);

    /// <summary>Takes over texts as <see cref="Texts"/> gives them; a field that is missing keeps its text.</summary>
    public void Take(IReadOnlyDictionary<string, string> texts)
    {
        Greedy = texts.GetValueOrDefault("greedy") == "true";
        foreach (OptionField field in _all)
        {
            if (texts.TryGetValue(field.Path, out string? text))
                _texts[field.Path] = text;
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
        foreach (OptionField field in _all.Where(field => !IsIdle(field.Path)))
        {
            try
            {
                options = With(options, field, _texts[field.Path]);
            }
            catch (FormatException e)
            {
                found.Add(new OptionProblem(field.Path, e.Message));
            }
        }
        found.AddRange(options.Validate());
        problems = found;
        return options;
    }

    private static GenerationOptions With(GenerationOptions options, OptionField field, string text)
    {
        if (field.Path == "stopStrings")
            return options with { StopStrings = TextLines.Read(text) };
        text = text.Trim();
        if (text == "")
            throw new FormatException($"{field.Label} is blank. Enter a number.");
        return field.Path switch
        {
            "maxNewTokens" => options with { MaxNewTokens = (int)RunDraft.ParseInteger(text, int.MinValue, int.MaxValue) },
            "temperature" => options with { Temperature = RunDraft.ParseNumber(text) },
            "topK" => options with { TopK = (int)RunDraft.ParseInteger(text, int.MinValue, int.MaxValue) },
            "topP" => options with { TopP = RunDraft.ParseNumber(text) },
            "repetitionPenalty" => options with { RepetitionPenalty = RunDraft.ParseNumber(text) },
            "seed" => options with { Seed = RunDraft.ParseInteger(text, long.MinValue, long.MaxValue) },
            _ => throw new ArgumentException($"'{field.Path}' is no option of a generation.", nameof(field)),
        };
    }
}
