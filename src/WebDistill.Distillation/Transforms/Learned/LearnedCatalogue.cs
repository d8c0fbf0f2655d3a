using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Transforms.Learned;

/// <summary>The catalogue of compression that is learned. To add a method: write its file, its options in <see cref="CompressionOptions"/>, and one line here.</summary>
public static class LearnedCatalogue
{
    /// <summary>Every method, in the order of the form.</summary>
    public static IReadOnlyList<LearnedCompression> All { get; } = [new MagnitudeSchedule(), new MovementPruning(), new LayerDrop(), new QuantisationAware(), new LearnedStepSize()];

    /// <summary>Those of a run.</summary>
    public static IReadOnlyList<LearnedCompression> Active(RunOptions options) => [.. All.Where(method => method.IsOn(options))];

    /// <summary>Why the methods of a run do not fit its student; empty where they do.</summary>
    internal static IReadOnlyList<OptionProblem> Mismatches(RunOptions options, IReadOnlyList<Loss> losses, Architecture student, int? totalUpdates) =>
        [.. Active(options).Select(method => method.Mismatch(options, losses, student, totalUpdates)).OfType<OptionProblem>()];

    /// <summary>What the methods of a run keep beside its student.</summary>
    internal static BesideStudent Beside(RunOptions options, Architecture student) =>
        Active(options).Aggregate(default(BesideStudent), (sum, method) => sum + method.Beside(options, student));

    /// <summary>The methods of a run at work.</summary>
    /// <exception cref="ArgumentException">One does not fit the student.</exception>
    internal static IReadOnlyList<BoundCompression> Bind(RunOptions options, IReadOnlyList<Loss> losses, TextModel student, int totalUpdates)
    {
        if (Mismatches(options, losses, student.Architecture, totalUpdates) is [OptionProblem problem, ..])
            throw new ArgumentException($"{problem.Field}: {problem.Message}");
        return [.. Active(options).Select(method => method.Bind(options, student, totalUpdates))];
    }
}
