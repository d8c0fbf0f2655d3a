using System.Text.Json.Serialization;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Encoders;
using WebDistill.Distillation.Optimisation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Training;

/// <summary>What a run will do and need, computed before it starts.</summary>
/// <param name="Sequences">Sequences in one pass over the training split.</param>
/// <param name="BatchesPerEpoch">Micro-batches in it.</param>
/// <param name="TokensPerUpdate">Tokens of a full update: batch size × accumulation × mean tokens per sequence, an epoch's at most.</param>
/// <param name="UpdatesPerEpoch">Updates in one pass over the training split.</param>
/// <param name="TotalUpdates">Updates of the whole run.</param>
/// <param name="WarmupUpdates">Updates over which the learning rate rises.</param>
/// <param name="TeacherParameters">Parameters of the teachers together; 0 without one.</param>
/// <param name="StudentParameters">Parameters of the student.</param>
/// <param name="Memory">What it keeps in memory at the worst moment of an update, estimated.</param>
/// <param name="Disk">What it keeps on the disk.</param>
/// <param name="FlopsPerToken">Floating-point operations per trained token: teacher forward, student forward and backward.</param>
/// <param name="TotalTokens">Tokens of the whole run.</param>
public sealed record RunPlan(
    int Sequences, int BatchesPerEpoch, long TokensPerUpdate, int UpdatesPerEpoch, int TotalUpdates, int WarmupUpdates,
    long TeacherParameters, long StudentParameters, RunMemory Memory, RunDisk Disk, double FlopsPerToken, long TotalTokens)
{
    private const int MostClassesSaid = 6;

    /// <summary>Sequences of a full update, as they were asked for: the text may have fewer.</summary>
    [JsonIgnore]
    public long SequencesPerUpdate { get; private init; }

    /// <summary>Tokens in one pass over the training split.</summary>
    public long TokensPerEpoch { get; private init; }

    /// <summary>Path of the option that ends the run: its epochs, or a budget that is reached before they are over.</summary>
    public string EndsBy { get; private init; } = "";

    /// <summary>Updates between two samples; 0 makes none.</summary>
    public int SampleIntervalSteps { get; private init; }

    /// <summary>All of <see cref="Memory"/>.</summary>
    public long MemoryBytes => Memory.TotalBytes;

    /// <summary>Plans a run over a token file, counting its sequences exactly.</summary>
    /// <exception cref="ArgumentException">The corpus is too small for one update or one sequence.</exception>
    /// <param name="others">Teachers beside the first one; null for none.</param>
    public static RunPlan Compute(RunOptions options, Architecture? teacher, Architecture student, TokenFile train, IReadOnlyList<Architecture>? others = null) =>
        Compute(options, teacher, student, MeasureEpoch(options, teacher, student, train), others);

    /// <summary>Plans a run.</summary>
    /// <param name="epoch">As the source of batches counts it.</param>
    /// <exception cref="ArgumentException">Too few sequences for one update.</exception>
    /// <param name="others">Teachers beside the first one; null for none.</param>
    public static RunPlan Compute(RunOptions options, Architecture? teacher, Architecture student, EpochSize epoch, IReadOnlyList<Architecture>? others = null) =>
        Compute(options, LossCatalogue.Active(options, teacher is not null), teacher, student, epoch, others);

    /// <summary>The same for losses that are not asked for by options alone.</summary>
    internal static RunPlan Compute(
        RunOptions options, IReadOnlyList<Loss> losses, Architecture? teacher, Architecture student, EpochSize epoch, IReadOnlyList<Architecture>? others = null)
    {
        IReadOnlyList<Architecture> teachers = teacher is null ? [] : [teacher, .. others ?? []];
        LearningRateSchedule schedule = LearningRateSchedule.Plan(options, epoch);
        int context = ContextLength(options, teacher, student);
        double tokensPerSequence = epoch.TokensPerSequence;
        // A batch that could hold more sequences than there are holds all of them.
        long rows = Math.Min(options.Schedule.BatchSize, epoch.Sequences), perUpdate = (long)options.Schedule.BatchSize * options.Schedule.GradientAccumulation;
        Int128 ofEpochs = (Int128)epoch.Tokens * options.Schedule.Epochs;
        return new RunPlan(
            epoch.Sequences,
            LearningRateSchedule.Batches(options, epoch),
            (long)Math.Round(tokensPerSequence * Math.Min(perUpdate, epoch.Sequences)),
            schedule.UpdatesPerEpoch,
            schedule.TotalUpdates,
            schedule.WarmupUpdates,
            teachers.Sum(one => one.ParameterCount),
            student.ParameterCount,
            RunMemory.Estimate(options, losses, teachers, student, rows, context, epoch.Sequences),
            RunDisk.Of(options, student, RunMemory.TrainedByLosses(options, losses, teacher, student), schedule.TotalUpdates),
            teachers.Sum(one => one.ForwardFlopsPerToken(tokensPerSequence)) + 3 * student.ForwardFlopsPerToken(tokensPerSequence),
            schedule.EndsBy == OptionPath.Of(options.Schedule.Epochs) ? (long)Int128.Min(ofEpochs, long.MaxValue)
                : LearningRateSchedule.TokensOf(schedule.TotalUpdates, options, epoch))
        {
            EndsBy = schedule.EndsBy,
            SequencesPerUpdate = perUpdate,
            TokensPerEpoch = epoch.Tokens,
            SampleIntervalSteps = student.Head == ModelHead.NextToken ? SampleInterval(options, schedule, epoch) : 0,
        };
    }

    /// <summary>Updates between two samples of a run; 0 makes none.</summary>
    internal static int SampleInterval(RunOptions options, LearningRateSchedule schedule, EpochSize epoch) =>
        options.Samples.IntervalOf(schedule.TotalUpdates, LearningRateSchedule.TokensOf(schedule.TotalUpdates, options, epoch));

    /// <summary>Every problem that can be seen without reading a model or a corpus; empty when there is none.</summary>
    public static IReadOnlyList<OptionProblem> Validate(RunOptions options) => Validate(options, LossCatalogue.All);

    /// <summary>The same of a run over labelled examples.</summary>
    public static IReadOnlyList<OptionProblem> ValidateLabelled(RunOptions options) => Validate(options, LossCatalogue.All, sortsTexts: true);

    internal static IReadOnlyList<OptionProblem> Validate(RunOptions options, IReadOnlyList<Loss> catalogue, bool sortsTexts = false) =>
        [.. options.Validate(), .. LossCatalogue.Validate(options, catalogue, sortsTexts), .. StudentInits.Validate(options, sortsTexts), .. RateSchedules.Validate(options)];

    /// <summary>Every problem that needs the models or the corpus to be seen; empty when there is none.</summary>
    /// <param name="checkpoint">Architecture of <see cref="StudentOptions.ModelId"/>, where one is chosen.</param>
    /// <param name="vocabularySize">V of the data set's tokenizer.</param>
    /// <param name="epoch">One pass over the corpus; null if it is not known yet.</param>
    /// <param name="others">Teachers beside the first one, in their order; null for none.</param>
    /// <param name="roles">Which ids of the data set's tokenizer stand for no text; null if they are not known yet.</param>
    public static IReadOnlyList<OptionProblem> Check(RunOptions options, Architecture? teacher, Architecture? checkpoint, int vocabularySize, EpochSize? epoch,
        IReadOnlyList<Architecture>? others = null, TokenRoles? roles = null) => Check(options, LossCatalogue.All, teacher, checkpoint, vocabularySize, epoch, others, roles);

    /// <summary>The same of a run over labelled examples.</summary>
    /// <param name="labelled">What the examples are.</param>
    public static IReadOnlyList<OptionProblem> Check(RunOptions options, LabelledTask labelled, Architecture? teacher, Architecture? checkpoint, int vocabularySize, EpochSize? epoch,
        IReadOnlyList<Architecture>? others = null, TokenRoles? roles = null) => Check(options, LossCatalogue.All, teacher, checkpoint, vocabularySize, epoch, others, roles, labelled);

    internal static IReadOnlyList<OptionProblem> Check(
        RunOptions options, IReadOnlyList<Loss> catalogue, Architecture? teacher, Architecture? checkpoint, int vocabularySize, EpochSize? epoch,
        IReadOnlyList<Architecture>? others = null, TokenRoles? roles = null, LabelledTask? labelled = null)
    {
        var problems = new OptionProblems();
        AddUnlessTrained(OptionPath.Of(options.Teacher.ModelId), "The teacher", teacher);
        foreach ((int i, Architecture other) in (others ?? []).Index())
            AddUnlessTrained(OptionPath.Of(options.Teacher.Others), $"Teacher {i + 2}", other);
        AddUnlessTrained(OptionPath.Of(options.Student.ModelId), "The model that the student starts from", checkpoint);
        if (problems.Found.Count > 0)
            return problems.Found;
        foreach ((int i, Architecture other) in (others ?? []).Index().Where(one => one.Item.VocabularySize != vocabularySize))
            problems.Add(OptionPath.Of(options.Teacher.Others),
                $"Teacher {i + 2} has {other.VocabularySize} tokens in its vocabulary and the data set {vocabularySize}: what is predicted over other tokens cannot be combined. Choose teachers of the "
                + "data set's vocabulary.");
        if (teacher is not null && teacher.VocabularySize != vocabularySize)
        {
            problems.Add(OptionPath.Of(options.Teacher.ModelId),
                $"The teacher has {teacher.VocabularySize} tokens in its vocabulary and the data set {vocabularySize}. "
                + "Choose a data set that was tokenised with the teacher's vocabulary.");
        }

        if (StudentInits.Check(options, teacher, vocabularySize, checkpoint) is { Count: > 0 } unfit)
            return [.. problems.Found, .. unfit];
        Architecture student;
        try
        {
            student = StudentInits.StudentConfig(options, teacher, vocabularySize, checkpoint, roles, labelled?.Classes);
            student.Validate();
        }
        catch (Exception problem) when (problem is ArgumentException or InvalidDataException)
        {
            problems.Add(options.Student.TeacherLayers is null ? OptionPath.Of(options.Student.LayerCount) : OptionPath.Of(options.Student.TeacherLayers),
                problem.Message);
            return problems.Found;
        }
        if (checkpoint is not null && student.VocabularySize != vocabularySize)
        {
            problems.Add(OptionPath.Of(options.Student.ModelId),
                $"The student has {student.VocabularySize} tokens in its vocabulary and the data set {vocabularySize}. "
                + "Choose a data set that was tokenised with the student's vocabulary.");
        }
        if ((labelled is null ? TaskProblems(options, student, teacher, others ?? [], roles) : ClassProblems(options, labelled, student, teacher, others ?? [])) is { Count: > 0 } otherTasks)
            return [.. problems.Found, .. otherTasks];
        if (options.Student.FreezeTokenTypeEmbeddings && student.TokenTypes == 0)
            problems.Add(OptionPath.Of(options.Student.FreezeTokenTypeEmbeddings),
                $"The student is {ModelHeads.WithArticle(student.Family.Title)}, which has no embeddings of token types to freeze. Switch it off, or choose a family that has some, as BERT.");
        foreach (Loss loss in LossCatalogue.Active(options, catalogue, teacher is not null))
        {
            if (loss.Mismatch(options, student, teacher) is string mismatch)
                problems.Add(loss.Fields[0].Path, mismatch);
        }
        problems.AddRange(LearnedCatalogue.Mismatches(options, LossCatalogue.Active(options, catalogue, teacher is not null), student,
            epoch is EpochSize known && LearningRateSchedule.Batches(options, known) >= options.Schedule.GradientAccumulation ? (int)Math.Min(LearningRateSchedule.Count(options, known).Made, int.MaxValue) : null));

        int positions = Math.Min(student.Positions, teacher?.Positions ?? int.MaxValue), shortest = labelled?.ShortestContext ?? options.Data.SequenceMode.ShortestContext();
        if (options.Data.ContextLength is int context && context > positions)
            problems.Add(OptionPath.Of(options.Data.ContextLength),
                $"The context length is {context}, the models have {positions} positions. Choose at most {positions}.");
        else if (labelled is not null && ContextLength(options, teacher, student) is var room && room < shortest)
            problems.Add(OptionPath.Of(options.Data.ContextLength), $"The context length is {room}; expected at least {shortest}, room for a token of each text beside what begins and ends them. Choose a longer one.");
        else if (ContextLength(options, teacher, student) < shortest)
            problems.Add(OptionPath.Of(options.Data.SequenceMode),
                $"The models have {positions} positions, and {options.Data.SequenceMode} sequences need at least {shortest}. Choose other models or sequences.");
        int asked = ContextLength(options, teacher, student);
        if ((others ?? []).Index().FirstOrDefault(one => one.Item.Positions < asked) is (int place, { } shorter))
            problems.Add(OptionPath.Of(options.Data.ContextLength),
                $"The context length is {asked}, and teacher {place + 2} has {shorter.Positions} positions. Choose at most {shorter.Positions}.");
        if (epoch is EpochSize one)
        {
            int batches = LearningRateSchedule.Batches(options, one);
            if (one.Sequences == 0)
            {
                problems.Add(OptionPath.Of(options.Data.DatasetId),
                    $"The training split holds no sequence of {ContextLength(options, teacher, student)} tokens, expected at least 1. Use a longer text "
                    + "or a shorter context length.");
            }
            else if (batches < options.Schedule.GradientAccumulation)
            {
                problems.Add(OptionPath.Of(options.Schedule.GradientAccumulation),
                    $"An epoch has {batches} micro-batches and one update needs {options.Schedule.GradientAccumulation}, so nothing would be "
                    + "trained. "
                    + $"Choose at most {batches}, make the batches smaller, or use a larger text.");
            }
            else if (Math.Min((long)options.Schedule.BatchSize, one.Sequences) * ContextLength(options, teacher, student) > Array.MaxLength)
            {
                problems.Add(OptionPath.Of(options.Schedule.BatchSize),
                    $"A micro-batch of {Math.Min(options.Schedule.BatchSize, one.Sequences):N0} sequences of {ContextLength(options, teacher, student):N0} tokens has more "
                    + $"than {Array.MaxLength:N0} tokens, the most that can be read at once. Make it smaller.");
            }
            else if (LearningRateSchedule.Count(options, one) is var (planned, _, endsBy) && planned > LearningRateSchedule.MaxUpdates)
            {
                problems.Add(endsBy, $"The run would make {planned:N0} updates, expected at most {LearningRateSchedule.MaxUpdates:N0}. Train fewer epochs.");
            }
            else if (student.Head == ModelHead.NextToken && options.Samples.IntervalSteps is > 0 and int every && planned / every > SampleOptions.MostSamples)
            {
                problems.Add(OptionPath.Of(options.Samples.IntervalSteps),
                    $"The run would make {planned / every:N0} samples, expected at most {SampleOptions.MostSamples:N0}. "
                    + $"Choose at least {(planned + SampleOptions.MostSamples - 1) / SampleOptions.MostSamples:N0} updates.");
            }
        }
        return problems.Found;

        void AddUnlessTrained(string field, string subject, Architecture? model)
        {
            // A student that goes on from a model without classes gets a head for them.
            if (model is null || labelled is not null && field == OptionPath.Of(options.Student.ModelId) && model.WithClasses(new ClassHead(labelled.Classes, ProblemType.SingleLabel)) is not null)
                return;
            string? problem = labelled is null ? ModelHeads.ProblemOfTraining(subject, model.Family, model.Head) : ModelHeads.ProblemOfSorting(subject, model.Family, model.Head);
            if (problem is not null)
                problems.Add(field, problem);
        }
    }

    /// <summary>Where teachers, student and text do not belong to one task, which is what the student's head does.</summary>
    private static IReadOnlyList<OptionProblem> TaskProblems(
        RunOptions options, Architecture student, Architecture? teacher, IReadOnlyList<Architecture> others, TokenRoles? roles)
    {
        var problems = new OptionProblems();
        string chosen = options.Student.Initialisation == CheckpointInit.InitName ? OptionPath.Of(options.Student.ModelId)
            : options.Student.Family is not null ? OptionPath.Of(options.Student.Family) : OptionPath.Of(options.Teacher.ModelId);
        if (teacher is not null && teacher.Head != student.Head)
            problems.Add(chosen, $"The teacher, {ModelHeads.WithArticle(teacher.Family.Title)}, {ModelHeads.Does(teacher.Head)}, and the student, {ModelHeads.WithArticle(student.Family.Title)}, "
                + $"{ModelHeads.Does(student.Head)}: one cannot learn from the other's predictions. Choose two that do the same.");
        foreach ((int i, Architecture other) in others.Index().Where(one => one.Item.Head != ModelHead.NextToken))
            problems.Add(OptionPath.Of(options.Teacher.Others), $"Teacher {i + 2} is {ModelHeads.WithArticle(other.Family.Title)} model, which {ModelHeads.Does(other.Head)}; several teachers are "
                + $"combined where they continue texts, expected {ModelHeads.Continuing} model. Choose one teacher alone for a student that {ModelHeads.Does(ModelHead.MaskedToken)}.");
        if (student.Head == ModelHead.MaskedToken && roles is { Mask: null })
            problems.Add(OptionPath.Of(options.Data.DatasetId), "The data set was tokenised with a vocabulary that has no mask, and the student fills masked words; expected a vocabulary as BERT's. "
                + "Choose a data set that was tokenised with the vocabulary of such a model.");
        return problems.Found;
    }

    /// <summary>Where teacher, student and labelled examples do not have the same classes.</summary>
    private static IReadOnlyList<OptionProblem> ClassProblems(
        RunOptions options, LabelledTask labelled, Architecture student, Architecture? teacher, IReadOnlyList<Architecture> others)
    {
        var problems = new OptionProblems();
        if (others.Count > 0)
            problems.Add(OptionPath.Of(options.Teacher.Others), $"There are {others.Count + 1} teachers; several are combined where they continue texts, expected one for a run over classes. Choose one alone.");
        if (teacher?.TextClasses is ClassHead taught)
            AddUnlessTold(OptionPath.Of(options.Teacher.ModelId), "The teacher", taught);
        if (student.TextClasses is not ClassHead own)
            problems.Add(OptionPath.Of(options.Student.Family), $"The student is {ModelHeads.WithArticle(student.Family.Title)}, which {ModelHeads.Does(student.Head)}, and the data set has classes; expected one "
                + $"that {ModelHeads.Does(ModelHead.Classes)}. Choose the family {string.Join(", ", ModelFamilies.SortingTexts.Select(family => family.Name))}, or a data set of texts.");
        else if (problems.Found.Count == 0)
            AddUnlessTold(OptionPath.Of(options.Student.ModelId), "The student", own);
        return problems.Found;

        void AddUnlessTold(string field, string subject, ClassHead head)
        {
            if (head.Problem != ProblemType.SingleLabel)
                problems.Add(field, $"{subject}'s head is one for {head.Problem}; expected {ProblemType.SingleLabel}, one class of each text. Choose another model.");
            else if (!head.Labels.SequenceEqual(labelled.Classes, StringComparer.Ordinal))
                problems.Add(field, $"{subject} tells the classes {InWords(head.Labels)}, and the data set has {InWords(labelled.Classes)}; expected the same in the same order. "
                    + "Choose a model that learned this data set, or prepare the data set with the model's classes in their order.");
        }

        static string InWords(IReadOnlyList<string> classes) => string.Join(", ", classes.Take(MostClassesSaid).Select(name => $"'{ForeignText.Quote(name)}'"))
            + (classes.Count > MostClassesSaid ? $" and {classes.Count - MostClassesSaid} more" : "");
    }

    /// <summary>One epoch of a run with these options over labelled examples.</summary>
    public static EpochSize MeasureEpoch(RunOptions options, Architecture? teacher, Architecture student, LabelledFile train) =>
        LabelledBatches.Measure(train, ContextLength(options, teacher, student));

    /// <summary>One epoch of a run with these options over the file.</summary>
    /// <exception cref="InvalidDataException">There is no sequence; the message names the counts.</exception>
    public static EpochSize MeasureEpoch(RunOptions options, Architecture? teacher, Architecture student, TokenFile train) =>
        SequenceSource.Count(train, options.Data.SequenceMode, ContextLength(options, teacher, student));

    /// <summary>Tokens per sequence: as asked for, else all that the models have positions for.</summary>
    internal static int ContextLength(RunOptions options, Architecture? teacher, Architecture student) =>
        options.Data.ContextLength ?? Math.Min(student.Positions, teacher?.Positions ?? int.MaxValue);
}
