using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class GeluTests : KernelTests
{
    [Theory, MemberData(nameof(SetNames))]
    public void ForwardAndBackward_EveryTailLength_EqualLibtorchIn64Bits(string set)
    {
        Use(set);
        foreach (long count in TailLengths.Append(40_001))
        {
            float* x = Random(count, 1, 3), dy = Random(count, 2), y = Rent(count), dx = Rent(count);
            GeluValues.Forward(count, x, y);
            GeluValues.Backward(count, x, dy, dx);
            using DisposeScope scope = NewDisposeScope();
            Tensor exact = Exact(x, count).requires_grad_();
            Tensor expected = nn.functional.gelu(exact, TorchSharp.Modules.GELU.Approximate.tanh);
            (expected * Exact(dy, count)).sum().backward();
            AssertClose(expected, y, 2e-6, $"{set} {count} values");
            AssertClose(exact.grad!, dx, 4e-6, $"{set} {count} derivatives");
        }
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_ThroughTheGraph_EqualsLibtorch(string set)
    {
        Use(set);
        float* values = Random(6 * 35, 1, 2);
        Tensor x = Exact(values, 6, 35).to(ScalarType.Float32).requires_grad_(), exact = Exact(values, 6, 35).requires_grad_();
        Tensor actual = Gelu.Run(x), expected = nn.functional.gelu(exact, TorchSharp.Modules.GELU.Approximate.tanh);
        actual.square().sum().backward();
        expected.square().sum().backward();
        AssertClose(expected, actual, 2e-6, "values");
        AssertClose(exact.grad!, x.grad!, 1e-5, "gradient");
    }
}
