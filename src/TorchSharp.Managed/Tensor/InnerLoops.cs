using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp;

/// <summary>A function of one element, also of a vector of elements when <see cref="IsVectorised"/>.</summary>
internal interface IUnaryOperation<T> where T : unmanaged
{
    static abstract bool IsVectorised { get; }
    static abstract T Apply(T x);
    static abstract Vector512<T> Apply(Vector512<T> x);
}

/// <summary>A function of two elements, also of vectors when <see cref="IsVectorised"/>.</summary>
internal interface IBinaryOperation<T> where T : unmanaged
{
    static abstract bool IsVectorised { get; }
    static abstract T Apply(T a, T b);
    static abstract Vector512<T> Apply(Vector512<T> a, Vector512<T> b);
}

/// <summary>A condition on two elements.</summary>
internal interface IComparison<T> where T : unmanaged
{
    static abstract bool Apply(T a, T b);
}

[SkipLocalsInit]
internal readonly unsafe struct UnaryLoop<T, TOperation> : IInnerLoop where T : unmanaged where TOperation : struct, IUnaryOperation<T>
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        long i = 0;
        if (TOperation.IsVectorised && so == sizeof(T) && sa == sizeof(T))
        {
            for (; i + Vector512<T>.Count <= count; i += Vector512<T>.Count)
            {
                TOperation.Apply(Vector512.Load((T*)a + i)).Store((T*)o + i);
            }
        }
        for (; i < count; i++)
        {
            *(T*)(o + i * so) = TOperation.Apply(*(T*)(a + i * sa));
        }
    }
}

[SkipLocalsInit]
internal readonly unsafe struct BinaryLoop<T, TOperation> : IInnerLoop where T : unmanaged where TOperation : struct, IBinaryOperation<T>
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        long i = 0;
        if (TOperation.IsVectorised && so == sizeof(T))
        {
            if (sa == sizeof(T) && sb == sizeof(T))
            {
                for (; i + Vector512<T>.Count <= count; i += Vector512<T>.Count)
                {
                    TOperation.Apply(Vector512.Load((T*)a + i), Vector512.Load((T*)b + i)).Store((T*)o + i);
                }
            }
            else if (sa == sizeof(T) && sb == 0)
            {
                Vector512<T> repeated = Vector512.Create(*(T*)b);
                for (; i + Vector512<T>.Count <= count; i += Vector512<T>.Count)
                {
                    TOperation.Apply(Vector512.Load((T*)a + i), repeated).Store((T*)o + i);
                }
            }
            else if (sa == 0 && sb == sizeof(T))
            {
                Vector512<T> repeated = Vector512.Create(*(T*)a);
                for (; i + Vector512<T>.Count <= count; i += Vector512<T>.Count)
                {
                    TOperation.Apply(repeated, Vector512.Load((T*)b + i)).Store((T*)o + i);
                }
            }
        }
        for (; i < count; i++)
        {
            *(T*)(o + i * so) = TOperation.Apply(*(T*)(a + i * sa), *(T*)(b + i * sb));
        }
    }
}

/// <summary>o = a compared with b, as bytes of 0 or 1.</summary>
internal readonly unsafe struct ComparisonLoop<T, TOperation> : IInnerLoop where T : unmanaged where TOperation : struct, IComparison<T>
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        for (long i = 0; i < count; i++)
        {
            *(o + i * so) = TOperation.Apply(*(T*)(a + i * sa), *(T*)(b + i * sb)) ? (byte)1 : (byte)0;
        }
    }
}

/// <summary>o = a where the byte c is not zero, else b.</summary>
internal readonly unsafe struct SelectLoop<T> : IInnerLoop where T : unmanaged
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        for (long i = 0; i < count; i++)
        {
            *(T*)(o + i * so) = *(c + i * sc) != 0 ? *(T*)(a + i * sa) : *(T*)(b + i * sb);
        }
    }
}

internal readonly unsafe struct CopyLoop<T> : IInnerLoop where T : unmanaged
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        if (so == sizeof(T) && sa == sizeof(T))
        {
            Buffer.MemoryCopy(a, o, count * sizeof(T), count * sizeof(T));
            return;
        }
        if (so == sizeof(T) && sa == 0)
        {
            new Span<T>(o, checked((int)count)).Fill(*(T*)a);
            return;
        }
        for (long i = 0; i < count; i++)
        {
            *(T*)(o + i * so) = *(T*)(a + i * sa);
        }
    }
}

/// <summary>o = (TTo)a; fractions are cut off, as C casts do.</summary>
internal readonly unsafe struct CastLoop<TFrom, TTo> : IInnerLoop where TFrom : unmanaged, INumberBase<TFrom>
    where TTo : unmanaged, INumberBase<TTo>
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        for (long i = 0; i < count; i++)
        {
            *(TTo*)(o + i * so) = TTo.CreateTruncating(*(TFrom*)(a + i * sa));
        }
    }
}

/// <summary>o = a is not zero, as a byte of 0 or 1.</summary>
internal readonly unsafe struct CastToBoolLoop<TFrom> : IInnerLoop where TFrom : unmanaged, INumberBase<TFrom>
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        for (long i = 0; i < count; i++)
        {
            *(o + i * so) = *(TFrom*)(a + i * sa) != TFrom.Zero ? (byte)1 : (byte)0;
        }
    }
}

internal readonly unsafe struct FromBFloat16Loop : IInnerLoop
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        for (long i = 0; i < count; i++)
        {
            *(uint*)(o + i * so) = (uint)*(ushort*)(a + i * sa) << 16;
        }
    }
}

internal readonly unsafe struct ToBFloat16Loop : IInnerLoop
{
    public static void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc)
    {
        for (long i = 0; i < count; i++)
        {
            *(ushort*)(o + i * so) = BFloat16.RoundToBits(*(float*)(a + i * sa));
        }
    }
}
