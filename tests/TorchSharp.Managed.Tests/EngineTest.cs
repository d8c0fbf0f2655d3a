namespace TorchSharp.Managed.Tests;

/// <summary>Tests of the engine count live tensors and set the default generator, so they run one after the other.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EngineCollection
{
    public const string Name = "engine";
}

/// <summary>Runs a test inside a dispose scope and fails it when native memory is left over afterwards.</summary>
[Collection(EngineCollection.Name)]
public abstract class EngineTest : IDisposable
{
    private readonly long _storagesBefore;
    private readonly DisposeScope _scope;

    protected EngineTest()
    {
        // What an earlier test left to the finalizer must not be counted as this test's gain.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _storagesBefore = NativeStorage.LiveCount;
        torch.manual_seed(1234);
        _scope = torch.NewDisposeScope();
    }

    public void Dispose()
    {
        _scope.Dispose();
        Assert.Equal(_storagesBefore, NativeStorage.LiveCount);
    }

    protected static torch.Tensor Floats(long[] shape, params float[] values) => torch.tensor(values, shape);

    protected static float[] Values(torch.Tensor tensor) => tensor.detach().to(torch.float32).contiguous().data<float>().ToArray();

    protected static void AssertValues(torch.Tensor tensor, params float[] expected)
    {
        float[] actual = Values(tensor);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-5 * Math.Max(1, Math.Abs(expected[i])) || expected[i].Equals(actual[i]),
                $"element {i} is {actual[i]}, expected {expected[i]}");
        }
    }
}
