using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Students;

/// <summary>
/// Fresh weights, as the family draws them: for GPT-2 N(0, σ²), biases 0, layer norms 1 and 0, and σ/√(2·n_layer) for the projections that end a
/// residual branch (c_proj).
/// </summary>
/// <remarks>
/// σ is <see cref="StudentOptions.InitialiserRange"/>; the rule is that of Hugging Face's GPT-2. With a teacher, positions and vocabulary are the teacher's, and family,
/// width and heads where they are not given. Over labelled examples it gets a head for their classes.
/// </remarks>
public sealed class RandomInit : StudentInit
{
    internal const string InitName = "random";

    /// <inheritdoc/>
    public override string Name => InitName;

    /// <inheritdoc/>
    public override string Source => "Radford et al. 2019";

    /// <inheritdoc/>
    public override string Description => "Freshly drawn weights.";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Uses => ["student.family", "student.layerCount", "student.width", "student.heads"];

    internal override void Validate(RunOptions options, OptionProblems problems)
    {
        if (options.Teacher.ModelId is not null)
            return;
        if (options.Student.LayerCount is null)
            problems.Add(OptionPath.Of(options.Student.LayerCount), "The number of layers is missing. Without a teacher it must be given.");
        if (options.Student.Width is null)
            problems.Add(OptionPath.Of(options.Student.Width), "The width is missing. Without a teacher it must be given.");
        if (options.Student.Heads is null && NeedsHeads(ModelFamilies.All.FirstOrDefault(family => family.Name == options.Student.Family)))
            problems.Add(OptionPath.Of(options.Student.Heads), "The number of attention heads is missing. Without a teacher it must be given.");
        if (options.Data.ContextLength is null)
            problems.Add(OptionPath.Of(options.Data.ContextLength),
                "The context length is missing. Without a teacher it must be given: it becomes the model's n_positions.");
    }

    internal override void Check(StudentOrigin origin, OptionProblems problems)
    {
        RunOptions options = origin.Options;
        if (origin.Teacher is Architecture teacher && options.Student is { Width: null, Heads: int heads and > 0 } && teacher.Width % heads != 0)
            problems.Add(OptionPath.Of(options.Student.Heads), $"{heads} heads do not divide {teacher.Width}, the teacher's width, which the student takes where none is "
                + "given. Choose a number of heads that divides it, or give the width.");
    }

    internal override Architecture Configure(StudentOrigin origin)
    {
        RunOptions options = origin.Options;
        Architecture fresh = OfTeacher(origin) ?? (origin.Family ?? ModelFamilies.Default).Create(new NewModel(
            origin.VocabularySize, options.Data.ContextLength ?? throw Missing("context length"), options.Student.Width ?? throw Missing("width"),
            origin.LayerCount, options.Student.Heads ?? (NeedsHeads(origin.Family) ? throw Missing("number of attention heads") : 0), origin.Roles.EndOfText, origin.Roles.Padding));
        // One that has no head for classes stays what it is, which whoever checks the task refuses.
        if (origin.Classes is { } classes)
            fresh = fresh.WithClasses(new ClassHead(classes, ProblemType.SingleLabel)) ?? fresh;
        Architecture student = origin.InTraining(fresh.WithInitialiserRange(options.Student.InitialiserRange));
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

    private static Architecture? OfTeacher(StudentOrigin origin)
    {
        if (origin.Teacher is not Architecture teacher)
            return null;
        int width = origin.Options.Student.Width ?? teacher.Width;
        int heads = origin.Options.Student.Heads ?? Enumerable.Range(1, Math.Clamp(teacher.Heads, 1, width)).Last(count => width % count == 0);
        return origin.Family is ModelFamily family && family != teacher.Family
            ? family.Create(new NewModel(teacher.VocabularySize, teacher.Positions, width, origin.LayerCount, heads, origin.Roles.EndOfText, origin.Roles.Padding))
            : teacher.WithLayers(origin.LayerCount).WithWidth(width, heads);
    }

    private static bool NeedsHeads(ModelFamily? family) => (family ?? ModelFamilies.Default).HasAttention;

    private static ArgumentException Missing(string what) => new($"The student's {what} is missing. Without a teacher it must be given.");
}
