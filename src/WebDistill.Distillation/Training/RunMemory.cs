using System.Text.Json.Serialization;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Transforms.Learned;

namespace WebDistill.Distillation.Training;

/// <summary>
/// What a run keeps in memory at the worst moment of an update, the backward pass, estimated; bytes. Sums that no machine could hold stay at
/// the largest number there is.
/// </summary>
/// <param name="TeacherBytes">The teacher's weights. Of several, which are read one after another, those of the largest and the output projection of each.</param>
/// <param name="WeightBytes">The student's weights, those that its losses bring, and what compression keeps behind them.</param>
/// <param name="GradientBytes">Their gradients.</param>
/// <param name="MomentBytes">Both moments of AdamW.</param>
/// <param name="ActivationBytes">What the batch leaves for the backward pass, and one layer in work; with losses that look at all layers or at attention
/// maps, what both models keep for them.</param>
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

    /// <param name="losses">What is minimised.</param>
    /// <param name="rows">Sequences of a full micro-batch.</param>
    /// <param name="context">Tokens of each.</param>
    /// <param name="sequences">Sequences per epoch.</param>
    /// <param name="teachers">The first one's first; empty without any.</param>
    internal static RunMemory Estimate(
        RunOptions options, IReadOnlyList<Loss> losses, IReadOnlyList<Architecture> teachers, Architecture student, long rows, int context, int sequences)
    {
        Architecture? teacher = teachers.Count > 0 ? teachers[0] : null;
        Int128 tokens = (Int128)rows * context;
        Int128 width = student.Width;
        Int128 perLayer = student.ActivationsPerTokenAndLayer(options.Student.Dropout > 0, context);
        // In bfloat16 the processor's attention is libtorch's, which keeps scores, probabilities and mask as soon as there is a dropout; weights
        // are cast layer by layer and kept so for the backward pass.
        if (options.Precision == Precision.BFloat16)
        {
            if (!Device.IsCuda && options.Student.Dropout > 0)
                perLayer += 2L * student.Heads * context;
            perLayer += 2 * width + student.InnerWidth;
        }
        // In work: one layer's gradients.
        Int128 activations = tokens * (student.Layers * perLayer + 8 * width + 2L * student.InnerWidth);
        // The teacher keeps nothing, but has one layer in work and hands over its last hidden state. What it keeps for losses is counted by itself, and its layer was
        // in work before the student's are.
        if (teacher is not null)
            activations += tokens * ((losses.OfType<WholeLoss>().Any() ? teacher.Width : teachers.Max(one => 6L * one.Width + 2L * one.InnerWidth)) + teachers.Skip(1).Sum(one => (long)one.Width));
        activations += tokens * KeptForLosses(options, losses, teacher, student, context);

        // On a GPU, and behind the head for masked words, the losses are composed of operators, which keep their intermediate results.
        bool isComposed = Device.IsCuda || student.Head != ModelHead.NextToken;
        Int128 chunk = Int128.Min(isComposed ? LossHead.RowsPerChunk : ProjectionHead.ChunkRows(student.VocabularySize), tokens);
        Int128 logits = chunk * student.LogitsPerRow * (teacher is null ? 1 : 2) * (isComposed ? 4 : 1);
        // Of several teachers the logits and their distributions, the mixture, and what is computed of them on the way.
        if (teachers.Count > 1)
            logits += chunk * student.VocabularySize * (2 * teachers.Count + 3);
        if (options.Precision == Precision.BFloat16)
            activations += student.ParameterCount / 2;
        BesideStudent compression = LearnedCatalogue.Beside(options, student);
        Int128 trained = student.ParameterCount + (Int128)TrainedByLosses(options, losses, teacher, student) + compression.Trained;
        return new RunMemory(
            Floats(teachers.Count == 0 ? 0 : teachers.Max(one => one.ParameterCount) + (teachers.Count == 1 ? 0 : teachers.Sum(one => (long)one.VocabularySize * one.Width))),
            Clamp((Int128)Floats(trained) + compression.MemoryBytes), Floats(trained), Floats(2 * trained), Clamp((Int128)Floats(activations) + WorkspaceBytes), Floats(logits), Clamp((Int128)sequences * CorpusBatches.BytesPerSequence),
            Floats(LargestTensor(student)));
    }

    /// <summary>Numbers that losses train beside the student.</summary>
    internal static long TrainedByLosses(RunOptions options, IReadOnlyList<Loss> losses, Architecture? teacher, Architecture student) =>
        losses.OfType<WholeLoss>().Sum(loss => loss.ParameterCount(options, student, teacher));

    /// <summary>Floats per token that both models keep until a whole loss has seen them, and that it leaves for the backward pass.</summary>
    private static Int128 KeptForLosses(RunOptions options, IReadOnlyList<Loss> losses, Architecture? teacher, Architecture student, int context)
    {
        List<WholeLoss> whole = [.. losses.OfType<WholeLoss>()];
        Wants ofStudent = whole.Aggregate(Wants.None, (all, loss) => all | loss.OfStudent), ofTeacher = whole.Aggregate(Wants.None, (all, loss) => all | loss.OfTeacher);
        Int128 floats = 0;
        // The student's states between layers are kept for its backward pass in any case; a loss adds its difference to each, or its gradient later.
        if (ofStudent.HasFlag(Wants.HiddenOfAllLayers))
            floats += (student.Layers + 1L) * student.Width;
        bool hasProbabilities = ofStudent.HasFlag(Wants.Attentions), hasScores = ofStudent.HasFlag(Wants.AttentionScores);
        if (hasProbabilities || hasScores)
        {
            // Composed attention keeps q, k, v and its result once more, the probabilities, and those that dropout leaves; the scores only for a loss; a loss
            // adds as above. In work: the scores and their gradient.
            int maps = 1 + (options.Student.Dropout > 0 ? 1 : 0) + (hasProbabilities ? 1 : 0) + (hasScores ? 2 : 0);
            floats += student.Layers * ((Int128)maps * student.Heads * context + 4L * student.Width) + 2L * student.Heads * context;
        }
        // In bfloat16 queries, keys and values are kept in 32 bits once more.
        if (ofStudent.HasFlag(Wants.AttentionInputs) && options.Precision == Precision.BFloat16)
            floats += 3L * student.Layers * student.AttentionWidth;
        floats = whole.Aggregate(floats, (sum, loss) => sum + loss.KeptPerToken(options, student, teacher, context));
        if (teacher is null)
            return floats;
        if (ofTeacher.HasFlag(Wants.HiddenOfAllLayers))
            floats += (teacher.Layers + 1L) * teacher.Width;
        int mapsOfTeacher = (ofTeacher.HasFlag(Wants.Attentions) ? 1 : 0) + (ofTeacher.HasFlag(Wants.AttentionScores) ? 1 : 0);
        floats += (Int128)mapsOfTeacher * teacher.Layers * teacher.Heads * context;
        if (ofTeacher.HasFlag(Wants.AttentionInputs))
            floats += 3L * teacher.Layers * teacher.AttentionWidth;
        return floats;
    }

    /// <summary>What a model needs to answer: its weights, and what it remembers of one text of all its positions while it writes.</summary>
    public static long ToAnswer(Architecture model) =>
        Clamp((Int128)sizeof(float) * (model.ParameterCount + (Int128)model.CachedNumbersPerToken * model.Positions));

    // All layers are alike: one of them is enough to look at, however many are asked for.
    private static Int128 LargestTensor(Architecture model) =>
        model.Family.Weights(model.WithLayers(1)).Max(weight => weight.Shape.Aggregate((Int128)1, (product, side) => product * side));

    private static long Floats(Int128 count) => Clamp(count * sizeof(float));

    private static long Clamp(Int128 bytes) => bytes > long.MaxValue ? long.MaxValue : (long)bytes;
}
