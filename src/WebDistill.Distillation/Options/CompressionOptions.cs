using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>How a student is compressed while it trains: what of the methods is on, and how. Each is off until its first option is above 0.</summary>
/// <remarks>All of it is part of the saved state: a run that goes on from a checkpoint keeps it.</remarks>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record CompressionOptions
{
    /// <summary>The smallest weights go, more and more of them.</summary>
    [Option("Magnitude pruning", "The smallest weights become 0, more and more of them as the training goes on.")]
    public MagnitudeScheduleOptions Magnitude { get; init; } = new();

    /// <summary>The weights that training moves towards 0 go.</summary>
    [Option("Movement pruning", "The weights that training moves towards 0 become 0: for a model that learns something new.")]
    public MovementOptions Movement { get; init; } = new();

    /// <summary>Layers are left out at random.</summary>
    [Option("LayerDrop", "Layers are left out at random while training, so that some of them can be dropped afterwards.")]
    public LayerDropOptions LayerDrop { get; init; } = new();

    /// <summary>The training feels that weights and activations are rounded.</summary>
    [Option("Quantisation-aware training", "Weights and what enters their products are rounded while training, so that the student learns to do with integers.")]
    public QuantisationOptions Quantisation { get; init; } = new();

    /// <summary>The steps of the integers are learned.</summary>
    [Option("Learned step size", "Weights are rounded to multiples of steps that are learned with them.")]
    public StepSizeOptions StepSize { get; init; } = new();

    /// <summary>What does not go together.</summary>
    internal void Validate(OptionProblems problems)
    {
        Magnitude.Validate(problems.In(OptionPath.Of(Magnitude)));
        Movement.Validate(problems.In(OptionPath.Of(Movement)));
        Quantisation.Validate(problems.In(OptionPath.Of(Quantisation)));
        StepSize.Validate(problems.In(OptionPath.Of(StepSize)));
        (string Path, bool IsOn)[] ofWeights =
        [
            (OptionPath.Of(Magnitude.Sparsity), Magnitude.Sparsity > 0), (OptionPath.Of(Movement.Sparsity), Movement.Sparsity > 0),
            (OptionPath.Of(Quantisation.Bits), Quantisation.Bits > 0), (OptionPath.Of(StepSize.Bits), StepSize.Bits > 0),
        ];
        string[] on = [.. ofWeights.Where(method => method.IsOn).Select(method => method.Path)];
        foreach (string other in on.Skip(1))
            problems.Add(other, $"compression.{on[0]} and compression.{other} are both above 0, and each decides what the same weights become; expected one of them. Set one to 0, or train one run after the other.");
    }

    /// <summary>What the precision of the run does not allow.</summary>
    internal void ValidateWith(Precision precision, OptionProblems problems)
    {
        if (precision == Precision.Float32)
            return;
        foreach ((string path, int bits) in new[] { (OptionPath.Of(Quantisation.Bits), Quantisation.Bits), (OptionPath.Of(StepSize.Bits), StepSize.Bits) })
        {
            if (bits > 0)
                problems.Add(path, $"The value is {bits} and the precision {precision}, which rounds what the integers stand for a second time, so that the student would learn to do with other numbers than it is saved with; "
                    + $"expected {Precision.Float32}. Choose that precision, or set the bits to 0.");
        }
    }

    /// <summary>What two updates between which something grows must be.</summary>
    internal static void ValidateSpan(double sparsity, double initial, double minimumKept, int begin, int? end, OptionProblems problems)
    {
        if (sparsity > 1 - minimumKept && sparsity < 1)
            problems.Add("sparsity", FormattableString.Invariant($"The sparsity {sparsity} leaves {1 - sparsity:0.######} of the weights, expected at least {minimumKept}, which is to stay in each matrix. ")
                + "Choose a lower sparsity, or keep less in each matrix.");
        if (sparsity > 0 && initial > sparsity)
            problems.Add("initialSparsity", FormattableString.Invariant($"The first sparsity is {initial}, expected at most {sparsity}, the last one. Choose 0 to begin with the whole model."));
        if (sparsity > 0 && end < begin)
            problems.Add("endUpdate", $"The last change is to be after update {end} and the first after update {begin}, expected no earlier one. Choose at least {begin}, or leave it blank.");
    }

    /// <summary>What bits must be.</summary>
    internal static void ValidateBits(int bits, OptionProblems problems)
    {
        if (bits == 1)
            problems.Add("bits", "The value is 1, of which the integers are -1 and 0 or nothing at all; expected 0, which is off, or 2 to 8. Choose 2 for the fewest.");
    }
}

/// <summary>Magnitude pruning on a schedule.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record MagnitudeScheduleOptions
{
    /// <summary>s_f.</summary>
    [Option("Magnitude: sparsity", "Share of the weights in the matrices of the layers that are 0 in the end.", Minimum = 0, Maximum = 1, ExcludesMaximum = true, IsFixedOnceBegun = true,
        Usual = "0.5 to 0.9 (Zhu and Gupta 2017).", Advice = "0 switches it off", ZeroMeans = "off", SliderMaximum = 0.95, SliderStep = 0.05)]
    public double Sparsity { get; init; }

    /// <summary>s_i.</summary>
    [Option("Magnitude: first sparsity", "Share that becomes 0 at once at the first change.", Minimum = 0, Maximum = 1, ExcludesMaximum = true, IsFixedOnceBegun = true, Usual = "0.",
        Advice = "0 begins with the whole model")]
    public double InitialSparsity { get; init; }

    /// <summary>Among which weights.</summary>
    [Option("Magnitude: smallest of", "Whether each matrix loses the same share, or all of them together, so that those of small weights lose more.", IsFixedOnceBegun = true,
        Usual = "EachMatrix; AllMatrices loses less at high sparsity.")]
    public PruningScope Scope { get; init; }

    /// <summary>Share of a matrix that stays in any case.</summary>
    [Option("Magnitude: kept in each matrix", "Share of the weights of each matrix that stays in any case.", Minimum = 0, Maximum = 1, ExcludesMaximum = true, IsFixedOnceBegun = true,
        Usual = "0.005 (Sanh et al. 2020).", Advice = "0 lets a matrix become empty")]
    public double MinimumKept { get; init; } = 0.005;

    /// <summary>t_0.</summary>
    [Option("Magnitude: first change", "After how many updates the first weights become 0.", Unit = "updates", Minimum = 0, IsFixedOnceBegun = true, Usual = "0 for a model that has learned already.",
        Advice = "a number of updates")]
    public int BeginUpdate { get; init; }

    /// <summary>t_1; null is three quarters of the run.</summary>
    [Option("Magnitude: last change", "After how many updates the sparsity is reached; what is left then is trained on. Blank is after three quarters of the run.", Unit = "updates", Minimum = 0,
        IsFixedOnceBegun = true, Usual = "Blank.", Advice = "a number of updates")]
    public int? EndUpdate { get; init; }

    /// <summary>Δt.</summary>
    [Option("Magnitude: interval", "Updates between two changes.", Unit = "updates", Minimum = 1, IsFixedOnceBegun = true, Usual = "100 to 1000 (Zhu and Gupta 2017); fewer in short runs.",
        Advice = "a number of updates")]
    public int Interval { get; init; } = 100;

    /// <summary>Whether weights may come back.</summary>
    [Option("Magnitude: weights may return", "Trains the weights behind the zeros on, so that one which grows comes back at the next change. Takes the memory of the layers once more.", IsFixedOnceBegun = true, Usual = "Off.")]
    public bool Regrows { get; init; }

    internal void Validate(OptionProblems problems) => CompressionOptions.ValidateSpan(Sparsity, InitialSparsity, MinimumKept, BeginUpdate, EndUpdate, problems);
}

/// <summary>Movement pruning.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record MovementOptions
{
    /// <summary>1 − v at the end.</summary>
    [Option("Movement: sparsity", "Share of the weights in the matrices of the layers that are 0 in the end.", Minimum = 0, Maximum = 1, ExcludesMaximum = true, IsFixedOnceBegun = true,
        Usual = "0.85 to 0.97 (Sanh et al. 2020).", Advice = "0 switches it off", ZeroMeans = "off", SliderMaximum = 0.97, SliderStep = 0.01)]
    public double Sparsity { get; init; }

    /// <summary>Among which weights.</summary>
    [Option("Movement: lowest of", "Whether each matrix loses the same share, or all of them together, so that those of low scores lose more.", IsFixedOnceBegun = true, Usual = "EachMatrix (Sanh et al. 2020).")]
    public PruningScope Scope { get; init; }

    /// <summary>Share of a matrix that stays in any case.</summary>
    [Option("Movement: kept in each matrix", "Share of the weights of each matrix that stays in any case.", Minimum = 0, Maximum = 1, ExcludesMaximum = true, IsFixedOnceBegun = true,
        Usual = "0.005 (Sanh et al. 2020).", Advice = "0 lets a matrix become empty")]
    public double MinimumKept { get; init; } = 0.005;

    /// <summary>Until when nothing is 0.</summary>
    [Option("Movement: first change", "After how many updates the first weights become 0; scores are learned before.", Unit = "updates", Minimum = 0, IsFixedOnceBegun = true,
        Usual = "The warm-up of the learning rate (Sanh et al. 2020).", Advice = "a number of updates")]
    public int BeginUpdate { get; init; }

    /// <summary>From when on the sparsity is the last one; null is three quarters of the run.</summary>
    [Option("Movement: last rise", "After how many updates the sparsity is reached; which weights are 0 still changes then. Blank is after three quarters of the run.", Unit = "updates", Minimum = 0,
        IsFixedOnceBegun = true, Usual = "Blank.", Advice = "a number of updates")]
    public int? EndUpdate { get; init; }

    /// <summary>Updates between two choices.</summary>
    [Option("Movement: interval", "Updates between two choices of the weights that are 0.", Unit = "updates", Minimum = 1, IsFixedOnceBegun = true, Usual = "1; more saves time in large models.",
        Advice = "a number of updates")]
    public int Interval { get; init; } = 1;

    internal void Validate(OptionProblems problems) => CompressionOptions.ValidateSpan(Sparsity, 0, MinimumKept, BeginUpdate, EndUpdate, problems);
}

/// <summary>LayerDrop.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record LayerDropOptions
{
    /// <summary>p.</summary>
    [Option("LayerDrop: probability", "With which each layer is left out of a micro-batch, whatever becomes of the others.", Minimum = 0, Maximum = 1, ExcludesMaximum = true, IsFixedOnceBegun = true,
        Usual = "0.2; 0.5 where half of the layers are to be dropped afterwards (Fan et al. 2019). Take 0.1 off the dropout.", Advice = "0 switches it off", ZeroMeans = "off", SliderMaximum = 0.5, SliderStep = 0.05)]
    public double Probability { get; init; }
}

/// <summary>Quantisation-aware training.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record QuantisationOptions
{
    /// <summary>b of the weights.</summary>
    [Option("Quantisation: bits of the weights", "Bits of the integers that the matrices of the layers are rounded to, with a scale per row.", Unit = "bits", Minimum = 0, Maximum = 8, IsFixedOnceBegun = true,
        Usual = "8; 4 and fewer are where training helps most.", Advice = "0 switches it off, else 2 to 8", ZeroMeans = "off")]
    public int Bits { get; init; }

    /// <summary>Whether activations are rounded too.</summary>
    [Option("Quantisation: activations too", "Rounds to 8 bits what enters the products of the layers while training, over a moving range of each. The student that is saved computes them as floats.", IsFixedOnceBegun = true,
        Usual = "On, for a model that is to compute with integers.")]
    public bool RoundsActivations { get; init; } = true;

    /// <summary>m.</summary>
    [Option("Quantisation: momentum of ranges", "Share of the old range that stays at each update.", Minimum = 0, Maximum = 1, ExcludesMaximum = true, IsFixedOnceBegun = true, Usual = "0.99; 0.999 in long runs (Sun et al. 2020).",
        Advice = "0 takes each update's own range")]
    public double RangeMomentum { get; init; } = 0.99;

    /// <summary>After how many updates it begins.</summary>
    [Option("Quantisation: first rounding", "After how many updates weights and activations are rounded; ranges are watched before.", Unit = "updates", Minimum = 0, IsFixedOnceBegun = true,
        Usual = "0 for a model that has learned already.", Advice = "a number of updates")]
    public int BeginUpdate { get; init; }

    internal void Validate(OptionProblems problems) => CompressionOptions.ValidateBits(Bits, problems);
}

/// <summary>For how many weights there is one step.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<StepScope>))]
public enum StepScope
{
    /// <summary>The whole matrix, as in the paper.</summary>
    EachMatrix,

    /// <summary>Those that make one output.</summary>
    EachRow,
}

/// <summary>Learned step size quantisation.</summary>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record StepSizeOptions
{
    /// <summary>b.</summary>
    [Option("Step size: bits of the weights", "Bits of the integers that the matrices of the layers are rounded to.", Unit = "bits", Minimum = 0, Maximum = 8, IsFixedOnceBegun = true,
        Usual = "2 to 4 (Esser et al. 2020).", Advice = "0 switches it off, else 2 to 8", ZeroMeans = "off")]
    public int Bits { get; init; }

    /// <summary>For how many weights there is one step.</summary>
    [Option("Step size: one for", "Whether each row of a matrix has a step, or the matrix has one.", IsFixedOnceBegun = true, Usual = "EachMatrix (Esser et al. 2020); EachRow follows rows of different sizes.")]
    public StepScope Scope { get; init; }

    /// <summary>What the learning rate of the weights is multiplied by for the steps.</summary>
    [Option("Step size: rate of the steps", "How fast the steps change: times the learning rate of the weights, whose schedule they follow.", Unit = "× the learning rate", Minimum = 0, Maximum = 1000, ExcludesMinimum = true,
        IsFixedOnceBegun = true, Usual = "1, or less.", Advice = "1 is as fast as the weights")]
    public double RateFactor { get; init; } = 1;

    internal void Validate(OptionProblems problems) => CompressionOptions.ValidateBits(Bits, problems);
}
