using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>How an update changes the weights: AdamW on a clipped gradient.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record OptimiserOptions
{
    /// <summary>Peak learning rate of AdamW.</summary>
    [Option("Learning rate", "Peak step size of AdamW.", Usual = "1e-4 to 1e-3; 2.5e-4 (Sanh et al. 2019). Smaller models bear more.",
        Unit = "peak", Minimum = 0, Maximum = 10, ExcludesMinimum = true, Advice = "usual values lie between 1e-5 and 1e-3")]
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>Decoupled weight decay (biases excluded).</summary>
    [Option("Weight decay", "Decoupled decay of the weights towards 0, biases excluded.", Usual = "0 to 0.1 (Loshchilov and Hutter 2019).",
        Minimum = 0, Maximum = 10, Advice = "0 switches it off", ZeroMeans = "off")]
    public double WeightDecay { get; init; }

    /// <summary>AdamW's first-moment decay.</summary>
    [Option("Adam β₁", "Decay of the first moment.", Usual = "0.9 (Kingma and Ba 2015).", Minimum = 0, Maximum = 1, ExcludesMaximum = true,
        Advice = "0.9 is usual")]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's second-moment decay.</summary>
    [Option("Adam β₂", "Decay of the second moment.", Usual = "0.95 to 0.999; 0.98 (Hugging Face's distillation project).", Minimum = 0,
        Maximum = 1, ExcludesMaximum = true, Advice = "0.98 is usual")]
    public double AdamBeta2 { get; init; } = 0.98;

    /// <summary>AdamW's epsilon, added outside the square root.</summary>
    [Option("Adam ε", "Added outside the square root.", Usual = "1e-8 to 1e-6; 1e-6 (Sanh et al. 2019).", Minimum = 0, Maximum = 1,
        ExcludesMinimum = true, Advice = "1e-6 is usual")]
    public double AdamEpsilon { get; init; } = 1e-6;

    /// <summary>Global gradient norm above which the gradient is scaled down.</summary>
    [Option("Max gradient norm", "A gradient with a larger global norm is scaled down to it.", Usual = "1 to 5 (Pascanu et al. 2013).",
        Minimum = 0, Maximum = 1e30, ExcludesMinimum = true, Advice = "5 is usual, a very large one never clips")]
    public double MaxGradientNorm { get; init; } = 5.0;
}
