using TorchSharp;
using WebDistill.Distillation.Kernels;
using WebDistill.Distillation.Losses;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// Output projection and losses: on the processor one kernel for the losses on the logits and one for the cosine; libtorch's operators for any
/// other loss, and for all of them elsewhere.
/// </summary>
internal static class ProjectionHead
{
    /// <summary>Whether the sum of this loss comes from a fused kernel.</summary>
    public static bool IsFused(DistillationLoss loss) => !Device.IsCuda && (IsOnLogits(loss) || loss is HiddenCosine);

    private static bool IsOnLogits(DistillationLoss loss) => loss is DistillationCrossEntropy or CausalLanguageModel or LogitsSquaredError;

    /// <summary>Sums every term over all rows and, if asked, adds the gradients.</summary>
    public static LossHeadResult Run(LossHeadInput input, IReadOnlyList<LossTerm> terms, bool gradients)
    {
        if (Device.IsCuda)
            return LossHead.Compose(input, terms, gradients);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        List<LossTerm> composed = [.. terms.Where(term => !IsFused(term.Loss))];
        LossHeadResult rest = composed.Count > 0 ? LossHead.Compose(input, composed, gradients) : new LossHeadResult([], null);
        DistillationHeadSums fused = default;
        double cosine = 0;
        Tensor? hiddenGradient = rest.HiddenGradient;
        if (composed.Count < terms.Count)
        {
            bool onLogits = terms.Any(term => IsOnLogits(term.Loss)) && input.StudentHidden.shape[0] > 0;
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
            sums[i] = terms[i].Loss switch
            {
                DistillationCrossEntropy => fused.Distillation,
                CausalLanguageModel => fused.CausalLm,
                LogitsSquaredError => fused.SquaredError,
                HiddenCosine => cosine,
                _ => rest.Sums[composed.IndexOf(terms[i])],
            };
        }
        return new LossHeadResult(sums, hiddenGradient?.MoveToOuterDisposeScope());
    }

    private static unsafe DistillationHeadSums RunKernel(LossHeadInput input, IReadOnlyList<LossTerm> terms, Tensor? hiddenGradient)
    {
        Tensor hidden = input.StudentHidden.contiguous();
        Tensor embedding = input.StudentEmbedding.detach();
        Tensor? teacherHidden = input.TeacherHidden?.contiguous(), teacherEmbedding = input.TeacherEmbedding?.detach();
        Tensor? embeddingGradient = null;
        bool isFirst = input.StudentEmbedding.grad is null;
        if (hiddenGradient is not null)
        {
            if (isFirst)
                input.StudentEmbedding.grad = empty_like(embedding);
            embeddingGradient = input.StudentEmbedding.grad;
        }
        fixed (long* targets = input.Targets)
        {
            var arguments = new DistillationHeadArguments
            {
                Rows = hidden.shape[0],
                StudentWidth = hidden.shape[1],
                TeacherWidth = teacherHidden?.shape[1] ?? 0,
                VocabularySize = embedding.shape[0],
                StudentHidden = TensorMemory.Of(hidden),
                StudentEmbedding = TensorMemory.Of(embedding),
                TeacherHidden = OfOptional(teacherHidden),
                TeacherEmbedding = OfOptional(teacherEmbedding),
                Targets = targets,
                Temperature = (float)input.Temperature,
                StudentHiddenGradient = OfOptional(hiddenGradient),
                StudentEmbeddingGradient = OfOptional(embeddingGradient),
                OverwriteEmbeddingGradient = isFirst,
            };
            foreach ((DistillationLoss loss, double scale) in terms)
            {
                float factor = hiddenGradient is null ? 0 : (float)scale;
                switch (loss)
                {
                    case DistillationCrossEntropy:
                        (arguments.WantDistillation, arguments.DistillationScale) = (true, factor);
                        break;
                    case CausalLanguageModel:
                        (arguments.WantCausalLm, arguments.CausalLmScale) = (true, factor);
                        break;
                    case LogitsSquaredError:
                        (arguments.WantMse, arguments.MseScale) = (true, factor);
                        break;
                }
            }
            return DistillationHead.Run(arguments);
        }
    }

    private static unsafe double RunCosine(LossHeadInput input, float scale, Tensor? hiddenGradient)
    {
        Tensor student = input.StudentHidden.contiguous(), teacher = input.TeacherHidden!.contiguous();
        return CosineDistance.Run(student.shape[0], student.shape[1], TensorMemory.Of(student), TensorMemory.Of(teacher), HiddenCosine.Epsilon, scale,
            OfOptional(hiddenGradient));
    }

    private static unsafe float* OfOptional(Tensor? tensor) => tensor is null ? null : TensorMemory.Of(tensor);
}
