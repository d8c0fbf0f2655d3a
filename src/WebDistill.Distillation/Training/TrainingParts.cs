using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>What a run is made of, loaded and open. It all belongs to whoever put it together.</summary>
/// <param name="Student">The model in training.</param>
/// <param name="Teacher">Null learns from the text alone.</param>
/// <param name="Batches">What is learned from.</param>
/// <param name="Validation">Held-out text; null measures no perplexity.</param>
/// <param name="Losses">What is minimised.</param>
public sealed record TrainingParts(TextModel Student, Teacher? Teacher, BatchSource Batches, TokenFile? Validation, IReadOnlyList<Loss> Losses)
{
    /// <summary>What is answered as the training goes on; null answers nothing.</summary>
    public SamplePrompts? Prompts { get; init; }

    /// <summary>Held-out labelled examples of a run over such; null measures nothing of them.</summary>
    public LabelledFile? HeldOutExamples { get; init; }

    /// <summary>The parts of a run over a corpus, checked to fit together.</summary>
    /// <exception cref="ArgumentException">Something does not fit; the message states the values, what was expected and the
    /// fix.</exception>
    public static TrainingParts Of(RunOptions options, Teacher? teacher, TextModel student, TokenFile train, TokenFile? validation) =>
        Of(options, LossCatalogue.All, teacher, student, train, validation);

    /// <summary>The same with the losses that there are.</summary>
    internal static TrainingParts Of(
        RunOptions options, IReadOnlyList<Loss> catalogue, Teacher? teacher, TextModel student, TokenFile train, TokenFile? validation) =>
        new(student, teacher, BatchesOf(options, catalogue, teacher, student, train, validation), validation,
            LossCatalogue.Active(options, catalogue, teacher is not null));

    /// <summary>The parts of a run over labelled examples, checked to fit together.</summary>
    /// <param name="heldOut">Null measures nothing.</param>
    /// <exception cref="ArgumentException">As for a corpus; or the examples are of one class alone, or the held-out ones of other classes.</exception>
    public static TrainingParts Of(RunOptions options, Teacher? teacher, TextModel student, LabelledFile train, LabelledFile? heldOut)
    {
        RunOptions named = Named(options, teacher);
        List<OptionProblem> problems = [.. RunPlan.ValidateLabelled(named)];
        if (ModelHeads.ProblemOfSorting("The student", student.Architecture.Family, student.Architecture.Head) is string otherTask)
            problems.Add(new OptionProblem(OptionPath.Of(options.Student.Family), otherTask));
        if (problems.Count == 0)
            problems.AddRange(RunPlan.Check(named, train.Task, teacher?.Architecture, student.Architecture, train.VocabularySize, null, roles: train.Roles));
        problems.AddRange(ProblemsOf(train, heldOut));
        ThrowIfAny(problems);
        int contextLength = RunPlan.ContextLength(options, teacher?.Architecture, student.Architecture);
        var batches = new LabelledBatches(train, contextLength, options.Schedule.BatchSize, options.Data.Shuffle, options.Data.GroupBySize, options.Seed);
        return new TrainingParts(student, teacher, batches, null, LossCatalogue.Active(options, teacher is not null)) { HeldOutExamples = heldOut };
    }

    /// <summary>Why nothing can be learned of these examples, whatever the models are; empty when something can.</summary>
    /// <param name="heldOut">Null without any.</param>
    internal static IReadOnlyList<OptionProblem> ProblemsOf(LabelledFile train, LabelledFile? heldOut)
    {
        List<OptionProblem> problems = [];
        string data = OfOtherVocabulary.Field;
        if (train.CountClasses().Index().Where(counted => counted.Item > 0).ToArray() is [var only])
            problems.Add(new OptionProblem(data, $"All {only.Item} training examples are of the class '{ForeignText.Quote(train.Classes[only.Index])}'; expected examples of at least 2 classes. "
                + "Use a data set that has them."));
        if (heldOut is not null && heldOut.TokenizerSha256 != train.TokenizerSha256)
            problems.Add(OfOtherVocabulary);
        if (heldOut is not null && (heldOut.HoldsPairs != train.HoldsPairs || !heldOut.Classes.SequenceEqual(train.Classes, StringComparer.Ordinal)))
            problems.Add(new OptionProblem(data, $"The held-out examples have {heldOut.Classes.Count} classes and {Texts(heldOut)}, the training ones {train.Classes.Count} classes and {Texts(train)}; expected the same "
                + "classes in the same order, and as many texts. Prepare the data set again."));
        return problems;

        static string Texts(LabelledFile file) => file.HoldsPairs ? "pairs of texts" : "single texts";
    }

    private static OptionProblem OfOtherVocabulary { get; } = new("data.datasetId",
        "The training and the held-out split were tokenised with different vocabularies. Prepare the data set again.");

    private static BatchSource BatchesOf(
        RunOptions options, IReadOnlyList<Loss> catalogue, Teacher? teacher, TextModel student, TokenFile train, TokenFile? validation)
    {
        RunOptions named = Named(options, teacher);
        List<OptionProblem> problems = [.. RunPlan.Validate(named, catalogue)];
        if (problems.Count == 0)
            problems.AddRange(RunPlan.Check(named, catalogue, teacher?.Architecture, student.Architecture, train.VocabularySize, null, roles: train.Roles));
        if (validation is not null && validation.TokenizerSha256 != train.TokenizerSha256)
            problems.Add(OfOtherVocabulary);
        ThrowIfAny(problems);
        int contextLength = RunPlan.ContextLength(options, teacher?.Architecture, student.Architecture);
        var sequences = new CorpusBatches(
            train, options.Data.SequenceMode, contextLength, options.Schedule.BatchSize, options.Data.Shuffle, options.Data.GroupBySize, options.Seed);
        return student.Architecture.Head == ModelHead.MaskedToken ? new MaskedBatches(sequences, train, options.Masking, options.Seed) : sequences;
    }

    // The ids in the options name stored things and mean nothing here: the models and the data are given.
    private static RunOptions Named(RunOptions options, Teacher? teacher) => options with
    {
        Teacher = options.Teacher with { ModelId = teacher is null ? null : "given" },
        Data = options.Data with { DatasetId = "given" },
        Student = options.Student with { Initialisation = CheckpointInit.InitName, ModelId = "given" },
    };

    private static void ThrowIfAny(List<OptionProblem> problems)
    {
        if (problems.Count > 0)
            throw new ArgumentException(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")));
    }
}
