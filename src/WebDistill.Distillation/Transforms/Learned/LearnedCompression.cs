using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>A way to compress a student that is learned while it trains. What the run leaves is a plain model of the same family.</summary>
public abstract class LearnedCompression
{
    /// <summary>What the paths of all their options begin with.</summary>
    public const string Group = "compression";

    /// <summary>Short name, as used in messages and answers; its options are those below <c>compression.</c> and it.</summary>
    public abstract string Name { get; }

    /// <summary>What it is called in the literature.</summary>
    public abstract string Title { get; }

    /// <summary>What it does and when it is the right choice, in a sentence or two.</summary>
    public abstract string What { get; }

    /// <summary>Formula, for people.</summary>
    public abstract string Formula { get; }

    /// <summary>Where it comes from.</summary>
    public abstract string Source { get; }

    /// <summary>Its options: the first one is above 0 where it is on.</summary>
    public IReadOnlyList<OptionField> Fields => field ??= [.. OptionSchema.Of<RunOptions>().In($"{Group}.{Name}")];

    /// <summary>A value of its first option that shows what it does.</summary>
    public abstract object Example { get; }

    /// <summary>Whether a run has it.</summary>
    public abstract bool IsOn(RunOptions options);

    /// <summary>Whether the student is compressed more and more, so that it is another one in the middle of the run than in the end.</summary>
    public virtual bool Grows => false;

    /// <summary>What it reports of every update.</summary>
    public abstract IReadOnlyList<StepSeries> Series { get; }

    /// <summary>Why it cannot be had with that student, with what was expected and the fix; null when it can. Asked before a run is launched.</summary>
    /// <param name="losses">What is minimised.</param>
    /// <param name="totalUpdates">Of the run; null where it is not known yet.</param>
    internal abstract OptionProblem? Mismatch(RunOptions options, IReadOnlyList<Loss> losses, Architecture student, int? totalUpdates);

    /// <summary>What it keeps beside the student.</summary>
    internal virtual BesideStudent Beside(RunOptions options, Architecture student) => default;

    /// <summary>The method at work on a student, of which <see cref="Mismatch"/> says nothing.</summary>
    internal abstract BoundCompression Bind(RunOptions options, TextModel student, int totalUpdates);

    /// <summary>A refusal at one of its options.</summary>
    /// <param name="option">In camelCase.</param>
    private protected OptionProblem At(string option, string message) => new($"{Group}.{Name}.{option}", message);

    /// <summary>A refusal of something that would begin or end after the run; null where it does not.</summary>
    /// <param name="option">In camelCase.</param>
    private protected OptionProblem? NotWithin(string option, int? update, int? totalUpdates) => update > totalUpdates - 1
        ? At(option, $"The value is {update} updates and the run makes {totalUpdates}, expected at most {totalUpdates - 1}, so that the student is trained with it. Choose fewer, or train longer.") : null;
}

/// <summary>What a method of compression needs beside a student.</summary>
/// <param name="Trained">Numbers that are trained: each has a gradient and two moments.</param>
/// <param name="MemoryBytes">Bytes of what else is kept in memory.</param>
/// <param name="FileBytes">Bytes of what else is kept in a checkpoint.</param>
internal readonly record struct BesideStudent(long Trained, long MemoryBytes, long FileBytes)
{
    /// <summary>Both together.</summary>
    public static BesideStudent operator +(BesideStudent left, BesideStudent right) => new(left.Trained + right.Trained, left.MemoryBytes + right.MemoryBytes, left.FileBytes + right.FileBytes);
}
