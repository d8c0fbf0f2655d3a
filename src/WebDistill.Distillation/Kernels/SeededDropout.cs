using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Dropout as one node of the graph whose mask is made again in the backward pass (<see cref="DropoutMask"/>); libtorch's keeps one as large as
/// its input. On a GPU it is libtorch's.
/// </summary>
internal sealed class SeededDropout : autograd.SingleTensorFunction<SeededDropout>
{
    private const string Seed = "seed", Probability = "p";

    public override string Name => nameof(SeededDropout);

    /// <summary>x with every element 0 with the given probability, else divided by 1 - probability.</summary>
    public static Tensor Run(Tensor x, double probability) => x.device_type == TorchSharp.DeviceType.CPU && x.dtype == ScalarType.Float32
        ? apply(x, probability, NextSeed())
        : nn.functional.dropout(x, probability, training: true);

    /// <summary>The same while a model trains; x itself while it does not, and where nothing is to be dropped.</summary>
    public static Tensor Run(Tensor x, double probability, bool isTraining) => isTraining && probability > 0 ? Run(x, probability) : x;

    /// <summary>A number out of libtorch's generator, whose state so decides every mask.</summary>
    public static long NextSeed()
    {
        using Tensor drawn = randint(long.MaxValue, [1], dtype: ScalarType.Int64);
        return drawn.item<long>();
    }

    public override unsafe Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        Tensor x = ((Tensor)vars[0]).contiguous(), y = empty_like(x);
        (double probability, long seed) = ((double)vars[1], (long)vars[2]);
        DropoutMask.Run(x.numel(), TensorMemory.Of(x), (float)probability, (ulong)seed, 0, TensorMemory.Of(y));
        ctx.save_data(Probability, probability);
        ctx.save_data(Seed, seed);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        BackwardResults.Of(grad_output, inputs: 3, () => Gradient(ctx, grad_output));

    private static unsafe Tensor Gradient(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using Tensor dy = grad_output.contiguous();
        Tensor dx = empty_like(dy);
        DropoutMask.Run(dy.numel(), TensorMemory.Of(dy), (float)(double)ctx.get_data(Probability), (ulong)(long)ctx.get_data(Seed), 0,
            TensorMemory.Of(dx));
        return dx;
    }
}
