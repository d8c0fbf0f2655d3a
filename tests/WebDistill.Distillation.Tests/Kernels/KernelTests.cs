using TorchSharp;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

/// <summary>Tests of kernels switch the process-wide instruction set and thread count, so they run by themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class KernelCollection
{
    public const string Name = "kernels";
}

/// <summary>Data, comparison and instruction sets for the tests of kernels. The oracle is libtorch's operators in 64 bits.</summary>
[Collection(KernelCollection.Name)]
public abstract unsafe class KernelTests : IDisposable
{
    private const int GuardLength = 32;
    private const float Guard = 12345.678f;

    private readonly InstructionSet _instructionSet = Simd.Active;
    private readonly int _threads = WorkerPool.ThreadCount;
    private readonly List<nint> _blocks = [];
    private readonly DisposeScope _scope = NewDisposeScope();

    /// <summary>Lengths around every vector width and its multiples.</summary>
    public static readonly long[] TailLengths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 515];

    /// <summary>Every form of the kernels that this processor can run, the plain one included.</summary>
    public static TheoryData<string> SetNames =>
        [.. Enum.GetValues<InstructionSet>().Where(Simd.IsSupported).Select(set => set.ToString())];

    public void Dispose()
    {
        Simd.Active = _instructionSet;
        WorkerPool.ThreadCount = _threads;
        _scope.Dispose();
        foreach (nint block in _blocks)
            AlignedMemory.Free((void*)block);
    }

    private protected static void Use(string instructionSet) => Simd.Active = Enum.Parse<InstructionSet>(instructionSet);

    /// <summary>A block whose last float is followed by a guard that <see cref="AssertGuard"/> checks.</summary>
    protected float* Rent(long count, float fill = float.NaN)
    {
        float* block = AlignedMemory.Floats(count + GuardLength);
        _blocks.Add((nint)block);
        new Span<float>(block, (int)count).Fill(fill);
        new Span<float>(block + count, GuardLength).Fill(Guard);
        return block;
    }

    /// <summary>Reproducible values of the normal distribution.</summary>
    protected float* Random(long count, int seed, float scale = 1)
    {
        float* block = Rent(count);
        new SeededRandom(seed).FillNormal(new Span<float>(block, (int)count), scale);
        return block;
    }

    protected float* Copy(long count, float* source)
    {
        float* block = Rent(count);
        new Span<float>(source, (int)count).CopyTo(new Span<float>(block, (int)count));
        return block;
    }

    /// <summary>The same numbers as a tensor of 64 bits.</summary>
    protected static Tensor Exact(float* data, params long[] shape) =>
        tensor(new Span<float>(data, (int)shape.Aggregate(1L, (product, length) => product * length)).ToArray(), shape).to(ScalarType.Float64);

    /// <summary>
    /// |actual - expected| &lt;= tolerance * (1 + |expected|) everywhere; NaN and infinities must agree exactly; the guard must be
    /// untouched.
    /// </summary>
    protected static void AssertClose(Tensor expected, float* actual, double tolerance, string what)
    {
        double[] values = Doubles(expected);
        AssertClose(values, new ReadOnlySpan<float>(actual, values.Length), tolerance, what);
        AssertGuard(values.Length, actual, what);
    }

    /// <summary>As <see cref="AssertClose(Tensor, float*, double, string)"/> for a tensor of 32 bits.</summary>
    protected static void AssertClose(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        AssertClose(Doubles(expected), actual.detach().contiguous().data<float>().ToArray(), tolerance, what);
    }

    protected static void AssertGuard(long count, float* block, string what)
    {
        for (long i = count; i < count + GuardLength; i++)
            Assert.True(block[i] == Guard, $"{what}: wrote beyond its end at {i - count}.");
    }

    private static double[] Doubles(Tensor values) => values.detach().to(ScalarType.Float64).contiguous().data<double>().ToArray();

    private static void AssertClose(double[] expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            (double e, double a) = (expected[i], actual[i]);
            bool same = double.IsNaN(e) ? double.IsNaN(a) : double.IsInfinity(e) ? e == a : Math.Abs(a - e) <= tolerance * (1 + Math.Abs(e));
            Assert.True(same, $"{what}: element {i} of {expected.Length} is {a:R}, expected {e:R}.");
        }
    }
}
