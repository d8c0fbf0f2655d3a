namespace WebDistill.Web.Evaluations;

/// <summary>How a text is cut into windows, by the name of what it reproduces.</summary>
/// <param name="Name">As the address and the list say.</param>
/// <param name="Label">What it reproduces.</param>
/// <param name="Stride">The stride for a context length; null takes the service's own, half of it.</param>
public sealed record WindowPreset(string Name, string Label, Func<int, int?> Stride)
{
    /// <summary>The catalogue, the usual one first.</summary>
    public static IReadOnlyList<WindowPreset> All { get; } =
    [
        new("half", "Half a window (Hugging Face's guide)", _ => null),
        new("none", "No overlap (a run's validation, Hugging Face's script)", context => context),
        new("32", "Stride 32 (OpenAI's table)", context => Math.Min(32, context)),
    ];
}
