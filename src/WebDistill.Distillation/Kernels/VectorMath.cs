using System.Runtime.CompilerServices;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Elementary functions and row sums over vectors of any width. Polynomials and constants are those of the Cephes library's
/// single-precision functions unless a comment says otherwise.
/// </summary>
internal static unsafe class VectorMath
{
    /// <summary>Elements whose float sums are added up before they go into a double: keeps the rounding of long sums near 1e-8.</summary>
    private const long SumBlock = 512;

    /// <summary>The next <paramref name="lanes"/> floats, at most a vector; missing lanes are <paramref name="fill"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<S, V>(float* source, long lanes, float fill = 0) where S : struct, ISimd<V> =>
        lanes >= S.Count ? S.Load(source) : S.LoadPartial(source, lanes, fill);

    /// <summary>Stores the first <paramref name="lanes"/> lanes, at most a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<S, V>(V value, float* target, long lanes) where S : struct, ISimd<V>
    {
        if (lanes >= S.Count)
            S.Store(value, target);
        else
            S.StorePartial(value, target, lanes);
    }

    /// <summary>
    /// eˣ to 2 units in the last place. x = n ln 2 + r, eʳ by a polynomial, times 2ⁿ. Below -104 the result is 0, above 104 infinite; NaN
    /// stays.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<S, V>(V x) where S : struct, ISimd<V>
    {
        x = S.Maximum(S.Create(-104f), S.Minimum(S.Create(104f), x));
        V n = S.Round(S.Multiply(x, S.Create(1.44269504f)));
        V r = S.MultiplyAdd(n, S.Create(-0.693359375f), x);
        r = S.MultiplyAdd(n, S.Create(2.12194440e-4f), r);
        V p = S.MultiplyAdd(r, S.Create(1.9875691500e-4f), S.Create(1.3981999507e-3f));
        p = S.MultiplyAdd(p, r, S.Create(8.3334519073e-3f));
        p = S.MultiplyAdd(p, r, S.Create(4.1665795894e-2f));
        p = S.MultiplyAdd(p, r, S.Create(1.6666665459e-1f));
        p = S.MultiplyAdd(p, r, S.Create(5.0000001201e-1f));
        V y = S.MultiplyAdd(p, S.Multiply(r, r), S.Add(r, S.Create(1f)));
        return S.ScaleByPowerOfTwo(y, n);
    }

    /// <summary>Largest of x[0 .. count); -Inf if there is none; a NaN may be passed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Maximum<S, V>(long count, float* x) where S : struct, ISimd<V>
    {
        V even = S.Create(float.NegativeInfinity), odd = even;
        long i = 0;
        for (; i + 2 * S.Count <= count; i += 2 * S.Count)
        {
            even = S.Maximum(even, S.Load(x + i));
            odd = S.Maximum(odd, S.Load(x + i + S.Count));
        }
        for (; i < count; i += S.Count)
            even = S.Maximum(even, Load<S, V>(x + i, count - i, float.NegativeInfinity));
        float* lanes = stackalloc float[S.Count];
        S.Store(S.Maximum(even, odd), lanes);
        float maximum = float.NegativeInfinity;
        for (i = 0; i < S.Count; i++)
            maximum = lanes[i] > maximum ? lanes[i] : maximum;
        return maximum;
    }

    /// <summary>Sum of a[i] * b[i] over [0, count), in double.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Dot<S, V>(long count, float* a, float* b) where S : struct, ISimd<V>
    {
        double total = 0;
        for (long start = 0; start < count; start += SumBlock)
        {
            long end = Math.Min(count, start + SumBlock);
            V sum = S.Zero;
            for (long i = start; i < end; i += S.Count)
                sum = S.MultiplyAdd(Load<S, V>(a + i, end - i), Load<S, V>(b + i, end - i), sum);
            total += S.SumInDouble(sum);
        }
        return total;
    }
}
