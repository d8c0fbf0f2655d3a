using TorchSharp;
using TorchSharp.Modules;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Losses;

/// <summary>
/// Output projection and losses: on the processor one kernel for the losses on the logits and one for the cosine; libtorch's operators for any
/// other loss, and for all of them elsewhere.
/// </summary>
/// <remarks>Shapes: N rows of the batch (tokens without padding), n rows of a chunk, C width, V vocabulary.</remarks>
internal static class ProjectionHead
{
    private const long LargestChunkRows = 2048;
    private const long LogitsPerChunk = 1 << 22;

    private static bool IsOnLogits(LossTerm term) => !term.IsRestricted && term.Loss is (DistillationCrossEntropy or CausalLanguageModel or LogitsSquaredError);

    /// <summary>Sums every term over all rows and, if asked, adds the gradients.</summary>
    public static LossHeadResult Run(LossHeadInput input, IReadOnlyList<LossTerm> terms, bool gradients)
    {
        // Nor is there a kernel where the logits are more than a product with the hidden states.
        if (Engine.Device.IsCuda || input.StudentHead is null)
            return LossHead.Compose(input, terms, gradients);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        List<LossTerm> composed = [.. terms.Where(term => !IsOnLogits(term) && term.Loss is not HiddenCosine)];
        LossHeadResult rest = composed.Count > 0 ? LossHead.Compose(input, composed, gradients) : new LossHeadResult([], null);
        LogitLossSums fused = default;
        double cosine = 0;
        Tensor? hiddenGradient = rest.HiddenGradient;
        if (composed.Count < terms.Count)
        {
            bool onLogits = terms.Any(IsOnLogits) && input.StudentHidden.shape[0] > 0;
            // The kernel of the logits overwrites the gradient, that of the cosine adds to it.
            Tensor? fusedGradient = !gradients ? null : onLogits ? empty_like(input.StudentHidden) : zeros_like(input.StudentHidden);
            if (onLogits)
                fused = RunKernel(input, terms, fusedGradient);
            foreach (LossTerm term in terms.Where(term => term.Loss is HiddenCosine))
                cosine = RunCosine(input, (float)term.Scale, fusedGradient);
            hiddenGradient = hiddenGradient is null ? fusedGradient : hiddenGradient.add_(fusedGradient!);
        }

        var sums = new double[terms.Count];
        for (int i = 0; i < terms.Count; i++)
        {
            sums[i] = composed.IndexOf(terms[i]) is >= 0 and int place ? rest.Sums[place] : terms[i].Loss switch
            {
                DistillationCrossEntropy => fused.Distillation,
                CausalLanguageModel => fused.CausalLm,
                LogitsSquaredError => fused.SquaredError,
                _ => cosine,
            };
        }
        return new LossHeadResult(sums, hiddenGradient?.MoveToOuterDisposeScope());
    }

    /// <summary>
    /// Logits by libtorch's products into two buffers that every chunk of rows uses again, their losses and gradient in place by the kernel, and
    /// two products from there.
    /// </summary>
    private static unsafe LogitLossSums RunKernel(LossHeadInput input, IReadOnlyList<LossTerm> terms, Tensor? hiddenGradient_NC)
    {
        LogitLossSettings settings = Settings(input, terms, hiddenGradient_NC is not null);
        Parameter head = input.StudentHead!;
        Tensor hidden_NC = input.StudentHidden.contiguous(), head_VC = head.detach();
        (long rows, long vocabulary) = (hidden_NC.shape[0], head_VC.shape[0]);
        long chunk = Math.Min(rows, ChunkRows(vocabulary));
        Tensor student_nV = Logits(chunk, vocabulary);
        Tensor? teacher_nV = settings.NeedsTeacher ? Logits(chunk, vocabulary) : null;
        var studentLogits = new HeadLogits(hidden_NC, head_VC);
        bool isFirst = head.grad is null;
        if (hiddenGradient_NC is not null && isFirst)
            head.grad = empty_like(head_VC);
        Tensor? headGradient_VC = hiddenGradient_NC is null ? null : head.grad;

        LogitLossSums total = default;
        fixed (long* targets = input.Targets)
        {
            for (long start = 0; start < rows; start += chunk)
            {
                using DisposeScope scope = NewDisposeScope();
                long count = Math.Min(chunk, rows - start);
                Tensor hidden_nC = hidden_NC.narrow(0, start, count), logits_nV = student_nV.narrow(0, 0, count);
                studentLogits.Write(start, logits_nV, input.Temperature);
                if (teacher_nV is not null)
                    input.TeacherLogits!.Write(start, teacher_nV.narrow(0, 0, count), input.Temperature);
                total += LogitLosses.Run(settings, (int)count, First(student_nV), teacher_nV is null ? null : First(teacher_nV), student_nV.stride(0),
                    targets + start);
                hiddenGradient_NC?.narrow(0, start, count).addmm_(logits_nV, head_VC, beta: 0, alpha: 1);
                headGradient_VC?.addmm_(logits_nV.t(), hidden_nC, beta: isFirst && start == 0 ? 0 : 1, alpha: 1);
            }
        }
        return total;
    }

    /// <summary>Rows whose logits exist at the same time: 16 MiB per model, unless 256 rows are more.</summary>
    internal static long ChunkRows(long vocabulary) => Math.Clamp(LogitsPerChunk / vocabulary, LossHead.RowsPerChunk, LargestChunkRows);

    /// <summary>A buffer whose rows begin on cache lines, whatever the vocabulary's size: libtorch's product is a third faster into it.</summary>
    private static Tensor Logits(long rows, long vocabulary)
    {
        const int floatsPerLine = AlignedMemory.AlignmentBytes / sizeof(float);
        return empty(rows, PackedProduct.RoundUp(vocabulary, floatsPerLine)).narrow(1, 0, vocabulary);
    }

    private static unsafe float* First(Tensor logits)
    {
        using Tensor row = logits.select(0, 0);
        return TensorMemory.Of(row);
    }

    private static LogitLossSettings Settings(LossHeadInput input, IReadOnlyList<LossTerm> terms, bool gradients)
    {
        var settings = new LogitLossSettings
        {
            VocabularySize = input.StudentHead!.shape[0], Temperature = 1, WantGradient = gradients,
        };
        foreach ((RowLoss loss, double scale, object? parameters, _) in terms.Where(IsOnLogits))
        {
            switch (loss)
            {
                case DistillationCrossEntropy:
                    (settings.WantDistillation, settings.DistillationScale) = (true, (float)scale);
                    settings.Temperature = (float)((DistillationCrossEntropy.Softening)parameters!).Temperature;
                    break;
                case CausalLanguageModel:
                    (settings.WantCausalLm, settings.CausalLmScale) = (true, (float)scale);
                    break;
                case LogitsSquaredError:
                    (settings.WantMse, settings.MseScale) = (true, (float)scale);
                    break;
            }
        }
        return settings;
    }

    private static unsafe double RunCosine(LossHeadInput input, float scale, Tensor? hiddenGradient)
    {
        Tensor student = input.StudentHidden.contiguous(), teacher = input.TeacherHidden!.contiguous();
        return CosineDistance.Run(student.shape[0], student.shape[1], TensorMemory.Of(student), TensorMemory.Of(teacher), HiddenCosine.Epsilon, scale,
            OfOptional(hiddenGradient));
    }

    private static unsafe float* OfOptional(Tensor? tensor) => tensor is null ? null : TensorMemory.Of(tensor);
}
