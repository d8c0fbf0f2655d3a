using System.Numerics;
using TorchSharp.Autograd;
using TorchSharp.Kernels;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>
        /// The elements of each line along a dimension in order, and where they were. Equal elements keep their order; NaN counts as
        /// largest.
        /// </summary>
        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false)
        {
            int at = Shapes.Dimension(dim, Rank, "sort");
            return Ordered(at, Rank == 0 ? 1 : _shape[at], descending, "sort");
        }

        public Tensor argsort(long dim = -1, bool descending = false) => sort(dim, descending).Indices;

        /// <summary>The k largest (or smallest) elements along a dimension, in order.</summary>
        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true)
        {
            int at = Shapes.Dimension(dim, Rank, "topk");
            long length = Rank == 0 ? 1 : _shape[at];
            if (k < 0 || k > length)
            {
                throw new ArgumentOutOfRangeException(nameof(k),
                    $"topk: {k} elements were asked for, dimension {at} of {Shapes.Text(_shape)} has {length}");
            }
            return Ordered(at, k, largest, "topk");
        }

        private (Tensor, Tensor) Ordered(int at, long count, bool descending, string name)
        {
            if (Rank == 0)
            {
                return (clone(), Full([], 0, ScalarType.Int64));
            }
            Tensor values, indices;
            using (no_grad())
            using (Tensor last = transpose(at, -1))
            using (Tensor lines = last.contiguous())
            {
                long length = _shape[at];
                long[] shape = [.. lines._shape[..^1], count];
                using Tensor sortedValues = Empty(shape, _dtype);
                using Tensor sortedIndices = Empty(shape, ScalarType.Int64);
                SortLines(lines, sortedValues, sortedIndices, length, count, descending);
                using Tensor valuesBack = sortedValues.transpose(at, -1);
                using Tensor indicesBack = sortedIndices.transpose(at, -1);
                values = valuesBack.contiguous();
                indices = indicesBack.contiguous();
            }
            if (Graph.Record(name, values, this) is { } node)
            {
                SavedTensor saved = node.Save(indices);
                long[] own = _shape;
                node.Derivative = gradient => [Empty(own, gradient._dtype, zero: true).scatter_(at, saved.Value, gradient)];
            }
            return (values, indices);
        }

        private static unsafe void SortLines(Tensor lines, Tensor values, Tensor indices, long length, long count, bool descending)
        {
            long rows = length == 0 ? 0 : lines.ElementCount / length;
            long* positions = (long*)indices.Data;
            switch (lines._dtype)
            {
                case ScalarType.Float32: SortLines((float*)lines.Data, (float*)values.Data, positions, rows, length, count,
                    descending); break;
                case ScalarType.Float64: SortLines((double*)lines.Data, (double*)values.Data, positions, rows, length, count,
                    descending); break;
                case ScalarType.Int64: SortLines((long*)lines.Data, (long*)values.Data, positions, rows, length, count, descending); break;
                case ScalarType.Int32: SortLines((int*)lines.Data, (int*)values.Data, positions, rows, length, count, descending); break;
                default: throw ScalarTypes.Unsupported(lines._dtype, "sort");
            }
            Pointwise.KeepAlive(lines, values, indices);
        }

        private static unsafe void SortLines<T>(T* x, T* values, long* positions, long rows, long length, long count, bool descending)
            where T : unmanaged, INumber<T>
        {
            WorkerPool.For(checked((int)rows), (row, _) =>
            {
                T* line = x + row * length;
                var order = new int[length];
                for (int i = 0; i < order.Length; i++)
                {
                    order[i] = i;
                }
                Array.Sort(order, (a, b) =>
                {
                    int compared = T.IsNaN(line[a]) || T.IsNaN(line[b])
                        ? T.IsNaN(line[a]).CompareTo(T.IsNaN(line[b]))
                        : line[a].CompareTo(line[b]);
                    compared = descending ? -compared : compared;
                    return compared != 0 ? compared : a.CompareTo(b);
                });
                for (long i = 0; i < count; i++)
                {
                    values[row * count + i] = line[order[i]];
                    positions[row * count + i] = order[i];
                }
            });
        }
    }

    public static (Tensor Values, Tensor Indices) sort(Tensor input, long dim = -1, bool descending = false, bool stable = false) =>
        input.sort(dim, descending, stable);

    public static (Tensor values, Tensor indexes) topk(Tensor tensor, int k, int dim = -1, bool largest = true, bool sorted = true) =>
        tensor.topk(k, dim, largest, sorted);
}
