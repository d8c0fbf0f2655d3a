using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Students;

/// <summary>The catalogue of student initialisations. To add one: write its file and add one line to <see cref="All"/>.</summary>
public static class StudentInits
{
    /// <summary>Every initialisation, in the order in which menus show them.</summary>
    public static IReadOnlyList<StudentInit> All { get; } = [new TeacherLayersInit(), new RandomInit(), new CheckpointInit()];

    /// <summary>The initialisation of that name.</summary>
    /// <exception cref="ArgumentException">Unknown name; the message lists the valid ones.</exception>
    public static StudentInit Find(string name) => All.FirstOrDefault(init => init.Name == name)
        ?? throw new ArgumentException(
            $"The student initialisation '{name}' is unknown. Choose one of: {string.Join(", ", All.Select(init => init.Name))}.");

    /// <summary>What the way to begin that the options name demands of them and does not find; an unknown name is a problem of its own.</summary>
    public static IReadOnlyList<OptionProblem> Validate(RunOptions options) => Validate(options, sortsTexts: false);

    /// <param name="sortsTexts">Whether the run is one over labelled examples.</param>
    internal static IReadOnlyList<OptionProblem> Validate(RunOptions options, bool sortsTexts)
    {
        var problems = new OptionProblems();
        if (All.FirstOrDefault(init => init.Name == options.Student.Initialisation) is StudentInit init)
            init.Validate(options, problems);
        else
            problems.Add(OptionPath.Of(options.Student.Initialisation),
                $"The student initialisation '{ForeignText.Quote(options.Student.Initialisation)}' is unknown. Choose one of: "
                + $"{string.Join(", ", All.Select(known => known.Name))}.");
        IReadOnlyList<ModelFamily> families = sortsTexts ? ModelFamilies.SortingTexts : ModelFamilies.PredictingTokens;
        if (options.Student.Family is string family && families.All(known => known.Name != family))
        {
            string what = ModelFamilies.All.All(known => known.Name != family) ? "unknown"
                : sortsTexts ? "one that sorts no texts into classes, which this run learns" : "one that predicts no tokens, which every run learns";
            problems.Add(OptionPath.Of(options.Student.Family), $"The family '{ForeignText.Quote(family)}' is {what}. Choose one of: "
                + $"{string.Join(", ", families.Select(known => known.Name))}; or leave it out for the teacher's.");
        }
        return problems.Found;
    }

    /// <summary>The options that are given and that the way to begin does not look at.</summary>
    public static IReadOnlyList<OptionProblem> Unused(RunOptions options)
    {
        StudentInit chosen = Find(options.Student.Initialisation);
        return [.. All.SelectMany(init => init.Uses).Distinct().Except(chosen.Uses).Select(path => OptionSchema.Of<RunOptions>().Find(path))
            .Where(field => field.Value(options) is not (null or ""))
            .Select(field => new OptionProblem(field.Path, $"It is not used: '{chosen.Name}' does not look at it. Leave it out, or choose the initialisation "
                + $"{string.Join(" or ", All.Where(init => init.Uses.Contains(field.Path)).Select(init => $"'{init.Name}'"))}."))];
    }

    /// <summary>What of the options does not fit the models; parameters as <see cref="StudentConfig"/>'s.</summary>
    public static IReadOnlyList<OptionProblem> Check(RunOptions options, Architecture? teacher, int vocabularySize, Architecture? checkpoint)
    {
        var problems = new OptionProblems();
        Find(options.Student.Initialisation).Check(new StudentOrigin(options, teacher, checkpoint, vocabularySize, TokenRoles.Single(vocabularySize - 1)), problems);
        return problems.Found;
    }

    /// <summary>Architecture of the student that the options describe, without creating it.</summary>
    /// <param name="vocabularySize">V of the data set's tokenizer; a model that starts from nothing gets it.</param>
    /// <param name="checkpoint">Architecture of <see cref="StudentOptions.ModelId"/>, where the initialisation needs
    /// it.</param>
    /// <param name="roles">Ids that stand for no text; null is the last id for all, as GPT-2 has it.</param>
    /// <param name="classes">Those of a data set of labelled examples; null where texts themselves are learned.</param>
    /// <exception cref="ArgumentException">The options do not fit the teacher or the checkpoint; the message says how.</exception>
    public static Architecture StudentConfig(
        RunOptions options, Architecture? teacher, int vocabularySize, Architecture? checkpoint = null,
        TokenRoles? roles = null, IReadOnlyList<string>? classes = null) =>
        Find(options.Student.Initialisation)
            .Configure(new StudentOrigin(options, teacher, checkpoint, vocabularySize, roles ?? TokenRoles.Single(vocabularySize - 1)) { Classes = classes });

    /// <summary>Creates the student that the options describe. The caller owns it; teacher and checkpoint are only read.</summary>
    /// <inheritdoc cref="StudentConfig"/>
    public static TextModel Create(
        RunOptions options, TextModel? teacher, int vocabularySize, TextModel? checkpoint = null, TokenRoles? roles = null, IReadOnlyList<string>? classes = null) =>
        Find(options.Student.Initialisation).Create(
            new StudentOrigin(options, teacher?.Architecture, checkpoint?.Architecture, vocabularySize, roles ?? TokenRoles.Single(vocabularySize - 1)) { Classes = classes }, teacher,
                checkpoint);
}
