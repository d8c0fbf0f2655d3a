using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class GeluTests : KernelTests
{
    [Theory, MemberData(nameof(FastSetNames))]
    public void ForwardAndBackward_EveryTailLength_EqualsPlain(string set)
    {
        foreach (GeluApproximation approximation in Enum.GetValues<GeluApproximation>())
            foreach (long count in TailLengths.Append(40000))
            {
                float* x = Random(count, 1, 3), dy = Random(count, 2), expected = Rent(count), actual = Rent(count);
                Use("Plain");
                Gelu.Forward(count, x, expected, approximation);
                Use(set);
                Gelu.Forward(count, x, actual, approximation);
                AssertClose(count, expected, actual, 1e-6, $"{set} {approximation} forward");
                Use("Plain");
                Gelu.Backward(count, x, dy, expected, approximation);
                Use(set);
                Gelu.Backward(count, x, dy, actual, approximation);
                AssertClose(count, expected, actual, 4e-6, $"{set} {approximation} backward");
            }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Forward_FarOut_IsZeroOrIdentity(string set)
    {
        Use(set);
        foreach (GeluApproximation approximation in Enum.GetValues<GeluApproximation>())
        {
            float* x = Rent(4), y = Rent(4), dx = Rent(4), one = Rent(4, 1);
            (x[0], x[1], x[2], x[3]) = (-50, 50, float.NaN, 3e15f);
            Gelu.Forward(4, x, y, approximation);
            Assert.Equal((0f, 50f, 3e15f), (y[0], y[1], y[3]));
            Assert.True(float.IsNaN(y[2]));
            Gelu.Backward(4, x, one, dx, approximation);
            Assert.Equal((0f, 1f, 1f), (dx[0], dx[1], dx[3]));
            Assert.True(float.IsNaN(dx[2]));
        }
    }
}
