using WebDistill.Distillation.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>What a run will do and need, computed before it starts.</summary>
/// <param name="Sequences">Sequences in one pass over the training split.</param>
/// <param name="BatchesPerEpoch">Micro-batches in it.</param>
/// <param name="TokensPerUpdate">Tokens of a full update: batch size × accumulation × mean tokens per sequence, an epoch's at most.</param>
/// <param name="UpdatesPerEpoch">Updates in one pass over the training split.</param>
/// <param name="TotalUpdates">Updates of the whole run.</param>
/// <param name="WarmupUpdates">Updates over which the learning rate rises.</param>
/// <param name="TeacherParameters">Parameters of the teacher; 0 without one.</param>
/// <param name="StudentParameters">Parameters of the student.</param>
/// <param name="Memory">What it keeps in memory at the worst moment of an update, estimated.</param>
/// <param name="Disk">What it keeps on the disk.</param>
/// <param name="FlopsPerToken">Floating-point operations per trained token: teacher forward, student forward and backward.</param>
/// <param name="TotalTokens">Tokens of the whole run.</param>
public sealed record RunPlan(
    int Sequences, int BatchesPerEpoch, long TokensPerUpdate, int UpdatesPerEpoch, int TotalUpdates, int WarmupUpdates,
    long TeacherParameters, long StudentParameters, RunMemory Memory, RunDisk Disk, double FlopsPerToken, long TotalTokens)
{
    /// <summary>All of <see cref="Memory"/>.</summary>
    public long MemoryBytes => Memory.TotalBytes;

    /// <summary>Plans a run over a token file, counting its sequences exactly.</summary>
    /// <exception cref="ArgumentException">The corpus is too small for one update or one sequence.</exception>
    public static RunPlan Compute(RunOptions options, Architecture? teacher, Architecture student, TokenFile train) =>
        Compute(options, teacher, student, train.TokenCount, CountSequences(options, teacher, student, train));

    /// <summary>Plans a run.</summary>
    /// <param name="trainTokens">Tokens of the training split.</param>
    /// <param name="sequences">Sequences per epoch, as the batch sampler counts them.</param>
    /// <exception cref="ArgumentException">Too few sequences for one update.</exception>
    public static RunPlan Compute(RunOptions options, Architecture? teacher, Architecture student, long trainTokens, int sequences)
    {
        int batches = CountBatches(options, sequences);
        LearningRateSchedule schedule = LearningRateSchedule.Plan(options, batches);
        int context = ContextLength(options, teacher, student);
        double tokensPerSequence = options.Data.SequenceMode == SequenceMode.Packed ? context
            : Math.Min(context, (double)trainTokens / sequences);
        // A batch that could hold more sequences than there are holds all of them.
        long rows = Math.Min(options.Schedule.BatchSize, sequences);
        return new RunPlan(
            sequences,
            batches,
            (long)Math.Round(tokensPerSequence * Math.Min((long)options.Schedule.BatchSize * options.Schedule.GradientAccumulation, sequences)),
            schedule.UpdatesPerEpoch,
            schedule.TotalUpdates,
            schedule.WarmupUpdates,
            teacher?.ParameterCount ?? 0,
            student.ParameterCount,
            RunMemory.Estimate(options, teacher, student, rows * context, sequences),
            RunDisk.Of(options, student, schedule.TotalUpdates),
            (teacher is null ? 0 : teacher.ForwardFlopsPerToken(tokensPerSequence)) + 3 * student.ForwardFlopsPerToken(tokensPerSequence),
            (long)Math.Round(tokensPerSequence * sequences * options.Schedule.Epochs));
    }

    /// <summary>Every problem that can be seen without reading a model or a corpus; empty when there is none.</summary>
    public static IReadOnlyList<OptionProblem> Validate(RunOptions options) =>
        [.. options.Validate(), .. LossCatalogue.Validate(options), .. StudentInits.Validate(options)];

    /// <summary>Every problem that needs the models or the corpus to be seen; empty when there is none.</summary>
    /// <param name="checkpoint">Architecture of <see cref="StudentOptions.ModelId"/>, where one is chosen.</param>
    /// <param name="vocabularySize">V of the data set's tokenizer.</param>
    /// <param name="sequences">Sequences per epoch; null if the corpus is not known yet.</param>
    public static IReadOnlyList<OptionProblem> Check(
        RunOptions options, Architecture? teacher, Architecture? checkpoint, int vocabularySize, int? sequences)
    {
        var problems = new OptionProblems();
        if (teacher is not null && teacher.VocabularySize != vocabularySize)
        {
            problems.Add(OptionPath.Of(options.Teacher.ModelId),
                $"The teacher has {teacher.VocabularySize} tokens in its vocabulary and the data set {vocabularySize}. "
                + "Choose a data set that was tokenised with the teacher's vocabulary.");
        }

        Architecture student;
        try
        {
            student = StudentInits.StudentConfig(options, teacher, vocabularySize, checkpoint);
        }
        catch (ArgumentException problem)
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
        if (teacher is not null && student.Width != teacher.Width)
        {
            foreach (RowLoss loss in LossCatalogue.Active(options, hasTeacher: true).OfType<RowLoss>().Where(loss => loss.Needs.HasFlag(LossInputs.TeacherHidden)))
                problems.Add(loss.Fields[0].Path,
                    $"The loss '{loss.Label}' compares hidden states of equal width, and the student's is {student.Width}, the teacher's "
                    + $"{teacher.Width}. Set its weight to 0 or choose a student of the teacher's width.");
        }

        int positions = Math.Min(student.Positions, teacher?.Positions ?? int.MaxValue), shortest = options.Data.SequenceMode.ShortestContext();
        if (options.Data.ContextLength is int context && context > positions)
            problems.Add(OptionPath.Of(options.Data.ContextLength),
                $"The context length is {context}, the models have {positions} positions. Choose at most {positions}.");
        else if (ContextLength(options, teacher, student) < shortest)
            problems.Add(OptionPath.Of(options.Data.SequenceMode),
                $"The models have {positions} positions, and {options.Data.SequenceMode} sequences need at least {shortest}. Choose other models or sequences.");
        if (sequences is int count)
        {
            int batches = CountBatches(options, count);
            if (count == 0)
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
            else if (LearningRateSchedule.CountUpdates(options, batches) > LearningRateSchedule.MaxUpdates)
            {
                problems.Add(OptionPath.Of(options.Schedule.Epochs),
                    $"The run would make {LearningRateSchedule.CountUpdates(options, batches):N0} updates, expected at most "
                    + $"{LearningRateSchedule.MaxUpdates:N0}. Train fewer epochs.");
            }
        }
        return problems.Found;
    }

    /// <summary>Sequences per epoch that a run with these options cuts out of the file.</summary>
    /// <exception cref="InvalidDataException">There is none; the message names the counts.</exception>
    public static int CountSequences(RunOptions options, Architecture? teacher, Architecture student, TokenFile train) =>
        SequenceSource.Count(train, options.Data.SequenceMode, ContextLength(options, teacher, student));

    private static int CountBatches(RunOptions options, int sequences) =>
        (int)(((long)sequences + options.Schedule.BatchSize - 1) / options.Schedule.BatchSize);

    /// <summary>Tokens per sequence: as asked for, else all that the models have positions for.</summary>
    internal static int ContextLength(RunOptions options, Architecture? teacher, Architecture student) =>
        options.Data.ContextLength ?? Math.Min(student.Positions, teacher?.Positions ?? int.MaxValue);
}
