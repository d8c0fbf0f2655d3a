using System.Text.Json.Serialization;

namespace WebDistill.Distillation.Options;

/// <summary>What the guards of a run do when they see something, where nothing else is said of one.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<GuardPreset>))]
public enum GuardPreset
{
    /// <summary>Nobody watches.</summary>
    Off,

    /// <summary>Every guard says what it sees and changes nothing.</summary>
    Watch,

    /// <summary>Each guard does what helps against what it sees (<c>Guard.WhenActing</c>).</summary>
    Act,
}

/// <summary>What one guard does when it sees something.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<GuardResponse>))]
public enum GuardResponse
{
    /// <summary>What the preset says.</summary>
    ByPreset,

    /// <summary>It does not look.</summary>
    Off,

    /// <summary>It says so.</summary>
    Watch,

    /// <summary>It says so, and the run saves its state and rests.</summary>
    Pause,

    /// <summary>It says so, and the run saves its state and ends.</summary>
    Stop,

    /// <summary>It says so, and the run goes back to its last good checkpoint and on from there with half the learning rate.</summary>
    RollBack,
}

/// <summary>Who looks after a run while nobody does, and what they may do.</summary>
/// <remarks>They change nothing that is computed until one acts, so that a run that was begun may get others.</remarks>
[JsonNumberHandling(JsonNumberHandling.Strict)]
public sealed record GuardOptions
{
    /// <summary>What all guards do of which nothing else is said.</summary>
    [Option("Guards",
        "Watch says what goes wrong: on the page, in the chart, to the webhook. Act also pauses, stops or rolls back. Off looks at nothing.",
        Usual = "Watch; Act for a run that nobody looks after.")]
    public GuardPreset Preset { get; init; } = GuardPreset.Watch;

    /// <summary>At a loss, a gradient or a measurement that is not a finite number.</summary>
    [Option("At a number that is not finite", "A loss, the gradient or the validation became infinite or not a number. Acting rolls back.")]
    public GuardResponse NonFinite { get; init; }

    /// <summary>At a loss far above its running median.</summary>
    [Option("At a spike of the loss", "The total loss is far above its running median. Acting rolls back.",
        Usual = "Going back to before a spike and on another way (Chowdhery et al. 2022).")]
    public GuardResponse Spike { get; init; }

    /// <summary>At a loss that does not improve any more.</summary>
    [Option("At a plateau", "The total loss certainly did not improve over a tenth of the run. Acting says so and no more.")]
    public GuardResponse Plateau { get; init; }

    /// <summary>When no update comes.</summary>
    [Option("At a stall", "No update for many times as long as one usually takes. A loop that does not come back can be told of and not commanded.")]
    public GuardResponse Stall { get; init; }

    /// <summary>When updates take many times as long as they did.</summary>
    [Option("At a collapse of the speed", "For half a minute, less than a third of the usual tokens per second. Acting says so and no more.")]
    public GuardResponse Throughput { get; init; }

    /// <summary>When nothing is learned.</summary>
    [Option("At a run that learns nothing", "Teacher and student are the same, a term has no gradient, or the gradient is 0. Acting pauses.")]
    public GuardResponse NoOp { get; init; }

    /// <summary>When <see cref="Measure"/> rises.</summary>
    [Option("At a rising measure", "Early stopping: the measure below did not improve for as many measurements as the patience says. Acting stops.",
        Usual = "Stop, for a small text and many epochs (Prechelt 1998).")]
    public GuardResponse Validation { get; init; }

    /// <summary>When the machine has hardly any memory left.</summary>
    [Option("At memory near its limit", "Less than 5 % of the machine's memory is free. Acting pauses, before the system ends the server.")]
    public GuardResponse Memory { get; init; }

    /// <summary>Name of the series that <see cref="Validation"/> looks at.</summary>
    [Option("Measure to watch", "What early stopping looks at: a loss of the run, or the validation.", IsChosen = true,
        Usual = "validationNatsPerToken, the mean loss on the held-out text; over labelled examples their cross-entropy.")]
    public string Measure { get; init; } = "validationNatsPerToken";

    /// <summary>Measurements in a row without an improvement after which <see cref="Validation"/> speaks.</summary>
    [Option("Patience", "Measurements in a row that may bring no improvement; early stopping speaks at the last of them.",
        Usual = "3 to 10.", Unit = "measurements", Minimum = 1, Maximum = 1_000_000, Advice = "measurements in a row without an improvement")]
    public int Patience { get; init; } = 5;

    /// <summary>The least by which a measurement must be better than the best one to count as an improvement.</summary>
    [Option("Minimum improvement",
        "How much better than the best one a measurement must be to count. With 0 only a measure that gets worse speaks; above 0 one that stays flat does too.",
        Usual = "0 to 0.01.", Minimum = 0, Maximum = 1e6, Advice = "0 speaks of a measure that rises only")]
    public double MinimumImprovement { get; init; }

    internal void Validate(OptionProblems problems)
    {
        // Against these another learning rate cannot help: the updates would be made again for nothing.
        foreach ((string path, GuardResponse response) in new[]
        {
            (OptionPath.Of(Stall), Stall), (OptionPath.Of(Throughput), Throughput), (OptionPath.Of(Memory), Memory),
        })
        {
            if (response == GuardResponse.RollBack)
                problems.Add(path, "The value is RollBack, which helps against what the numbers of a run do and not against the machine. Choose Watch, Pause or Stop.");
        }
    }
}
