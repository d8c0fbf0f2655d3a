using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Kernels;

/// <summary>GPT-2's activation as one node of the graph, computed by <see cref="GeluValues"/> on the processor; libtorch's takes three times as long.</summary>
internal sealed class Gelu : autograd.SingleTensorFunction<Gelu>
{
    public override string Name => nameof(Gelu);

    /// <summary>gelu(x), element by element.</summary>
    public static Tensor Run(Tensor x) => x.device_type == DeviceType.CPU && x.dtype == ScalarType.Float32
        ? apply(x)
        : nn.functional.gelu(x, GELU.Approximate.tanh);

    public override unsafe Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        Tensor x = ((Tensor)vars[0]).contiguous(), y = empty_like(x);
        GeluValues.Forward(x.numel(), TensorMemory.Of(x), TensorMemory.Of(y));
        ctx.save_for_backward([x]);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
        BackwardResults.Of(grad_output, inputs: 1, () => Gradient(ctx, grad_output));

    private static unsafe Tensor Gradient(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using Tensor x = ctx.get_saved_variables()[0], dy = grad_output.contiguous();
        Tensor dx = empty_like(dy);
        GeluValues.Backward(dy.numel(), TensorMemory.Of(x), TensorMemory.Of(dy), TensorMemory.Of(dx));
        return dx;
    }
}
