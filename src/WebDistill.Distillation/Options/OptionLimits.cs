namespace WebDistill.Distillation.Options;

/// <summary>The largest architecture that can be asked for or read: beyond it a number is a mistake, not a model.</summary>
public static class OptionLimits
{
    /// <summary>Transformer blocks.</summary>
    public const int Layers = 1024;

    /// <summary>Numbers per token in the residual stream; heads are at most as many.</summary>
    public const int Width = 65_536;

    /// <summary>Positions of a context.</summary>
    public const int Positions = 1_048_576;
}
