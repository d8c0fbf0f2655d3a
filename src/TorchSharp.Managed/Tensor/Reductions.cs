using System.Numerics;
using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Reductions over sets of dimensions. Every output element is summed by one thread in one order, so results do not depend on the thread
/// count.
/// </summary>
internal static unsafe class Reductions
{
    private const long ElementsPerRange = 16384;

    internal static torch.Tensor Sum(torch.Tensor source, int[] dims, long[] resultShape)
    {
        using torch.Tensor ordered = ReducedLast(source, dims, out long outer, out long reduced, out long inner);
        torch.Tensor result = torch.Tensor.Empty(resultShape, source.dtype);
        switch (source.dtype)
        {
            case torch.ScalarType.Float32: SumFloat(ordered, result, outer, reduced, inner); break;
            case torch.ScalarType.Float64: SumRows<double,
                double>((double*)ordered.Data, (double*)result.Data, outer, reduced, inner); break;
            case torch.ScalarType.Int64: SumRows<long, long>((long*)ordered.Data, (long*)result.Data, outer, reduced, inner); break;
            case torch.ScalarType.Int32: SumRows<int, int>((int*)ordered.Data, (int*)result.Data, outer, reduced, inner); break;
            case torch.ScalarType.Float16 or torch.ScalarType.BFloat16:
                using (torch.Tensor wide = ordered.detach().to(torch.ScalarType.Float32))
                using (torch.Tensor sums = torch.Tensor.Empty(resultShape, torch.ScalarType.Float32))
                {
                    SumFloat(wide, sums, outer, reduced, inner);
                    Pointwise.Copy(result, sums);
                }
                break;
            default: throw ScalarTypes.Unsupported(source.dtype, "sum");
        }
        Pointwise.KeepAlive(ordered, result);
        return result;
    }

    /// <summary>
    /// The elements as [outer, reduced, inner]: the reduced dimensions together, in a place where no copy is needed if there is one.
    /// </summary>
    private static torch.Tensor ReducedLast(torch.Tensor source, int[] dims, out long outer, out long reduced, out long inner)
    {
        reduced = 1;
        foreach (int dim in dims)
        {
            reduced *= source.ShapeArray[dim];
        }
        using torch.Tensor plain = source.detach();
        if (dims.Length > 0 && dims[^1] - dims[0] == dims.Length - 1 && plain.is_contiguous())
        {
            outer = Shapes.ElementCount(source.ShapeArray.AsSpan(0, dims[0]));
            inner = Shapes.ElementCount(source.ShapeArray.AsSpan(dims[^1] + 1));
            return plain.Share();
        }
        long[] order = [.. Enumerable.Range(0, source.Rank).Where(i => Array.IndexOf(dims, i) < 0).Concat(dims).Select(i => (long)i)];
        using torch.Tensor permuted = plain.permute(order);
        outer = reduced == 0
            ? Shapes.ElementCount(permuted.ShapeArray.AsSpan(0, source.Rank - dims.Length)) : source.ElementCount / reduced;
        inner = 1;
        return permuted.contiguous();
    }

    private static void SumFloat(torch.Tensor source, torch.Tensor result, long outer, long reduced, long inner)
    {
        float* x = (float*)source.Data;
        float* y = (float*)result.Data;
        if (inner == 1 && outer == 1)
        {
            *y = (float)Reduce.Sum(reduced, x);
        }
        else if (inner == 1)
        {
            Reduce.RowSum(outer, reduced, x, y);
        }
        else if (outer == 1)
        {
            ColumnSum.Run(reduced, inner, x, inner, y);
        }
        else
        {
            for (long o = 0; o < outer; o++)
            {
                ColumnSum.Run(reduced, inner, x + o * reduced * inner, inner, y + o * inner);
            }
        }
    }

    private static void SumRows<T, TSum>(T* x, TSum* y, long outer, long reduced, long inner)
        where T : unmanaged, INumberBase<T> where TSum : unmanaged, INumberBase<TSum>
    {
        WorkerPool.ForRange(outer * inner, Math.Max(1, ElementsPerRange / Math.Max(1, reduced)), (start, end, _) =>
        {
            for (long i = start; i < end; i++)
            {
                T* source = x + i / inner * reduced * inner + i % inner;
                TSum sum = TSum.Zero;
                for (long r = 0; r < reduced; r++)
                {
                    sum += TSum.CreateTruncating(source[r * inner]);
                }
                y[i] = sum;
            }
        });
    }

    /// <summary>The extremum along one dimension and its first position; NaN counts as the extremum, as in PyTorch.</summary>
    internal static (torch.Tensor values, torch.Tensor indices) Extremum(torch.Tensor source, int dim, bool largest, long[] resultShape)
    {
        if (source.ShapeArray[dim] == 0)
        {
            throw new InvalidOperationException($"max/min: dimension {dim} of {Shapes.Text(source.ShapeArray)} has no elements");
        }
        if (ScalarTypes.IsHalfWidth(source.dtype))
        {
            using torch.Tensor plain = source.detach();
            using torch.Tensor wide = plain.to(torch.ScalarType.Float32);
            var (wideValues, positions) = Extremum(wide, dim, largest, resultShape);
            using (wideValues)
            {
                return (wideValues.to(source.dtype), positions);
            }
        }
        using torch.Tensor ordered = ReducedLast(source, [dim], out long outer, out long reduced, out long inner);
        torch.Tensor values = torch.Tensor.Empty(resultShape, source.dtype);
        torch.Tensor indices = torch.Tensor.Empty(resultShape, torch.ScalarType.Int64);
        long* at = (long*)indices.Data;
        switch (source.dtype)
        {
            case torch.ScalarType.Float32: Extremum((float*)ordered.Data, (float*)values.Data, at, outer, reduced, inner, largest); break;
            case torch.ScalarType.Float64: Extremum((double*)ordered.Data, (double*)values.Data, at, outer, reduced, inner, largest); break;
            case torch.ScalarType.Int64: Extremum((long*)ordered.Data, (long*)values.Data, at, outer, reduced, inner, largest); break;
            case torch.ScalarType.Int32: Extremum((int*)ordered.Data, (int*)values.Data, at, outer, reduced, inner, largest); break;
            case torch.ScalarType.Byte or torch.ScalarType.Bool: Extremum(ordered.Data, values.Data, at, outer, reduced, inner,
                largest); break;
            default: throw ScalarTypes.Unsupported(source.dtype, "max/min");
        }
        Pointwise.KeepAlive(ordered, values, indices);
        return (values, indices);
    }

    private static void Extremum<T>(T* x, T* y, long* at, long outer, long reduced, long inner, bool largest)
        where T : unmanaged, INumber<T>
    {
        WorkerPool.ForRange(outer * inner, Math.Max(1, ElementsPerRange / Math.Max(1, reduced)), (start, end, _) =>
        {
            for (long i = start; i < end; i++)
            {
                T* source = x + i / inner * reduced * inner + i % inner;
                T best = source[0];
                long position = 0;
                for (long r = 1; r < reduced && !T.IsNaN(best); r++)
                {
                    T value = source[r * inner];
                    if ((largest ? value > best : value < best) || T.IsNaN(value))
                    {
                        (best, position) = (value, r);
                    }
                }
                (y[i], at[i]) = (best, position);
            }
        });
    }

    internal static torch.Tensor CumulativeSum(torch.Tensor source, int dim, bool reverse)
    {
        if (ScalarTypes.IsHalfWidth(source.dtype))
        {
            using torch.Tensor plain = source.detach();
            using torch.Tensor wide = plain.to(torch.ScalarType.Float32);
            using torch.Tensor sums = CumulativeSum(wide, dim, reverse);
            return sums.to(source.dtype);
        }
        if (source.Rank == 0)
        {
            return source.detach().clone();
        }
        using torch.Tensor ordered = ReducedLast(source, [dim], out long outer, out long length, out long inner);
        using torch.Tensor result = torch.Tensor.Empty(ordered.ShapeArray, source.dtype);
        switch (source.dtype)
        {
            case torch.ScalarType.Float32: CumulativeSum<float,
                double>((float*)ordered.Data, (float*)result.Data, outer, length, inner, reverse); break;
            case torch.ScalarType.Float64: CumulativeSum<double,
                double>((double*)ordered.Data, (double*)result.Data, outer, length, inner, reverse); break;
            case torch.ScalarType.Int64: CumulativeSum<long,
                long>((long*)ordered.Data, (long*)result.Data, outer, length, inner, reverse); break;
            case torch.ScalarType.Int32: CumulativeSum<int,
                int>((int*)ordered.Data, (int*)result.Data, outer, length, inner, reverse); break;
            default: throw ScalarTypes.Unsupported(source.dtype, "cumsum");
        }
        Pointwise.KeepAlive(ordered, result);
        // Without a copy the dimension stayed where it was; otherwise it was moved to the end.
        return source.is_contiguous() ? result.Share() : MoveLastTo(result, dim);
    }

    private static torch.Tensor MoveLastTo(torch.Tensor tensor, int dim)
    {
        var order = new List<long>();
        for (int i = 0; i < tensor.Rank - 1; i++)
        {
            order.Add(i);
        }
        order.Insert(dim, tensor.Rank - 1);
        using torch.Tensor moved = tensor.permute(order.ToArray());
        return moved.contiguous();
    }

    private static void CumulativeSum<T, TSum>(T* x, T* y, long outer, long length, long inner, bool reverse)
        where T : unmanaged, INumberBase<T> where TSum : unmanaged, INumberBase<TSum>
    {
        WorkerPool.ForRange(outer * inner, Math.Max(1, ElementsPerRange / Math.Max(1, length)), (start, end, _) =>
        {
            for (long i = start; i < end; i++)
            {
                long first = i / inner * length * inner + i % inner;
                TSum sum = TSum.Zero;
                for (long r = 0; r < length; r++)
                {
                    long at = first + (reverse ? length - 1 - r : r) * inner;
                    sum += TSum.CreateTruncating(x[at]);
                    y[at] = T.CreateTruncating(sum);
                }
            }
        });
    }
}
