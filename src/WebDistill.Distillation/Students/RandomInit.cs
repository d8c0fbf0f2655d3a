using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Students;

/// <summary>
/// Fresh weights, as the family draws them: for GPT-2 N(0, σ²), biases 0, layer norms 1 and 0, and σ/√(2·n_layer) for the projections that end a
/// residual branch (c_proj).
/// </summary>
/// <remarks>
/// σ is <see cref="RunOptions.InitialiserRange"/>; the rule is that of Hugging Face's GPT-2. With a teacher, family, width, heads, positions and
/// vocabulary are the teacher's.
/// </remarks>
public sealed class RandomInit : StudentInit
{
    internal const string InitName = "random";

    /// <inheritdoc/>
    public override string Name => InitName;

    /// <inheritdoc/>
    public override string Description => "Freshly drawn weights.";

    internal override void Validate(RunOptions options, OptionProblems problems)
    {
        if (options.TeacherId is not null)
            return;
        if (options.StudentLayerCount is null)
            problems.Add(nameof(options.StudentLayerCount), "The number of layers is missing. Without a teacher it must be given.");
        if (options.StudentWidth is null)
            problems.Add(nameof(options.StudentWidth), "The width is missing. Without a teacher it must be given.");
        if (options.StudentHeads is null)
            problems.Add(nameof(options.StudentHeads), "The number of attention heads is missing. Without a teacher it must be given.");
        if (options.ContextLength is null)
            problems.Add(nameof(options.ContextLength),
                "The context length is missing. Without a teacher it must be given: it becomes the model's n_positions.");
    }

    internal override Architecture Configure(StudentOrigin origin)
    {
        RunOptions options = origin.Options;
        Architecture fresh = origin.Teacher?.WithLayers(origin.LayerCount) ?? ModelFamilies.Default.Create(new NewModel(
            origin.VocabularySize, options.ContextLength ?? throw Missing("context length"), options.StudentWidth ?? throw Missing("width"),
            origin.LayerCount, options.StudentHeads ?? throw Missing("number of attention heads"), origin.EndOfTextId));
        Architecture student = origin.InTraining(fresh.WithInitialiserRange(options.InitialiserRange));
        try
        {
            student.Validate();
        }
        catch (InvalidDataException problem)
        {
            throw new ArgumentException($"The student cannot be built: {problem.Message}", problem);
        }
        return student;
    }

    internal override TextModel Create(StudentOrigin origin, TextModel? teacher, TextModel? checkpoint) =>
        TextModel.CreateRandom(Configure(origin), origin.Options.Seed);

    private static ArgumentException Missing(string what) => new($"The student's {what} is missing. Without a teacher it must be given.");
}
