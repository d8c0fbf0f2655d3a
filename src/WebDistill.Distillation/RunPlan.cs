using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation;

/// <summary>What a run will do and need, computed before it starts.</summary>
/// <param name="TokensPerUpdate">Tokens of a full update: batch size × accumulation × mean tokens per sequence.</param>
/// <param name="UpdatesPerEpoch">Updates in one pass over the training split.</param>
/// <param name="TotalUpdates">Updates of the whole run.</param>
/// <param name="WarmupUpdates">Updates over which the learning rate rises.</param>
/// <param name="TeacherParameters">Parameters of the teacher; 0 without one.</param>
/// <param name="StudentParameters">Parameters of the student.</param>
/// <param name="MemoryBytes">Weights, gradients, Adam moments, activations and head buffers, estimated.</param>
/// <param name="FlopsPerToken">Floating-point operations per trained token: teacher forward, student forward and backward.</param>
/// <param name="TotalTokens">Tokens of the whole run.</param>
public sealed record RunPlan(long TokensPerUpdate, int UpdatesPerEpoch, int TotalUpdates, int WarmupUpdates, long TeacherParameters,
    long StudentParameters, long MemoryBytes, double FlopsPerToken, long TotalTokens)
{
    /// <summary>Plans a run over a token file, counting its sequences exactly.</summary>
    /// <exception cref="ArgumentException">The corpus is too small for one update or one sequence.</exception>
    public static RunPlan Compute(DistillationOptions options, Gpt2Config? teacher, Gpt2Config student, TokenFile train) =>
        Compute(options, teacher, student, train.TokenCount, CountSequences(options, teacher, student, train));

    /// <summary>Plans a run.</summary>
    /// <param name="trainTokens">Tokens of the training split.</param>
    /// <param name="sequences">Sequences per epoch, as the batch sampler counts them.</param>
    /// <exception cref="ArgumentException">Too few sequences for one update.</exception>
    public static RunPlan Compute(DistillationOptions options, Gpt2Config? teacher, Gpt2Config student, long trainTokens, int sequences)
    {
        LearningRateSchedule schedule = LearningRateSchedule.Plan(options, (sequences + options.BatchSize - 1) / options.BatchSize);
        int context = ContextLength(options, teacher, student);
        double tokensPerSequence = options.SequenceMode == SequenceMode.Packed ? context
            : Math.Min(context, (double)trainTokens / sequences);
        return new RunPlan(
            (long)Math.Round(tokensPerSequence * options.BatchSize * options.GradientAccumulation),
            schedule.UpdatesPerEpoch,
            schedule.TotalUpdates,
            schedule.WarmupUpdates,
            teacher?.ParameterCount ?? 0,
            student.ParameterCount,
            Memory(options, teacher, student, (long)options.BatchSize * context, context),
            (teacher is null ? 0 : ForwardFlopsPerToken(teacher, tokensPerSequence)) + 3 * ForwardFlopsPerToken(student, tokensPerSequence),
            (long)Math.Round(tokensPerSequence * sequences * options.Epochs));
    }

    /// <summary>Every problem that needs the models or the corpus to be seen; empty when there is none.</summary>
    /// <param name="checkpoint">Architecture of <see cref="DistillationOptions.StudentModelId"/>, where one is chosen.</param>
    /// <param name="vocabularySize">V of the data set's tokenizer.</param>
    /// <param name="sequences">Sequences per epoch; null if the corpus is not known yet.</param>
    public static IReadOnlyList<OptionProblem> Check(
        DistillationOptions options, Gpt2Config? teacher, Gpt2Config? checkpoint, int vocabularySize, int? sequences)
    {
        var problems = new OptionProblems();
        if (teacher is not null && teacher.VocabSize != vocabularySize)
        {
            problems.Add(nameof(options.TeacherId),
                $"The teacher has {teacher.VocabSize} tokens in its vocabulary and the data set {vocabularySize}. "
                + "Choose a data set that was tokenised with the teacher's vocabulary.");
        }

        Gpt2Config student;
        try
        {
            student = StudentInits.StudentConfig(options, teacher, vocabularySize, checkpoint);
        }
        catch (ArgumentException problem)
        {
            problems.Add(options.StudentTeacherLayers is null ? nameof(options.StudentLayerCount) : nameof(options.StudentTeacherLayers),
                problem.Message);
            return problems.Found;
        }
        if (checkpoint is not null && student.VocabSize != vocabularySize)
        {
            problems.Add(nameof(options.StudentModelId),
                $"The student has {student.VocabSize} tokens in its vocabulary and the data set {vocabularySize}. "
                + "Choose a data set that was tokenised with the student's vocabulary.");
        }
        if (teacher is not null && student.NEmbd != teacher.NEmbd && options.AlphaCos > 0)
        {
            problems.Add(nameof(options.AlphaCos),
                $"The cosine loss compares hidden states of equal width, and the student's is {student.NEmbd}, the teacher's "
                + $"{teacher.NEmbd}. "
                + "Set its weight to 0 or choose a student of the teacher's width.");
        }

        int positions = Math.Min(student.NPositions, teacher?.NPositions ?? int.MaxValue);
        if (options.ContextLength is int context && context > positions)
            problems.Add(nameof(options.ContextLength),
                $"The context length is {context}, the models have {positions} positions. Choose at most {positions}.");
        if (sequences is int count)
        {
            int batches = (count + options.BatchSize - 1) / options.BatchSize;
            if (count == 0)
            {
                problems.Add(nameof(options.DatasetId),
                    "The training split holds no sequence. Use a larger text or a shorter context length.");
            }
            else if (batches < options.GradientAccumulation)
            {
                problems.Add(nameof(options.GradientAccumulation),
                    $"An epoch has {batches} micro-batches and one update needs {options.GradientAccumulation}, so nothing would be "
                    + "trained. "
                    + $"Choose at most {batches}, make the batches smaller, or use a larger text.");
            }
        }
        return problems.Found;
    }

    /// <summary>Sequences per epoch that a run with these options cuts out of the file.</summary>
    public static int CountSequences(DistillationOptions options, Gpt2Config? teacher, Gpt2Config student, TokenFile train) =>
        new BatchSampler(train, options.SequenceMode, ContextLength(options, teacher, student), options.BatchSize, options.Shuffle,
            options.GroupBySize, options.Seed)
            .SequenceCount;

    /// <summary>Tokens per sequence: as asked for, else all that the models have positions for.</summary>
    internal static int ContextLength(DistillationOptions options, Gpt2Config? teacher, Gpt2Config student) =>
        options.ContextLength ?? Math.Min(student.NPositions, teacher?.NPositions ?? int.MaxValue);

    /// <summary>
    /// Multiplications and additions of one token's way through a model: two per weight of each matrix product, and attention over half of
    /// the sequence on average.
    /// </summary>
    private static double ForwardFlopsPerToken(Gpt2Config model, double sequenceLength)
    {
        double width = model.NEmbd;
        double perLayer = 2 * (4 * width * width + 2 * width * model.InnerWidth) + 2 * 2 * width * (sequenceLength + 1) / 2;
        return model.NLayer * perLayer + 2 * width * model.VocabSize;
    }

    /// <summary>Float32 buffers that exist at the worst moment of a step, the backward pass.</summary>
    private static long Memory(DistillationOptions options, Gpt2Config? teacher, Gpt2Config student, long batchTokens, long context)
    {
        const long weightsGradientsAndTwoMoments = 4;
        long floats = weightsGradientsAndTwoMoments * student.ParameterCount + (teacher?.ParameterCount ?? 0);

        // Kept for the backward pass, per token and layer: both norms' inputs and outputs, q, k, v, attention's result and statistics, both
        // projections' outputs and the two sides of the activation; with dropout also its three results.
        long width = student.NEmbd;
        long perLayer = 10 * width + 2L * student.InnerWidth + student.NHead + (options.Dropout > 0 ? 2 * width : 0);
        floats += batchTokens * (student.NLayer * perLayer + 4 * width);

        // In work during the backward pass: one layer's gradients, and the embedding's gradient as an input before it joins that as the head.
        floats += batchTokens * (2L * student.InnerWidth + 4 * width) + student.VocabSize * width;

        // The teacher keeps nothing, but has one layer in work and hands over its last hidden state.
        if (teacher is not null)
            floats += batchTokens * (6L * teacher.NEmbd + 2L * teacher.InnerWidth);

        long chunk = Math.Min(LossHead.RowsPerChunk, batchTokens);
        floats += chunk * student.VocabSize * (teacher is null ? 1 : 2);
        return floats * sizeof(float);
    }
}
