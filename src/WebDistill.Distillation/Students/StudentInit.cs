using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Students;

/// <summary>A way to make the student that a run trains.</summary>
public abstract class StudentInit
{
    /// <summary>Name that <see cref="StudentOptions.Initialisation"/> refers to.</summary>
    public abstract string Name { get; }

    /// <summary>One sentence for people.</summary>
    public abstract string Description { get; }

    /// <summary>Where it comes from.</summary>
    public abstract string Source { get; }

    /// <summary>Whether it copies from the teacher.</summary>
    public virtual bool NeedsTeacher => false;

    /// <summary>Whether it starts from a stored model (<see cref="StudentOptions.ModelId"/>).</summary>
    public virtual bool NeedsCheckpoint => false;

    /// <summary>Paths of the options of the student that not every way to begin looks at, and this one does.</summary>
    public abstract IReadOnlyList<string> Uses { get; }

    /// <summary>Adds what this way to begin demands of the options and does not find there.</summary>
    internal abstract void Validate(RunOptions options, OptionProblems problems);

    /// <summary>Adds what of the options does not fit the models.</summary>
    internal virtual void Check(StudentOrigin origin, OptionProblems problems)
    {
    }

    /// <summary>Architecture of the student, without creating it.</summary>
    /// <exception cref="ArgumentException">The options do not fit the teacher or the checkpoint; the message says how.</exception>
    internal abstract Architecture Configure(StudentOrigin origin);

    /// <summary>The student, with weights.</summary>
    /// <exception cref="ArgumentException">As <see cref="Configure"/>.</exception>
    internal abstract TextModel Create(StudentOrigin origin, TextModel? teacher, TextModel? checkpoint);
}

/// <summary>Everything that decides a student's architecture.</summary>
internal sealed record StudentOrigin(
    RunOptions Options, Architecture? Teacher, Architecture? Checkpoint, int VocabularySize, TokenRoles Roles)
{
    /// <summary>The classes of a data set of labelled examples; null where texts themselves are learned.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Layers asked for, half of the teacher's if nothing is asked for.</summary>
    /// <exception cref="ArgumentException">No number is given and there is no teacher to take half of.</exception>
    public int LayerCount => Options.Student.LayerCount ?? (Teacher is null
        ? throw new ArgumentException("The number of student layers is missing. Without a teacher it must be given.")
        : Math.Max(1, Teacher.Layers / 2));

    /// <summary>The kind of model that is asked for; null asks for none.</summary>
    public ModelFamily? Family => Options.Student.Family is string name ? ModelFamilies.Find(name) : null;

    /// <summary>The architecture as the student is trained: with the run's dropout.</summary>
    public Architecture InTraining(Architecture architecture) => architecture.WithDropout(Options.Student.Dropout);
}
