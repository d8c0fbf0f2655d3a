using TorchSharp;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Tests.Training;

namespace WebDistill.Distillation.Tests.Engine;

[Collection(GlobalRandomNumbers.Name)]
public sealed class MatrixPeakTests
{
    [Fact]
    public void FlopsPerSecond_IsMeasuredOnceAndLeavesTheStreamOfRandomNumbers()
    {
        LibTorch.Load();
        torch.random.manual_seed(5);
        using torch.Tensor before = torch.rand(4);
        torch.random.manual_seed(5);
        double peak = MatrixPeak.FlopsPerSecond(isBFloat16: false);
        using torch.Tensor after = torch.rand(4);
        Assert.Equal(before.data<float>().ToArray(), after.data<float>().ToArray());
        Assert.True(double.IsFinite(peak) && peak > 0);
        Assert.Equal(peak, MatrixPeak.FlopsPerSecond(isBFloat16: false));
    }
}
