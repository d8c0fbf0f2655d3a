using TorchSharp.Autograd;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The dimensions named, ascending; all of them when none is named.</summary>
        private int[] ReducedDimensions(ReadOnlySpan<long> dims, string operation)
        {
            if (dims.Length == 0)
            {
                return Enumerable.Range(0, Rank).ToArray();
            }
            var result = new SortedSet<int>();
            foreach (long dim in dims)
            {
                if (Rank == 0)
                {
                    Shapes.Dimension(dim, Rank, operation);
                }
                else if (!result.Add(Shapes.Dimension(dim, Rank, operation)))
                {
                    throw new ArgumentException($"{operation}: dimension {dim} occurs twice in {Shapes.Text(dims)}");
                }
            }
            return [.. result];
        }

        private long[] ReducedShape(int[] dims, bool keepdim)
        {
            var result = new List<long>();
            for (int i = 0; i < Rank; i++)
            {
                bool reduced = Array.IndexOf(dims, i) >= 0;
                if (!reduced || keepdim)
                {
                    result.Add(reduced ? 1 : _shape[i]);
                }
            }
            return [.. result];
        }

        /// <summary>The gradient of a reduction, with the reduced dimensions put back and stretched.</summary>
        private static Tensor Spread(Tensor gradient, long[] shape, int[] dims)
        {
            var kept = (long[])shape.Clone();
            foreach (int dim in dims)
            {
                kept[dim] = 1;
            }
            return gradient.reshape(kept).expand(shape);
        }

        public Tensor sum(ScalarType? type = null) => SumOver([], false, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => SumOver([dim], keepdim, type);
        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) => SumOver([dim0, dim1], keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => SumOver(dim, keepdim, type);
        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) => SumOver(dim, keepdim, type);

        /// <summary>Integers and bools are added up as Int64 unless another type is asked for.</summary>
        private Tensor SumOver(ReadOnlySpan<long> dims, bool keepdim, ScalarType? type)
        {
            ScalarType target = type ?? (is_floating_point() ? _dtype : ScalarType.Int64);
            Tensor source = AsType(target);
            int[] reduced = ReducedDimensions(dims, "sum");
            Tensor result = Reductions.Sum(source, reduced, ReducedShape(reduced, keepdim));
            if (Graph.Record("sum", result, source) is { } node)
            {
                long[] own = _shape;
                node.Derivative = gradient => [Spread(gradient, own, reduced)];
            }
            return result;
        }

        public Tensor mean() => mean([]);

        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null)
        {
            ScalarType target = type ?? _dtype;
            if (!ScalarTypes.IsFloating(target))
            {
                throw new InvalidOperationException(
                    $"mean(): a floating point tensor is needed, this one is {_dtype}; convert with .to(torch.float32)");
            }
            int[] reduced = ReducedDimensions(dimensions, "mean");
            long count = 1;
            foreach (int dim in reduced)
            {
                count *= _shape[dim];
            }
            return SumOver(dimensions, keepdim, target).div((Scalar)(double)count);
        }

        public Tensor var(bool unbiased = true) => Variance([], unbiased, keepdim: false);
        public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            AsType(type ?? _dtype).Variance([dim], unbiased, keepdim);
        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            AsType(type ?? _dtype).Variance(dimensions, unbiased, keepdim);
        public Tensor std(bool unbiased = true) => var(unbiased).sqrt();
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var(dim, unbiased, keepdim, type).sqrt();

        private Tensor Variance(long[] dims, bool unbiased, bool keepdim)
        {
            Tensor centred = sub(mean(dims, keepdim: true));
            long count = 1;
            foreach (int dim in ReducedDimensions(dims, "var"))
            {
                count *= _shape[dim];
            }
            return centred.square().sum(dims, keepdim).div((Scalar)(double)(unbiased ? count - 1 : count));
        }

        /// <summary>The p-norm of all elements.</summary>
        public Tensor norm(float p = 2) => Norm([], false, p);

        public Tensor norm(int dim, bool keepdim = false, float p = 2) => Norm([dim], keepdim, p);

        private Tensor Norm(long[] dims, bool keepdim, float p)
        {
            if (!is_floating_point())
            {
                throw new InvalidOperationException($"norm: a floating point tensor is needed, this one is {_dtype}");
            }
            if (float.IsPositiveInfinity(p))
            {
                int[] reduced = ReducedDimensions(dims, "norm");
                if (reduced.Length != 1)
                {
                    return abs().max();
                }
                return abs().max(reduced[0], keepdim).values;
            }
            if (p == 1)
            {
                return abs().sum(dims, keepdim);
            }
            if (p != 2)
            {
                return abs().pow(p).sum(dims, keepdim).pow(1 / p);
            }
            using Tensor? squares = Graph.Records(this) ? null : detach().square();
            if (squares is not null)
            {
                return squares.sum(dims, keepdim).sqrt();
            }
            int[] over = ReducedDimensions(dims, "norm");
            Tensor result;
            using (no_grad())
            {
                using Tensor total = square();
                using Tensor sums = total.sum(dims, keepdim);
                result = sums.sqrt();
            }
            // x / |x| with 0 at 0, where sqrt alone would give NaN.
            if (Graph.Record("norm", result, this) is { } node)
            {
                SavedTensor x = node.Save(this);
                SavedTensor y = node.Save(result);
                long[] own = _shape;
                node.Derivative = gradient =>
                {
                    Tensor scale = gradient.div(y.Value).masked_fill(y.Value.eq(0), 0);
                    return [x.Value.mul(Spread(scale, own, over))];
                };
            }
            return result;
        }

        public Tensor max() => FullExtremum(largest: true);
        public Tensor min() => FullExtremum(largest: false);

        /// <summary>The extremum of all elements; ties share the gradient equally, as in PyTorch.</summary>
        private Tensor FullExtremum(bool largest)
        {
            if (ElementCount == 0)
            {
                throw new InvalidOperationException($"max/min: the tensor of shape {Shapes.Text(_shape)} has no elements");
            }
            using Tensor flat = detach().reshape(-1);
            var (values, indices) = Reductions.Extremum(flat, 0, largest, []);
            indices.Dispose();
            if (Graph.Record("max", values, this) is { } node)
            {
                SavedTensor x = node.Save(this);
                SavedTensor y = node.Save(values);
                node.Derivative = gradient =>
                {
                    Tensor hits = x.Value.eq(y.Value).to(gradient._dtype);
                    return [hits.mul(gradient.div(hits.sum()))];
                };
            }
            return values;
        }

        /// <summary>The largest element along a dimension and its (first) position.</summary>
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => ExtremumAlong(dim, keepdim, largest: true);

        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => ExtremumAlong(dim, keepdim, largest: false);

        private (Tensor, Tensor) ExtremumAlong(long dim, bool keepdim, bool largest)
        {
            int at = Shapes.Dimension(dim, Rank, "max");
            if (Rank == 0)
            {
                return (alias(), Full([], 0, ScalarType.Int64));
            }
            var (values, indices) = Reductions.Extremum(this, at, largest, ReducedShape([at], keepdim));
            if (Graph.Record("max", values, this) is { } node)
            {
                SavedTensor where = node.Save(indices);
                long[] own = _shape;
                var kept = (long[])own.Clone();
                kept[at] = 1;
                node.Derivative = gradient =>
                    [Empty(own, gradient._dtype, zero: true).scatter_(at, where.Value.reshape(kept), gradient.reshape(kept))];
            }
            return (values, indices);
        }

        public Tensor argmax() => ArgExtremum(null, false, largest: true);
        public Tensor argmax(long dim, bool keepdim = false) => ArgExtremum(dim, keepdim, largest: true);
        public Tensor argmin() => ArgExtremum(null, false, largest: false);
        public Tensor argmin(long dim, bool keepdim = false) => ArgExtremum(dim, keepdim, largest: false);

        private Tensor ArgExtremum(long? dim, bool keepdim, bool largest)
        {
            using Tensor plain = detach();
            using Tensor source = dim is null ? plain.reshape(-1) : plain.alias();
            int at = dim is null ? 0 : Shapes.Dimension(dim.Value, Rank, "argmax");
            if (source.ElementCount == 0)
            {
                throw new InvalidOperationException($"argmax/argmin: the tensor of shape {Shapes.Text(_shape)} has no elements");
            }
            var (values, indices) = Reductions.Extremum(source.Rank == 0 ? source.reshape(1) : source, at, largest,
                dim is null ? [] : ReducedShape(Rank == 0 ? [] : [at], keepdim));
            values.Dispose();
            return indices;
        }

        /// <summary>log of the sum of exponentials along a dimension, safe against overflow.</summary>
        public Tensor logsumexp(long dim, bool keepdim = false)
        {
            int at = Shapes.Dimension(dim, Rank, "logsumexp");
            Tensor maximum;
            using (no_grad())
            {
                Tensor largest = max(at, keepdim: true).values;
                maximum = largest.masked_fill(largest.isfinite().logical_not(), 0);
            }
            Tensor result = sub(maximum).exp().sum(at, keepdim: true).log().add(maximum);
            return keepdim || Rank == 0 ? result : result.squeeze(at);
        }

        public Tensor all() => ne(0).eq(0).sum().eq(0);
        public Tensor all(long dim, bool keepdim = false) => ne(0).eq(0).sum(dim, keepdim).eq(0);
        public Tensor any() => ne(0).sum().ne(0);
        public Tensor any(long dim, bool keepdim = false) => ne(0).sum(dim, keepdim).ne(0);

        /// <summary>Running sums along a dimension.</summary>
        public Tensor cumsum(long dim, ScalarType? type = null)
        {
            int at = Shapes.Dimension(dim, Rank, "cumsum");
            Tensor source = AsType(type ?? (is_floating_point() ? _dtype : ScalarType.Int64));
            Tensor result = Reductions.CumulativeSum(source, at, reverse: false);
            if (Graph.Record("cumsum", result, source) is { } node)
            {
                node.Derivative = gradient => [Reductions.CumulativeSum(gradient, at, reverse: true)];
            }
            return result;
        }

        public Tensor softmax(long dim, ScalarType? dtype = null) => nn.functional.softmax(this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => nn.functional.log_softmax(AsType(dtype ?? _dtype), dim);
        public Tensor gelu() => nn.functional.gelu(this);
        public Tensor gelu(Modules.GELU.Approximate approximate) => nn.functional.gelu(this, approximate);
    }

    public static Tensor sum(Tensor input, ScalarType? type = null) => input.sum(type);
    public static Tensor sum(Tensor input, long dim, bool keepdim = false, ScalarType? type = null) => input.sum(dim, keepdim, type);
    public static Tensor mean(Tensor input) => input.mean();
    public static Tensor mean(Tensor input, long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
        input.mean(dimensions, keepdim, type);
    public static Tensor max(Tensor input) => input.max();
    public static Tensor max(Tensor input, Tensor other) => input.maximum(other);
    public static (Tensor values, Tensor indexes) max(Tensor input, long dim, bool keepdim = false) => input.max(dim, keepdim);
    public static Tensor argmax(Tensor input) => input.argmax();
    public static Tensor argmax(Tensor input, long dim, bool keepdim = false) => input.argmax(dim, keepdim);
    public static Tensor logsumexp(Tensor input, long dim, bool keepdim = false) => input.logsumexp(dim, keepdim);
    public static Tensor cumsum(Tensor input, long dim, ScalarType? type = null) => input.cumsum(dim, type);
    public static Tensor norm(Tensor input, float p = 2) => input.norm(p);
    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);
}
