namespace WebDistill.Distillation.Options;

/// <summary>How an option is written by a person and read.</summary>
public enum OptionKind
{
    /// <summary>Free text.</summary>
    Text,

    /// <summary>A number with a decimal point.</summary>
    Number,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>On or off.</summary>
    Boolean,

    /// <summary>One entry of a list.</summary>
    Choice,

    /// <summary>Numbers of layers, counted from 0.</summary>
    LayerList,

    /// <summary>Some numbers with decimal points.</summary>
    Numbers,

    /// <summary>Some entries of a list, in an order.</summary>
    Entries,

    /// <summary>Some texts, a line each.</summary>
    Lines,
}

/// <summary>
/// Everything that is said about one option, or a group of them, beside it. Form, HTTP API, validation, comparison of runs, sweeps and the rules of
/// going on read it through <see cref="OptionSchema"/>; nothing about an option stands anywhere else.
/// </summary>
/// <param name="label">Its name on a form: a word or three.</param>
/// <param name="what">What it does, in a sentence or two with its unit.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OptionAttribute(string label, string what) : Attribute
{
    /// <summary>Its name on a form.</summary>
    public string Label { get; } = label;

    /// <summary>What it does.</summary>
    public string What { get; } = what;

    /// <summary>The usual values, and where they come from.</summary>
    public string? Usual { get; init; }

    /// <summary>What a number counts, as it stands behind the field.</summary>
    public string? Unit { get; init; }

    /// <summary>What 0 means, in a word such as "off"; null where it is a number like others.</summary>
    public string? ZeroMeans { get; init; }

    /// <summary>The least number that is allowed.</summary>
    public double Minimum { get; init; } = double.NegativeInfinity;

    /// <summary>The largest number that is allowed.</summary>
    public double Maximum { get; init; } = double.PositiveInfinity;

    /// <summary>A number must be above <see cref="Minimum"/>.</summary>
    public bool ExcludesMinimum { get; init; }

    /// <summary>A number must be below <see cref="Maximum"/>.</summary>
    public bool ExcludesMaximum { get; init; }

    /// <summary>Where a slider beside the number begins.</summary>
    public double SliderMinimum { get; init; }

    /// <summary>Where a slider beside the number ends: usual values, not bounds; there is none where it does not end above its beginning.</summary>
    public double SliderMaximum { get; init; }

    /// <summary>The distance of the slider's numbers.</summary>
    public double SliderStep { get; init; }

    /// <summary>What a message about a number out of range ends with: the meaning of a whole number, advice for another.</summary>
    public string? Advice { get; init; }

    /// <summary>A text that names an entry of a list and is chosen, not written.</summary>
    public bool IsChosen { get; init; }

    /// <summary>A name for people: it changes nothing that is computed, and is neither compared nor varied.</summary>
    public bool IsLabel { get; init; }

    /// <summary>Blank is allowed, and <see cref="What"/> says what it means; so it is for everything that can be null.</summary>
    public bool IsOptional { get; init; }

    /// <summary>A run that goes on from a checkpoint keeps it: corpus, order and the student's shape are part of the saved state.</summary>
    public bool IsFixedOnceBegun { get; init; }
}
