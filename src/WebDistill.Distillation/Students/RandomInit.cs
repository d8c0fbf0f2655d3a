using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Students;

/// <summary>
/// Fresh weights: N(0, σ²), biases 0, layer norms 1 and 0, and σ/√(2·n_layer) for the projections that end a residual branch (c_proj).
/// </summary>
/// <remarks>
/// σ is <see cref="StudentOptions.InitialiserRange"/>; the rule is that of Hugging Face's GPT-2. With a teacher, width, heads,
/// positions and vocabulary are the teacher's.
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
        if (options.Teacher.ModelId is not null)
            return;
        if (options.Student.LayerCount is null)
            problems.Add(OptionPath.Of(options.Student.LayerCount), "The number of layers is missing. Without a teacher it must be given.");
        if (options.Student.Width is null)
            problems.Add(OptionPath.Of(options.Student.Width), "The width is missing. Without a teacher it must be given.");
        if (options.Student.Heads is null)
            problems.Add(OptionPath.Of(options.Student.Heads), "The number of attention heads is missing. Without a teacher it must be given.");
        if (options.Data.ContextLength is null)
            problems.Add(OptionPath.Of(options.Data.ContextLength),
                "The context length is missing. Without a teacher it must be given: it becomes the model's n_positions.");
    }

    internal override Gpt2Config Configure(StudentOrigin origin)
    {
        RunOptions options = origin.Options;
        Gpt2Config config = origin.Teacher is { } teacher
            ? teacher with { NLayer = origin.LayerCount }
            : new Gpt2Config
            {
                VocabSize = origin.VocabularySize,
                NPositions = options.Data.ContextLength ?? throw Missing("context length"),
                NEmbd = options.Student.Width ?? throw Missing("width"),
                NLayer = origin.LayerCount,
                NHead = options.Student.Heads ?? throw Missing("number of attention heads"),
                BosTokenId = origin.EndOfTextId,
                EosTokenId = origin.EndOfTextId,
            };
        config = origin.WithRunDropout(config with { InitializerRange = options.Student.InitialiserRange });
        try
        {
            config.Validate();
        }
        catch (InvalidDataException problem)
        {
            throw new ArgumentException($"The student cannot be built: {problem.Message}", problem);
        }
        return config;
    }

    internal override Gpt2 Create(StudentOrigin origin, Gpt2? teacher, Gpt2? checkpoint) =>
        Gpt2.CreateRandom(Configure(origin), origin.Options.Seed);

    private static ArgumentException Missing(string what) => new($"The student's {what} is missing. Without a teacher it must be given.");
}
