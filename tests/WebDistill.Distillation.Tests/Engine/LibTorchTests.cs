using WebDistill.Distillation.Engine;

namespace WebDistill.Distillation.Tests.Engine;

public sealed class LibTorchTests
{
    [Fact]
    public void Load_OnThisMachine_PatchesExactlyWhereTheCppLibraryIsTooOld()
    {
        LibTorch.Load();
        if (!OperatingSystem.IsLinux())
        {
            Assert.False(LibTorch.IsPatchedCopy);
            return;
        }
        // What the process has loaded by now, libtorch's own dependency.
        string library = File.ReadLines("/proc/self/maps").Select(line => line[(line.LastIndexOf(' ') + 1)..])
            .First(path => Path.GetFileName(path).StartsWith("libstdc++.so", StringComparison.Ordinal));
        bool isNewEnough = File.ReadAllBytes(library).AsSpan().IndexOf("GLIBCXX_3.4.32\0"u8) >= 0;
        Assert.Equal(!isNewEnough, LibTorch.IsPatchedCopy);
    }

    [Fact]
    public void Find_FileThatIsNotThere_IsNull() => Assert.Null(LibTorch.Find("libnothing-of-this-name.so"));

    [Fact]
    public void IsOutOfMemory_ATensorThatNoMachineHolds_IsToldFromOtherFailures()
    {
        Exception tooLarge = Assert.ThrowsAny<Exception>(() => TorchSharp.torch.empty(1L << 50));
        Assert.True(LibTorch.IsOutOfMemory(tooLarge), $"{tooLarge.GetType()}: {tooLarge.Message}");

        using TorchSharp.torch.Tensor two = TorchSharp.torch.ones(2), three = TorchSharp.torch.ones(3);
        Exception other = Assert.ThrowsAny<Exception>(() => two.add(three));
        Assert.False(LibTorch.IsOutOfMemory(other), other.Message);
    }
}
