using TorchSharp;

namespace WebDistill.Distillation.Models;

/// <summary>What somebody asks a model for; nothing else is computed or kept.</summary>
[Flags]
public enum Wants
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The hidden states after the last layer norm.</summary>
    Hidden = 1,

    /// <summary>The hidden states between the layers as well.</summary>
    HiddenOfAllLayers = 2,

    /// <summary>The attention probabilities of every layer: attention is composed of single operators then, and keeps them.</summary>
    Attentions = 4,

    /// <summary>The logits of each token. They are made of the hidden states, a chunk of tokens at a time: no model answers them all at once.</summary>
    Logits = 8,

    /// <summary>The one vector of each text that classes are told by.</summary>
    Pooled = 16,

    /// <summary>The attention scores of every layer, before mask and softmax: attention is composed of single operators then.</summary>
    AttentionScores = 32,

    /// <summary>The queries, keys and values of every layer.</summary>
    AttentionInputs = 64,
}

/// <summary>What a model answered, in 32 bits even where its products are computed in bfloat16. B rows, T positions, C width, H heads.</summary>
/// <param name="Hidden">[B, T, C], after the last layer norm.</param>
/// <param name="Layers">n_layer + 1 of [B, T, C]: the embeddings, then the output of each block; the last one alone is after the final layer norm, it is
/// <paramref name="Hidden"/>. Empty unless asked for.</param>
/// <param name="Attentions">n_layer of [B, H, T, T], each row over the keys summing to 1, before dropout; empty unless asked for.</param>
/// <param name="Pooled">[B, C] of the first token of each text, in a family that reads it step by step of the last states; null unless asked for.</param>
internal sealed record Outputs(
    torch.Tensor Hidden, IReadOnlyList<torch.Tensor> Layers, IReadOnlyList<torch.Tensor> Attentions, torch.Tensor? Pooled = null)
{
    /// <summary>n_layer of [B, H, T, T]: q kᵀ/√D before mask and softmax, so that places which no position attends to have numbers as well; empty unless asked
    /// for.</summary>
    public IReadOnlyList<torch.Tensor> Scores { get; init; } = [];

    /// <summary>n_layer queries, keys and values; empty unless asked for.</summary>
    public IReadOnlyList<AttentionInputs> Inputs { get; init; } = [];

    /// <summary>The last hidden states [N, C] of those places of the batch, counted row by row.</summary>
    public torch.Tensor HiddenOf(long[] rows)
    {
        torch.Tensor all = Hidden.reshape(-1, Hidden.shape[2]);
        return rows.Length == all.shape[0] ? all : all.index_select(0, torch.tensor(rows, [rows.Length], device: Hidden.device));
    }

    /// <summary>What a model predicts from: the one vector [B, D] of each text where it sorts texts into classes, else the last hidden states of those places.</summary>
    public torch.Tensor RowsOf(long[] places, ModelHead head) => head == ModelHead.Classes ? Pooled!.reshape(-1, Pooled.shape[^1]) : HiddenOf(places);

    /// <summary>Lets the tensors live as long as the scope around the present one.</summary>
    public Outputs MoveToOuterDisposeScope()
    {
        Hidden.MoveToOuterDisposeScope();
        foreach (torch.Tensor tensor in Layers.Concat(Attentions).Concat(Scores).Where(tensor => !ReferenceEquals(tensor, Hidden)))
            tensor.MoveToOuterDisposeScope();
        foreach (AttentionInputs inputs in Inputs)
            inputs.MoveToOuterDisposeScope();
        Pooled?.MoveToOuterDisposeScope();
        return this;
    }
}
