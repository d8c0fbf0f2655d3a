using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Causal self-attention with dropout on the probabilities as one node of the graph, computed by <see cref="Attention"/>: the scores of the whole
/// sequence never exist, neither forward nor backward. libtorch's own path materialises them as soon as there is a dropout. B rows, T positions,
/// C width, H heads.
/// </summary>
internal sealed class CausalAttention : autograd.SingleTensorFunction<CausalAttention>
{
    private const string Seed = "seed", Heads = "heads", Probability = "dropout";

    public override string Name => nameof(CausalAttention);

    /// <summary>dropout(softmax(q kᵀ / √(C/H))) v for every head, causal.</summary>
    /// <param name="qkv">Queries, keys and values side by side, [B, T, 3 C].</param>
    /// <param name="dropout">Probability with which a weight is dropped; the mask follows from one number of libtorch's generator.</param>
    /// <returns>[B, T, C].</returns>
    public static Tensor Run(Tensor qkv, long heads, double dropout) => qkv.device_type == DeviceType.CPU && qkv.dtype == ScalarType.Float32
        ? apply(qkv, heads, dropout, dropout > 0 ? SeededDropout.NextSeed() : 0L)
        : Compose(qkv, heads, dropout);

    /// <summary>The same composed of libtorch's operators, for other devices and as the measure of this one.</summary>
    internal static Tensor Compose(Tensor qkv, long heads, double dropout)
    {
        (long rows, long length, long width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3);
        Tensor[] thirds = qkv.chunk(3, 2);
        Tensor mixed = nn.functional.scaled_dot_product_attention(Split(thirds[0]), Split(thirds[1]), Split(thirds[2]), p: dropout,
            is_casual: length > 1);
        return mixed.transpose(1, 2).reshape(rows, length, width);

        Tensor Split(Tensor third) => third.view(rows, length, heads, width / heads).transpose(1, 2);
    }

    public override unsafe Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        Tensor qkv = ((Tensor)vars[0]).contiguous();
        (long heads, double dropout, long seed) = ((long)vars[1], (double)vars[2], (long)vars[3]);
        (long rows, long length, long width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3);
        Tensor output = empty(rows, length, width), logSumExp = empty(rows, heads, length);
        var views = new Views(qkv, heads);
        Attention.Forward(Settings(qkv, heads, dropout, seed), views.Query, views.Key, views.Value, Mixed(output, heads),
            TensorMemory.Of(logSumExp));
        ctx.save_for_backward([qkv, output, logSumExp]);
        ctx.save_data(Heads, heads);
        ctx.save_data(Probability, dropout);
        ctx.save_data(Seed, seed);
        return output;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        BackwardResults.Of(grad_output, inputs: 4, () => Gradient(ctx, grad_output));

    private static unsafe Tensor Gradient(autograd.AutogradContext ctx, Tensor grad_output)
    {
        List<Tensor> saved = ctx.get_saved_variables();
        using Tensor qkv = saved[0], output = saved[1], logSumExp = saved[2], dOutput = grad_output.contiguous();
        (long heads, double dropout, long seed) = ((long)ctx.get_data(Heads), (double)ctx.get_data(Probability), (long)ctx.get_data(Seed));
        Tensor gradient = empty_like(qkv);
        Views views = new(qkv, heads), gradients = new(gradient, heads);
        Attention.Backward(Settings(qkv, heads, dropout, seed), views.Query, views.Key, views.Value, Mixed(output, heads),
            TensorMemory.Of(logSumExp), Mixed(dOutput, heads), gradients.Query, gradients.Key, gradients.Value);
        return gradient;
    }

    private static AttentionSettings Settings(Tensor qkv, long heads, double dropout, long seed) => new()
    {
        Batch = qkv.shape[0], Heads = heads, QueryLength = qkv.shape[1], KeyLength = qkv.shape[1], HeadSize = qkv.shape[2] / 3 / heads,
        Scale = (float)(1 / Math.Sqrt((double)(qkv.shape[2] / 3 / heads))), Causal = true, DropoutProbability = (float)dropout,
        DropoutSeed = (ulong)seed,
    };

    private static unsafe HeadView Mixed(Tensor tensor, long heads)
    {
        (long length, long width) = (tensor.shape[1], tensor.shape[2]);
        return new HeadView(TensorMemory.Of(tensor), length * width, width / heads, width);
    }

    /// <summary>The three thirds of [B, T, 3 C].</summary>
    private readonly unsafe struct Views
    {
        public readonly HeadView Query, Key, Value;

        public Views(Tensor qkv, long heads)
        {
            (long length, long row) = (qkv.shape[1], qkv.shape[2]);
            float* data = TensorMemory.Of(qkv);
            long width = row / 3, size = width / heads;
            Query = new HeadView(data, length * row, size, row);
            Key = new HeadView(data + width, length * row, size, row);
            Value = new HeadView(data + 2 * width, length * row, size, row);
        }
    }
}
