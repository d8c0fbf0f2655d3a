using static TorchSharp.torch;

namespace TorchSharp.Managed.Tests.Autograd;

public sealed class GraphTests : EngineTest
{
    [Fact]
    public void Backward_TwoUsesOfALeaf_AddsTheirGradients()
    {
        Tensor x = tensor(new[] { 1f, 2f }).requires_grad_();
        (x * 3 + x * x).sum().backward();
        AssertValues(x.grad!, 5, 7);
    }

    [Fact]
    public void Backward_CalledForTwoGraphs_AccumulatesInTheLeaf()
    {
        Tensor x = tensor(new[] { 1f, 2f }).requires_grad_();
        (x * 3).sum().backward();
        (x * 4).sum().backward();
        AssertValues(x.grad!, 7, 7);
    }

    [Fact]
    public void Backward_WeightAndTableWithCollectedGradients_AddInPlace()
    {
        Tensor table = randn(9, 4).requires_grad_(), weight = randn(4, 3).requires_grad_(), bias = randn(3).requires_grad_();
        Tensor ids = tensor(new long[] { 1, 8, 1 });
        Tensor Loss() => bias.addmm(table.index_select(0, ids), weight).square().sum();
        Loss().backward();
        float[] once = Values(table.grad!), weightOnce = Values(weight.grad!);
        Tensor kept = table.grad!, weightKept = weight.grad!;
        Loss().backward();
        Loss().backward();
        AssertValues(table.grad!, [.. once.Select(value => 3 * value)]);
        AssertValues(weight.grad!, [.. weightOnce.Select(value => 3 * value)]);
        AssertValues(kept, Values(table.grad!));
        AssertValues(weightKept, Values(weight.grad!));
    }

    [Fact]
    public void Grad_WithCollectedGradients_LeavesThemAlone()
    {
        Tensor table = randn(9, 4).requires_grad_(), ids = tensor(new long[] { 2, 2 });
        table.index_select(0, ids).sum().backward();
        float[] before = Values(table.grad!);
        Tensor gradient = autograd.grad([table.index_select(0, ids).sum()], [table])[0];
        AssertValues(table.grad!, before);
        AssertValues(gradient, before);
    }

    [Fact]
    public void Backward_SecondTime_ThrowsUnlessTheGraphIsRetained()
    {
        Tensor x = tensor(new[] { 1f, 2f }).requires_grad_();
        Tensor loss = (x * x).sum();
        loss.backward(retain_graph: true);
        loss.backward();
        AssertValues(x.grad!, 4, 8);
        var error = Assert.Throws<InvalidOperationException>(() => loss.backward());
        Assert.Contains("second time", error.Message);
    }

    [Fact]
    public void Backward_OfSeveralElements_NeedsAGradient()
    {
        Tensor x = tensor(new[] { 1f, 2f }).requires_grad_();
        var error = Assert.Throws<InvalidOperationException>(() => (x * 2).backward());
        Assert.Contains("[2]", error.Message);
        (x * 2).backward([tensor(new[] { 10f, 1f })]);
        AssertValues(x.grad!, 20, 2);
    }

    [Fact]
    public void Backward_GradientOfAnotherShape_NamesBothShapes()
    {
        Tensor x = tensor(new[] { 1f, 2f }).requires_grad_();
        var error = Assert.Throws<ArgumentException>(() => (x * 2).backward([ones(3)]));
        Assert.Contains("[3]", error.Message);
        Assert.Contains("[2]", error.Message);
    }

    [Fact]
    public void Backward_WithoutAnyLeaf_Throws() =>
        Assert.Throws<InvalidOperationException>(() => ones(1).sum().backward());

    [Fact]
    public void Backward_ValueChangedInPlaceSinceItWasSaved_ThrowsAndNamesTheOperation()
    {
        Tensor x = tensor(new[] { 1f, 2f }).requires_grad_();
        Tensor y = x * 1;
        Tensor z = y * y;
        y.add_(1);
        var error = Assert.Throws<InvalidOperationException>(() => z.sum().backward());
        Assert.Contains("modified by an inplace operation", error.Message);
        Assert.Contains("mul", error.Message);
    }

    [Fact]
    public void Backward_ValueChangedThroughAView_Throws()
    {
        Tensor w = ones(2, 2);
        Tensor x = ones(2, 2).requires_grad_();
        Tensor z = x * w;
        w[0].zero_();
        Assert.Throws<InvalidOperationException>(() => z.sum().backward());
    }

    [Fact]
    public void InPlace_OnALeafThatRequiresAGradient_Throws()
    {
        Tensor x = ones(2).requires_grad_();
        Assert.Contains("leaf", Assert.Throws<InvalidOperationException>(() => x.add_(1)).Message);
        using (no_grad())
        {
            x.add_(1);
        }
        AssertValues(x, 2, 2);
    }

    [Fact]
    public void InPlace_RecordedOnAView_Throws()
    {
        Tensor x = ones(2, 2).requires_grad_();
        Tensor y = x * 2;
        Assert.Contains("view", Assert.Throws<InvalidOperationException>(() => y[0].mul_(3)).Message);
    }

    [Fact]
    public void Grad_OfNamedInputs_LeavesTheLeavesAlone()
    {
        Tensor x = tensor(new[] { 3f }).requires_grad_();
        Tensor y = x * x;
        Tensor z = y * 5;
        IList<Tensor> gradients = autograd.grad([z.sum()], [x, y]);
        AssertValues(gradients[0], 30);
        AssertValues(gradients[1], 5);
        Assert.Null(x.grad);
    }

    [Fact]
    public void Grad_UnusedInput_ThrowsUnlessAllowed()
    {
        Tensor x = ones(1).requires_grad_(), other = ones(1).requires_grad_();
        Assert.Throws<InvalidOperationException>(() => autograd.grad([(x * 2).sum()], [x, other]));
        Assert.Null(autograd.grad([(x * 2).sum()], [x, other], allow_unused: true)[1]);
    }

    [Fact]
    public void Backward_ToNamedInputs_TouchesOnlyThem()
    {
        Tensor x = ones(1).requires_grad_(), y = ones(1).requires_grad_();
        (x * y * 3).sum().backward(inputs: [x]);
        AssertValues(x.grad!, 3);
        Assert.Null(y.grad);
    }

    [Fact]
    public void RetainGrad_OfAnIntermediateTensor_KeepsItsGradient()
    {
        Tensor x = tensor(new[] { 2f }).requires_grad_();
        Tensor y = x * 3;
        y.retain_grad();
        (y * y).sum().backward();
        AssertValues(y.grad!, 12);
        AssertValues(x.grad!, 36);
    }

    [Fact]
    public void NoGrad_Nested_RestoresTheOuterMode()
    {
        Tensor x = ones(1).requires_grad_();
        using (no_grad())
        {
            Assert.False((x * 2).requires_grad);
            using (enable_grad())
            {
                Assert.True((x * 2).requires_grad);
            }
            Assert.False(is_grad_enabled());
        }
        Assert.True((x * 2).requires_grad);
        using (inference_mode())
        {
            Assert.False((x * 2).requires_grad);
        }
    }

    [Fact]
    public void Detach_SharesMemoryAndIsNotRecorded()
    {
        Tensor x = ones(2).requires_grad_();
        Tensor y = x.detach();
        y.fill_(5);
        AssertValues(x, 5, 5);
        Assert.False(y.requires_grad);
    }

    [Fact]
    public void RequiresGrad_OfIntegers_Throws() => Assert.Throws<InvalidOperationException>(() => ones(2, dtype: int64).requires_grad_());

    [Fact]
    public void Graph_SavedTensorOutlivesItsScope_UntilBackward()
    {
        Tensor x = tensor(new[] { 1f, 2f }).requires_grad_();
        Tensor loss;
        using (NewDisposeScope())
        {
            Tensor y = x * 2;
            loss = (y * y).sum().MoveToOuterDisposeScope();
        }
        loss.backward();
        AssertValues(x.grad!, 8, 16);
    }

    [Fact]
    public void Graph_NeverRunBackward_ReleasesWhatItSavedWithItsLastTensor()
    {
        Tensor x = ones(100).requires_grad_();
        long before = NativeStorage.LiveCount;
        Tensor loss;
        using (NewDisposeScope())
        {
            loss = (x * 2).exp().square().sum().MoveToOuterDisposeScope();
        }
        Assert.True(NativeStorage.LiveCount > before + 1);
        loss.Dispose();
        Assert.Equal(before, NativeStorage.LiveCount);
    }

    [Fact]
    public void Graph_RunBackward_ReleasesWhatItSaved()
    {
        Tensor x = ones(100).requires_grad_();
        Tensor loss;
        using (NewDisposeScope())
        {
            loss = (x * 2).exp().square().sum().MoveToOuterDisposeScope();
        }
        long before = NativeStorage.LiveCount;
        loss.backward();
        // The saved values are gone; the leaf's gradient has come.
        Assert.True(NativeStorage.LiveCount < before);
    }

    [Fact]
    public void Graph_OfManyThousandOperations_NeedsNoDeepStack()
    {
        Tensor x = ones(1).requires_grad_();
        Tensor y = x;
        for (int i = 0; i < 20_000; i++)
        {
            y = y + 1;
        }
        y.backward();
        AssertValues(x.grad!, 1);
        Tensor unused = x;
        for (int i = 0; i < 20_000; i++)
        {
            unused = unused * 1;
        }
    }

    [Fact]
    public void Backward_ExceptionInTheMiddle_LeavesNothingBehind()
    {
        Tensor x = ones(2).requires_grad_();
        Tensor y = x * 2;
        Tensor z = (y * y).exp();
        y.zero_();
        Assert.Throws<InvalidOperationException>(() => z.sum().backward());
    }

    [Fact]
    public void Results_ForAnyNumberOfThreads_AreBitwiseEqual()
    {
        int before = get_num_threads();
        try
        {
            var runs = new List<(float[] Loss, float[] Gradient)>();
            foreach (int threads in new[] { 1, 2, 3, 2 })
            {
                set_num_threads(threads);
                Assert.Equal(threads, get_num_threads());
                manual_seed(7);
                Tensor x = randn(300, 200), w = randn(200, 150).requires_grad_(), b = randn(150).requires_grad_();
                Tensor loss = nn.functional.dropout((x.matmul(w) + b).tanh(), 0.2).square().sum();
                loss.backward();
                runs.Add((Values(loss.reshape(1)), Values(w.grad!)));
            }
            Assert.All(runs, run => Assert.Equal(runs[0].Loss, run.Loss));
            Assert.All(runs, run => Assert.Equal(runs[0].Gradient, run.Gradient));
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void CreateGraph_IsRefused()
    {
        Tensor x = ones(1).requires_grad_();
        Assert.Throws<NotSupportedException>(() => (x * x).sum().backward(create_graph: true));
    }
}
