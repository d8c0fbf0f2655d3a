namespace WebDistill.Distillation.Files;

/// <summary>
/// Numbers that are not finite happen: a mean loss above 709.78 nats has a perplexity beyond the largest number, and weights that ran away
/// have none at all. How they are called, on every page, in every file and in every log, and how they rank.
/// </summary>
public static class NotFinite
{
    /// <summary>+∞, which here is always a number that is too large to be written: the largest is 1.8e308.</summary>
    public const string TooLarge = "over 1e308";

    /// <summary>−∞.</summary>
    public const string TooSmall = "under \u22121e308";

    /// <summary>NaN, as of ∞ − ∞.</summary>
    public const string NotANumber = "not a number";

    /// <summary>From the lowest on, NaN last: where lower is better, +∞ is the worst number and NaN is worse still.</summary>
    public static IComparer<double> NaNLast { get; } = Comparer<double>.Create((x, y) =>
        double.IsNaN(x) || double.IsNaN(y) ? double.IsNaN(x).CompareTo(double.IsNaN(y)) : x.CompareTo(y));

    /// <summary>What the number is called; null for a finite one, which is written in digits.</summary>
    public static string? Text(double value) => value switch
    {
        double.PositiveInfinity => TooLarge,
        double.NegativeInfinity => TooSmall,
        double.NaN => NotANumber,
        _ => null,
    };
}
