using System.Globalization;
using WebDistill.Distillation;
using WebDistill.Distillation.Generation;

namespace WebDistill.Web.Components.Forms;

/// <summary>The options of a generation as they are being typed: one text per number, read by the same rules as a run's options.</summary>
public sealed class SamplingDraft
{
    /// <summary>The numbers, in the order in which they stand in the row.</summary>
    public static IReadOnlyList<OptionField> Fields { get; } =
    [
        new("maxNewTokens", "Max new tokens", OptionKind.Integer,
            "Each model writes at most this many. End of text and a full context end it earlier.",
            "50 to 500."),
        new("temperature", "Temperature", OptionKind.Number,
            "Divides the logits before the softmax: below 1 sharpens the choice, above 1 flattens it.",
            "0.7 to 1; 1 leaves the model's probabilities as they are."),
        new("topK", "Top-k", OptionKind.Integer,
            "Draws among the k likeliest tokens only. 0 draws among all.", "40 (Radford et al. 2019)."),
        new("topP", "Top-p", OptionKind.Number,
            "Draws among the fewest tokens whose probabilities sum to at least p. 1 draws among all.",
            "0.9 to 0.95 (Holtzman et al. 2020)."),
        new("seed", "Seed", OptionKind.Integer, "Of the draws: the same seed, model, prompt and options give the same text again."),
    ];

    private readonly Dictionary<string, string> _texts = new()
    {
        ["maxNewTokens"] = "100",
        ["temperature"] = "0.8",
        ["topK"] = "40",
        ["topP"] = "1",
        ["seed"] = "1",
    };

    /// <summary>Whether the likeliest token is always taken; only <c>maxNewTokens</c> is read then.</summary>
    public bool Greedy { get; set; }

    /// <summary>The text of a number.</summary>
    public string this[string field]
    {
        get => _texts[field];
        set => _texts[field] = value;
    }

    /// <summary>Whether the field has no effect at present.</summary>
    public bool IsIdle(string field) => Greedy && field != "maxNewTokens";

    /// <summary>Draws another seed, short enough to be read out.</summary>
    public void NewSeed() => _texts["seed"] = Random.Shared.Next(1, 1_000_000).ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// The options, with the default in place of every text that cannot be read; <paramref name="problems"/> says which and why.
    /// </summary>
    public GenerationOptions Read(out IReadOnlyList<OptionProblem> problems)
    {
        List<OptionProblem> found = [];
        var options = new GenerationOptions { Greedy = Greedy };
        foreach (OptionField field in Fields.Where(field => !IsIdle(field.Name)))
        {
            try
            {
                options = With(options, field, _texts[field.Name].Trim());
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
        if (text == "")
            throw new FormatException($"{field.Label} is blank. Enter a number.");
        return field.Name switch
        {
            "maxNewTokens" => options with { MaxNewTokens = (int)RunDraft.ParseInteger(text, int.MinValue, int.MaxValue) },
            "temperature" => options with { Temperature = RunDraft.ParseNumber(text) },
            "topK" => options with { TopK = (int)RunDraft.ParseInteger(text, int.MinValue, int.MaxValue) },
            "topP" => options with { TopP = RunDraft.ParseNumber(text) },
            "seed" => options with { Seed = RunDraft.ParseInteger(text, long.MinValue, long.MaxValue) },
            _ => throw new ArgumentException($"'{field.Name}' is no option of a generation.", nameof(field)),
        };
    }
}
