using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

/// <summary>Kernel tests switch the process-wide instruction set and thread count, so they run by themselves.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class KernelCollection
{
    public const string Name = "kernels";
}

/// <summary>Data, comparison and instruction sets for the tests of kernels.</summary>
[Collection(KernelCollection.Name)]
public abstract unsafe class KernelTests : IDisposable
{
    private readonly InstructionSet _instructionSet = Simd.Active;
    private readonly int _threads = WorkerPool.ThreadCount;
    private readonly List<nint> _rented = [];

    /// <summary>Lengths around every vector width and its multiples.</summary>
    public static readonly long[] TailLengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 515];

    private protected static IEnumerable<InstructionSet> FastSets =>
        new[] { InstructionSet.Portable, InstructionSet.Avx2, InstructionSet.Avx512 }.Where(Simd.IsSupported);

    /// <summary>Names of the fast instruction sets of this processor, for theories.</summary>
    public static TheoryData<string> FastSetNames => [.. FastSets.Select(set => set.ToString())];

    public void Dispose()
    {
        Simd.Active = _instructionSet;
        WorkerPool.ThreadCount = _threads;
        foreach (nint block in _rented)
            BufferPool.Return((void*)block);
    }

    private protected static void Use(string instructionSet) => Simd.Active = Enum.Parse<InstructionSet>(instructionSet);

    /// <summary>A block whose last float is followed by a guard that <see cref="AssertGuard"/> checks.</summary>
    protected float* Rent(long count, float fill = float.NaN)
    {
        float* block = BufferPool.RentFloats(count + GuardLength);
        _rented.Add((nint)block);
        for (long i = 0; i < count; i++)
            block[i] = fill;
        for (long i = count; i < count + GuardLength; i++)
            block[i] = Guard;
        return block;
    }

    /// <summary>Reproducible values of the normal distribution.</summary>
    protected float* Random(long count, int seed, float scale = 1)
    {
        float* block = Rent(count);
        var random = new Random(seed);
        for (long i = 0; i < count; i++)
            block[i] = scale * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return block;
    }

    protected long* Indices(long count, long limit, int seed)
    {
        var block = (long*)BufferPool.Rent(count * sizeof(long));
        _rented.Add((nint)block);
        var random = new Random(seed);
        for (long i = 0; i < count; i++)
            block[i] = random.NextInt64(limit);
        return block;
    }

    protected float* Copy(long count, float* source)
    {
        float* block = Rent(count);
        for (long i = 0; i < count; i++)
            block[i] = source[i];
        return block;
    }

    /// <summary>
    /// |actual - expected| &lt;= tolerance * (1 + |expected|) everywhere; NaN and infinities must agree exactly; the guard must be
    /// untouched.
    /// </summary>
    protected static void AssertClose(long count, float* expected, float* actual, double tolerance, string what)
    {
        for (long i = 0; i < count; i++)
        {
            double e = expected[i], a = actual[i];
            bool same = double.IsNaN(e) ? double.IsNaN(a)
                : double.IsInfinity(e) ? e == a
                : Math.Abs(a - e) <= tolerance * (1 + Math.Abs(e));
            Assert.True(same, $"{what}: element {i} of {count} is {a:R}, expected {e:R}.");
        }
        AssertGuard(count, actual, what);
    }

    protected static void AssertGuard(long count, float* block, string what)
    {
        for (long i = count; i < count + GuardLength; i++)
            Assert.True(block[i] == Guard, $"{what}: wrote beyond its end at {i - count}.");
    }

    private const int GuardLength = 32;
    private const float Guard = 12345.678f;
}
