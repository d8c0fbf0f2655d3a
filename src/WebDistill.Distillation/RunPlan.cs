using WebDistill.Distillation.Models;

namespace WebDistill.Distillation;

/// <summary>What a run will do and need, computed before it starts.</summary>
/// <param name="TokensPerUpdate">Tokens of a full update: batch size × accumulation × tokens per sequence (mean).</param>
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
    /// <summary>Plans a run.</summary>
    /// <param name="trainTokens">Tokens of the training split.</param>
    /// <param name="sequences">Sequences per epoch, as the batch sampler counts them.</param>
    public static RunPlan Compute(DistillationOptions options, Gpt2Config? teacher, Gpt2Config student, long trainTokens, int sequences) =>
        throw new NotSupportedException($"{options} {teacher} {student} {trainTokens} {sequences}");

    /// <summary>Every problem that needs the models or the corpus to be seen; empty when there is none.</summary>
    /// <param name="checkpoint">Architecture of <see cref="DistillationOptions.StudentModelId"/>, where one is chosen.</param>
    /// <param name="vocabularySize">V of the data set's tokenizer.</param>
    /// <param name="sequences">Sequences per epoch; null if the corpus is not known yet.</param>
    public static IReadOnlyList<OptionProblem> Check(DistillationOptions options, Gpt2Config? teacher, Gpt2Config? checkpoint, int vocabularySize,
        int? sequences) => throw new NotSupportedException($"{options} {teacher} {checkpoint} {vocabularySize} {sequences}");
}
