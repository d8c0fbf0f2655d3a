using System.Text.Json.Serialization;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Training;

/// <summary>
/// What a run keeps in memory at the worst moment of an update, the backward pass, estimated; bytes. Sums that no machine could hold stay at
/// the largest number there is.
/// </summary>
/// <param name="TeacherBytes">The teacher's weights.</param>
/// <param name="WeightBytes">The student's weights.</param>
/// <param name="GradientBytes">Their gradients.</param>
/// <param name="MomentBytes">Both moments of AdamW.</param>
/// <param name="ActivationBytes">What the batch leaves for the backward pass, and one layer in work.</param>
/// <param name="LogitBytes">Logits of the rows that are in work at the same time.</param>
/// <param name="CorpusBytes">The places of the sequences in the text; the text itself stays on the disk.</param>
/// <param name="SavingBytes">The largest tensor once more, while a checkpoint is written.</param>
public sealed record RunMemory(
    long TeacherBytes, long WeightBytes, long GradientBytes, long MomentBytes, long ActivationBytes, long LogitBytes, long CorpusBytes,
    long SavingBytes)
{
    // What libtorch's products pack their operands into, and the gaps that blocks of many sizes leave in the heap.
    internal const long WorkspaceBytes = 16 << 20;

    /// <summary>Everything together.</summary>
    public long TotalBytes => Clamp((Int128)ModelBytes + ActivationBytes + LogitBytes + CorpusBytes + SavingBytes);

    /// <summary>What does not depend on batch and context: models, gradients, moments.</summary>
    public long ModelBytes => Clamp((Int128)TeacherBytes + WeightBytes + GradientBytes + MomentBytes);

    /// <summary>"teacher 498 MB + weights 328 MB + ... = 2.1 GB"; parts that are nothing are left out.</summary>
    [JsonIgnore]
    public string InWords => string.Join(" + ", Parts.Where(part => part.Bytes > 0).Select(part => $"{part.Name} {Machine.BytesInWords(part.Bytes)}"))
        + $" = {Machine.BytesInWords(TotalBytes)}";

    /// <summary>The parts by their names, those of the models first.</summary>
    [JsonIgnore]
    public IReadOnlyList<(string Name, long Bytes)> Parts =>
    [
        ("teacher", TeacherBytes), ("weights", WeightBytes), ("gradients", GradientBytes), ("Adam's moments", MomentBytes),
        ("activations of a batch", ActivationBytes), ("logits", LogitBytes), ("places of the sequences", CorpusBytes), ("saving", SavingBytes),
    ];

    /// <param name="batchTokens">Tokens of a full micro-batch.</param>
    /// <param name="sequences">Sequences per epoch.</param>
    internal static RunMemory Estimate(RunOptions options, Architecture? teacher, Architecture student, long batchTokens, int sequences)
    {
        Int128 tokens = batchTokens;
        Int128 width = student.Width;
        Int128 perLayer = student.ActivationsPerTokenAndLayer(options.Student.Dropout > 0);
        // In bfloat16 the processor's attention is libtorch's, which keeps scores, probabilities and mask as soon as there is a dropout; weights
        // are cast layer by layer and kept so for the backward pass.
        if (options.Precision == Precision.BFloat16)
        {
            if (!Device.IsCuda && options.Student.Dropout > 0)
                perLayer += 2L * student.Heads * (options.Data.ContextLength ?? student.Positions);
            perLayer += 2 * width + student.InnerWidth;
        }
        // In work: one layer's gradients.
        Int128 activations = tokens * (student.Layers * perLayer + 8 * width + 2L * student.InnerWidth);
        // The teacher keeps nothing, but has one layer in work and hands over its last hidden state.
        if (teacher is not null)
            activations += tokens * (6L * teacher.Width + 2L * teacher.InnerWidth);

        // On a GPU the losses are composed of operators, which keep their intermediate results.
        long rows = Math.Min(Device.IsCuda ? LossHead.RowsPerChunk : ProjectionHead.ChunkRows(student.VocabularySize), batchTokens);
        Int128 logits = (Int128)rows * student.VocabularySize * (teacher is null ? 1 : 2) * (Device.IsCuda ? 4 : 1);
        if (options.Precision == Precision.BFloat16)
            activations += student.ParameterCount / 2;
        return new RunMemory(
            Floats(teacher?.ParameterCount ?? 0), Floats(student.ParameterCount), Floats(student.ParameterCount),
            Floats(2 * (Int128)student.ParameterCount), Clamp((Int128)Floats(activations) + WorkspaceBytes), Floats(logits), Clamp((Int128)sequences * CorpusBatches.BytesPerSequence),
            Floats(LargestTensor(student)));
    }

    /// <summary>What a model needs to answer: its weights, and keys and values of all its positions for one text.</summary>
    public static long ToAnswer(Architecture model) =>
        Clamp((Int128)sizeof(float) * (model.ParameterCount + 2 * (Int128)model.Layers * model.Positions * model.Width));

    // All layers are alike: one of them is enough to look at, however many are asked for.
    private static Int128 LargestTensor(Architecture model) =>
        model.Family.Weights(model.WithLayers(1)).Max(weight => weight.Shape.Aggregate((Int128)1, (product, side) => product * side));

    private static long Floats(Int128 count) => Clamp(count * sizeof(float));

    private static long Clamp(Int128 bytes) => bytes > long.MaxValue ? long.MaxValue : (long)bytes;
}
