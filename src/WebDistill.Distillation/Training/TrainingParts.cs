using WebDistill.Distillation.Data;
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
/// <param name="Validation">Held-out split; null measures no perplexity.</param>
/// <param name="Losses">What is minimised.</param>
public sealed record TrainingParts(TextModel Student, Teacher? Teacher, BatchSource Batches, TokenFile? Validation, IReadOnlyList<Loss> Losses)
{
    /// <summary>What is answered as the training goes on; null answers nothing.</summary>
    public SamplePrompts? Prompts { get; init; }

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

    private static BatchSource BatchesOf(
        RunOptions options, IReadOnlyList<Loss> catalogue, Teacher? teacher, TextModel student, TokenFile train, TokenFile? validation)
    {
        // The ids in the options name stored things and mean nothing here: the models and the corpus are given.
        RunOptions named = options with
        {
            Teacher = options.Teacher with { ModelId = teacher is null ? null : "given" },
            Data = options.Data with { DatasetId = "given" },
            Student = options.Student with { Initialisation = CheckpointInit.InitName, ModelId = "given" },
        };
        List<OptionProblem> problems = [.. RunPlan.Validate(named, catalogue)];
        if (problems.Count == 0)
            problems.AddRange(RunPlan.Check(named, catalogue, teacher?.Architecture, student.Architecture, train.VocabularySize, null, roles: train.Roles));
        if (validation is not null && validation.TokenizerSha256 != train.TokenizerSha256)
            problems.Add(new OptionProblem("data.datasetId",
                "The training and the held-out split were tokenised with different vocabularies. Prepare the data set again."));
        if (problems.Count > 0)
            throw new ArgumentException(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")));
        int contextLength = RunPlan.ContextLength(options, teacher?.Architecture, student.Architecture);
        var sequences = new CorpusBatches(
            train, options.Data.SequenceMode, contextLength, options.Schedule.BatchSize, options.Data.Shuffle, options.Data.GroupBySize, options.Seed);
        return student.Architecture.Head == ModelHead.MaskedToken ? new MaskedBatches(sequences, train, options.Masking, options.Seed) : sequences;
    }
}
