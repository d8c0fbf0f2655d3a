using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

/// <summary>A failure in the backward pass of a node of ours must reach the caller, and must not end the process on its way through native code.</summary>
public sealed class BackwardResultsTests
{
    [Fact]
    public void Of_AFailureWithoutMemory_ReachesWhoeverEndsTheBackwardPass()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones(3).requires_grad_();
        Failing.Run(x.mul(2)).sum().backward();
        Assert.Equal("no room", Assert.Throws<OutOfMemoryException>(BackwardResults.End).Message);
        BackwardResults.End(); // Told once.
    }

    private sealed class Failing : autograd.SingleTensorFunction<Failing>
    {
        public override string Name => nameof(Failing);

        public static Tensor Run(Tensor x) => apply(x);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars) => ((Tensor)vars[0]).clone();

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) =>
            BackwardResults.Of(grad_output, inputs: 1, () => throw new OutOfMemoryException("no room"));
    }
}
