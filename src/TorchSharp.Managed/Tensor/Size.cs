using System.Collections;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>The lengths of a tensor's dimensions.</summary>
    public struct Size : IEnumerable<long>
    {
        private readonly long[] _shape;

        public Size(long[] shape) => _shape = (long[])shape.Clone();
        public Size(int[] shape) => _shape = Array.ConvertAll(shape, length => (long)length);
        public Size(long size) => _shape = [size];
        public Size(IEnumerable<long> shape) => _shape = shape.ToArray();

        public readonly long[] Shape => _shape;
        public readonly int Length => _shape.Length;
        public readonly bool IsEmpty => _shape.Length == 0;
        public readonly bool IsScalar => _shape.Length == 0;
        public readonly long this[int idx] => _shape[idx];
        public readonly long this[long idx] => _shape[idx];
        public readonly long numel() => Shapes.ElementCount(_shape);

        public static implicit operator Size(long[] size) => new(size);
        public static implicit operator Size(long size) => new(size);
        public static implicit operator Size((long, long) size) => new([size.Item1, size.Item2]);
        public static implicit operator Size((long, long, long) size) => new([size.Item1, size.Item2, size.Item3]);

        public static bool operator ==(Size left, Size right) => left._shape.AsSpan().SequenceEqual(right._shape);
        public static bool operator !=(Size left, Size right) => !(left == right);

        public override readonly bool Equals(object? obj) => obj is Size other && this == other;
        public override readonly int GetHashCode() => ((IStructuralEquatable)_shape).GetHashCode(EqualityComparer<long>.Default);
        public readonly IEnumerator<long> GetEnumerator() => ((IEnumerable<long>)_shape).GetEnumerator();
        readonly IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>Arithmetic on shapes and strides.</summary>
internal static class Shapes
{
    internal static string Text(ReadOnlySpan<long> shape) => "[" + string.Join(", ", shape.ToArray()) + "]";

    internal static long ElementCount(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long length in shape)
        {
            count = checked(count * length);
        }
        return count;
    }

    internal static long[] ContiguousStrides(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(shape[i], 1);
        }
        return strides;
    }

    internal static void RequireNonNegative(ReadOnlySpan<long> shape, string operation)
    {
        foreach (long length in shape)
        {
            if (length < 0)
            {
                throw new ArgumentException($"{operation}: shape {Text(shape)} has a negative length");
            }
        }
    }

    /// <summary>The index of a dimension, counted from the end when it is negative.</summary>
    internal static int Dimension(long dim, int rank, string operation)
    {
        int effective = Math.Max(rank, 1);
        if (dim < -effective || dim >= effective)
        {
            throw new ArgumentOutOfRangeException(nameof(dim),
                $"{operation}: dimension {dim} does not exist; a tensor of {rank} dimensions has {-effective} to {effective - 1}");
        }
        return (int)(dim < 0 ? dim + effective : dim);
    }

    /// <summary>The shape both operands are stretched to.</summary>
    internal static long[] Broadcast(long[] a, long[] b, string operation)
    {
        if (a.AsSpan().SequenceEqual(b))
        {
            return a;
        }
        int rank = Math.Max(a.Length, b.Length);
        var result = new long[rank];
        for (int i = 1; i <= rank; i++)
        {
            long left = i <= a.Length ? a[^i] : 1;
            long right = i <= b.Length ? b[^i] : 1;
            if (left != right && left != 1 && right != 1)
            {
                throw new ArgumentException(
                    $"{operation}: shapes {Text(a)} and {Text(b)} do not broadcast: {left} is not {right} in dimension {i} from the end");
            }
            result[^i] = left == 1 ? right : left;
        }
        return result;
    }

    /// <summary>The strides of an operand seen with the broadcast shape: zero where it is repeated.</summary>
    internal static long[] BroadcastStrides(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, ReadOnlySpan<long> target)
    {
        var result = new long[target.Length];
        int offset = target.Length - shape.Length;
        for (int i = 0; i < shape.Length; i++)
        {
            result[offset + i] = shape[i] == 1 && target[offset + i] != 1 ? 0 : strides[i];
        }
        return result;
    }

    internal static bool IsContiguous(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        long expected = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            if (shape[i] == 0)
            {
                return true;
            }
            if (shape[i] != 1)
            {
                if (strides[i] != expected)
                {
                    return false;
                }
                expected *= shape[i];
            }
        }
        return true;
    }
}
