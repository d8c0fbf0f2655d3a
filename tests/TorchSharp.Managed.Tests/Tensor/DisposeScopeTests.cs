using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.TensorTests;

public sealed class DisposeScopeTests : EngineTest
{
    [Fact]
    public void Dispose_OfAScope_DisposesWhatWasCreatedInIt()
    {
        Tensor inner;
        using (NewDisposeScope())
        {
            inner = ones(3);
        }
        Assert.True(inner.IsInvalid);
        var error = Assert.Throws<ObjectDisposedException>(() => inner + 1);
        Assert.Contains("[3]", error.Message);
    }

    [Fact]
    public void MoveToOuterDisposeScope_KeepsATensorUntilTheOuterScopeCloses()
    {
        Tensor kept;
        using (NewDisposeScope())
        {
            using (NewDisposeScope())
            {
                kept = ones(3).MoveToOuterDisposeScope();
            }
            Assert.False(kept.IsInvalid);
        }
        Assert.True(kept.IsInvalid);
    }

    [Fact]
    public void MoveToOuterDisposeScope_WithoutAnOuterOne_Detaches()
    {
        // A thread of its own has no scope around the one opened here.
        Tensor? kept = null;
        var thread = new Thread(() =>
        {
            using DisposeScope scope = NewDisposeScope();
            kept = ones(3).MoveToOuterDisposeScope();
        });
        thread.Start();
        thread.Join();
        Assert.False(kept!.IsInvalid);
        kept.Dispose();
    }

    [Fact]
    public void DetachFromDisposeScope_LeavesDisposalToTheCaller()
    {
        Tensor kept;
        using (NewDisposeScope())
        {
            kept = ones(3).DetachFromDisposeScope();
        }
        AssertValues(kept, 1, 1, 1);
        kept.Dispose();
    }

    [Fact]
    public void DisposeEverythingBut_KeepsOnlyTheNamedTensor()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = ones(1), b = ones(1);
        scope.DisposeEverythingBut(a);
        Assert.False(a.IsInvalid);
        Assert.True(b.IsInvalid);
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Fact]
    public void Dispose_OutOfOrder_Throws()
    {
        DisposeScope outer = NewDisposeScope();
        DisposeScope inner = NewDisposeScope();
        Assert.Throws<InvalidOperationException>(outer.Dispose);
        inner.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void Scopes_BelongToTheirThread()
    {
        using DisposeScope scope = NewDisposeScope();
        int before = scope.DisposablesCount;
        var thread = new Thread(() => ones(2).Dispose());
        thread.Start();
        thread.Join();
        Assert.Equal(before, scope.DisposablesCount);
    }

    [Fact]
    public void Dispose_OfATensor_KeepsTheMemoryOfItsViews()
    {
        Tensor whole = arange(4, dtype: float32);
        Tensor part = whole.narrow(0, 2, 2);
        whole.Dispose();
        AssertValues(part, 2, 3);
    }

    [Fact]
    public void Dispose_Twice_ReleasesOnce()
    {
        Tensor x = ones(4);
        Tensor y = x.alias();
        x.Dispose();
        x.Dispose();
        AssertValues(y, 1, 1, 1, 1);
    }

    [Fact]
    public void Finalizer_OfATensorNobodyDisposed_ReturnsItsMemory()
    {
        long before = NativeStorage.LiveCount;
        Leak();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(before, NativeStorage.LiveCount);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Leak() => ones(1000).DetachFromDisposeScope();
    }
}
