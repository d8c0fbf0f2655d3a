namespace WebDistill.Web.Playground;

/// <summary>A way of drawing tokens that has a name.</summary>
/// <param name="Name">As its button says.</param>
/// <param name="What">What it is for.</param>
/// <param name="Texts">The options that it sets, as <see cref="SamplingDraft.Texts"/> gives them; length, seed and stop strings are left as they are.</param>
public sealed record SamplingPreset(string Name, string What, IReadOnlyDictionary<string, string> Texts)
{
    /// <summary>The catalogue.</summary>
    public static IReadOnlyList<SamplingPreset> All { get; } =
    [
        new("Greedy", "The likeliest token each time: the same text every time.", new Dictionary<string, string> { ["greedy"] = "true" }),
        new("Balanced", "Temperature 0.8 among the 40 likeliest tokens.", new Dictionary<string, string> { ["temperature"] = "0.8", ["topK"] = "40", ["topP"] = "1" }),
        new("Creative", "Temperature 1.1 among the likeliest tokens that have 95 % together.", new Dictionary<string, string> { ["temperature"] = "1.1", ["topK"] = "0", ["topP"] = "0.95" }),
    ];
}
