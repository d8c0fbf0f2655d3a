using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Students;

/// <summary>
/// Goes on from a stored model: same architecture, same weights, the run's dropout. Over labelled examples a model without classes gets a head for them, freshly drawn, in the place of its own.
/// </summary>
public sealed class CheckpointInit : StudentInit
{
    /// <summary>As options spell it.</summary>
    public const string InitName = "checkpoint";

    /// <summary>The model that a run with these options begins with; null when its student begins otherwise. The options must have been
    /// checked.</summary>
    public static Guid? ModelOf(RunOptions options) =>
        options.Student.Initialisation == InitName && options.Student.ModelId is string id ? Guid.Parse(id) : null;

    /// <inheritdoc/>
    public override string Name => InitName;

    /// <inheritdoc/>
    public override string Source => "Sanh et al. 2019 fine-tune their DistilBERT so";

    /// <inheritdoc/>
    public override string Description => "Starts from a stored model.";

    /// <inheritdoc/>
    public override bool NeedsCheckpoint => true;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Uses => ["student.modelId"];

    internal override void Validate(RunOptions options, OptionProblems problems)
    {
        if (string.IsNullOrWhiteSpace(options.Student.ModelId))
            problems.Add(OptionPath.Of(options.Student.ModelId),
                $"'{InitName}' starts from a model, and none is chosen. Choose the model to start from.");
    }

    internal override Architecture Configure(StudentOrigin origin)
    {
        Architecture stored = origin.Checkpoint ?? throw new ArgumentException("The student starts from a stored model, and none is chosen. Choose one.");
        return origin.InTraining(origin.Classes is { } classes && stored.TextClasses is null ? stored.WithClasses(new ClassHead(classes, ProblemType.SingleLabel)) ?? stored : stored);
    }

    internal override TextModel Create(StudentOrigin origin, TextModel? teacher, TextModel? checkpoint) =>
        TextModel.CreateFrom(Configure(origin), checkpoint!, [.. Enumerable.Range(0, checkpoint!.Architecture.Layers)],
            checkpoint.Architecture.TextClasses is null ? origin.Options.Seed : null);
}
