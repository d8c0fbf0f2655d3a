using TorchSharp;
using WebDistill.Distillation.Engine;

namespace WebDistill.Distillation.Tests.Engine;

public sealed class DeviceTests
{
    [Fact]
    public void Facts_OfThisMachine_ArePlausible()
    {
        Assert.NotEmpty(Device.Name);
        Assert.InRange(Device.Threads, 1, 1024);
        Assert.Equal(Device.IsCuda ? DeviceType.CUDA : DeviceType.CPU, Device.Default.type);
        Assert.InRange(Device.MemoryBytes, 1_000_000, long.MaxValue);
    }
}
