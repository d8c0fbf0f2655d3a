using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Models;

/// <summary>What a pass through a model keeps of the attention of its layers, one entry per layer; what nobody asked for is null.</summary>
/// <remarks>Shapes: B rows, T positions of this pass, S positions seen so far, A = H·D, H heads.</remarks>
internal sealed class KeptAttention(Wants wants)
{
    /// <summary>[B, H, T, S]: softmax of scores and mask, before dropout.</summary>
    public List<Tensor>? Probabilities { get; } = wants.HasFlag(Wants.Attentions) ? [] : null;

    /// <summary>[B, H, T, S]: q kᵀ/√D, before mask and softmax.</summary>
    public List<Tensor>? Scores { get; } = wants.HasFlag(Wants.AttentionScores) ? [] : null;

    /// <summary>Queries, keys and values.</summary>
    public List<AttentionInputs>? Inputs { get; } = wants.HasFlag(Wants.AttentionInputs) ? [] : null;

    /// <summary>Whether attention has to be composed of single operators, because somebody looks between them.</summary>
    public bool IsComposed => Probabilities is not null || Scores is not null;

    /// <summary>dropout(softmax(q kᵀ/√D + mask)) v, of single operators; scores and probabilities are kept as asked.</summary>
    /// <param name="q">[B, H, T, D].</param>
    /// <param name="k">[B, H, S, D], as the values.</param>
    /// <param name="mask">Added to the scores; null hides nothing.</param>
    /// <param name="type">In which numbers the products are computed.</param>
    public Tensor Mix(Tensor q, Tensor k, Tensor v, Tensor? mask, double dropout, ScalarType type)
    {
        Tensor scores_BHTS = (q.matmul(k.transpose(-2, -1)) * (1 / Math.Sqrt((double)q.shape[^1]))).to(ScalarType.Float32);
        Scores?.Add(scores_BHTS);
        Tensor p_BHTS = nn.functional.softmax(mask is null ? scores_BHTS : scores_BHTS + mask, dim: -1);
        Probabilities?.Add(p_BHTS);
        return (dropout > 0 ? SeededDropout.Run(p_BHTS, dropout) : p_BHTS).to(type).matmul(v);
    }

    /// <summary>Keeps queries, keys and values of a layer, where somebody asked for them.</summary>
    /// <param name="q">[B, T, A], as the other two.</param>
    public void Keep(Tensor q, Tensor k, Tensor v) =>
        Inputs?.Add(new AttentionInputs(q.to(ScalarType.Float32), k.to(ScalarType.Float32), v.to(ScalarType.Float32)));

    /// <summary>Lets what the latest layer left live as long as the scope around the present one.</summary>
    public void MoveToOuterDisposeScope()
    {
        Probabilities?[^1].MoveToOuterDisposeScope();
        Scores?[^1].MoveToOuterDisposeScope();
        Inputs?[^1].MoveToOuterDisposeScope();
    }
}

/// <summary>What a layer's attention is computed from, all heads side by side: [B, T, A] each, in 32 bits.</summary>
internal sealed record AttentionInputs(Tensor Queries, Tensor Keys, Tensor Values)
{
    /// <summary>Lets the tensors live as long as the scope around the present one.</summary>
    public void MoveToOuterDisposeScope()
    {
        Queries.MoveToOuterDisposeScope();
        Keys.MoveToOuterDisposeScope();
        Values.MoveToOuterDisposeScope();
    }
}
