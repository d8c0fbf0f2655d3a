using TorchSharp.Autograd;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>A view whose derivative maps the gradient of the view to that of this tensor.</summary>
        private Tensor MakeView(string name, long[] shape, long[] strides, long offset, Func<Tensor, Tensor?> derivative)
        {
            Tensor result = Reinterpret(shape, strides, offset);
            if (Graph.Record(name, result, this) is { } node)
            {
                node.Derivative = gradient => [derivative(gradient)];
            }
            return result;
        }

        /// <summary>The same elements with another shape; one length may be -1. Throws when the strides do not allow a view.</summary>
        public Tensor view(params long[] shape)
        {
            long[] target = ResolveShape(shape, "view");
            long[]? strides = ViewStrides(target);
            if (strides is null)
            {
                throw new InvalidOperationException(
                    $"view: a tensor of shape {Shapes.Text(_shape)} with strides {Shapes.Text(_strides)} cannot be seen as " +
                        $"{Shapes.Text(target)} " +
                    "without copying; use reshape(...)");
            }
            long[] own = _shape;
            return MakeView("view", target, strides, _offset, gradient => gradient.reshape(own));
        }

        public Tensor view_as(Tensor other) => view(other._shape);

        /// <summary>As <see cref="view"/>, copying when the strides do not allow a view.</summary>
        public Tensor reshape(params long[] shape)
        {
            long[] target = ResolveShape(shape, "reshape");
            if (ViewStrides(target) is { } strides)
            {
                long[] own = _shape;
                return MakeView("reshape", target, strides, _offset, gradient => gradient.reshape(own));
            }
            return contiguous().view(target);
        }

        private long[] ResolveShape(long[] shape, string operation)
        {
            long known = 1;
            int unknown = -1;
            for (int i = 0; i < shape.Length; i++)
            {
                if (shape[i] == -1)
                {
                    if (unknown >= 0)
                    {
                        throw new ArgumentException($"{operation}: only one length of {Shapes.Text(shape)} may be -1");
                    }
                    unknown = i;
                }
                else
                {
                    known = checked(known * shape[i]);
                }
            }
            var target = (long[])shape.Clone();
            if (unknown >= 0 && known > 0 && ElementCount % known == 0)
            {
                target[unknown] = ElementCount / known;
            }
            Shapes.RequireNonNegative(unknown >= 0 && target[unknown] == -1 ? [] : target, operation);
            if (target.Contains(-1) || Shapes.ElementCount(target) != ElementCount)
            {
                throw new ArgumentException(
                    $"{operation}: shape {Shapes.Text(shape)} is not possible for {Shapes.Text(_shape)}, which has {ElementCount} " +
                    $"elements");
            }
            return target;
        }

        /// <summary>Strides that show these elements in the target shape, or null.</summary>
        private long[]? ViewStrides(long[] target)
        {
            if (is_contiguous())
            {
                return Shapes.ContiguousStrides(target);
            }
            var strides = new long[target.Length];
            int t = target.Length - 1;
            // Walk groups of own dimensions that are laid out as one run and spread the target's dimensions over them, last first.
            int end = _shape.Length - 1;
            while (end >= 0)
            {
                long run = _shape[end];
                long baseStride = _strides[end];
                int start = end;
                while (start > 0 && (_shape[start - 1] == 1 || run == 1 || _strides[start - 1] == baseStride * run))
                {
                    start--;
                    if (run == 1)
                    {
                        baseStride = _strides[start];
                    }
                    run *= _shape[start];
                }
                long filled = 1;
                while (t >= 0 && (filled < run || target[t] == 1))
                {
                    strides[t] = baseStride * filled;
                    filled *= target[t];
                    t--;
                }
                if (filled != run)
                {
                    return null;
                }
                end = start - 1;
            }
            for (; t >= 0; t--)
            {
                if (target[t] != 1)
                {
                    return null;
                }
                strides[t] = 1;
            }
            return strides;
        }

        public Tensor flatten(long start_dim = 0, long end_dim = -1)
        {
            if (Rank == 0)
            {
                return reshape(1);
            }
            int start = Shapes.Dimension(start_dim, Rank, "flatten");
            int end = Shapes.Dimension(end_dim, Rank, "flatten");
            if (start > end)
            {
                throw new ArgumentException($"flatten: start_dim {start_dim} lies behind end_dim {end_dim}");
            }
            long joined = Shapes.ElementCount(_shape.AsSpan(start, end - start + 1));
            return reshape([.. _shape[..start], joined, .. _shape[(end + 1)..]]);
        }

        public Tensor ravel() => reshape(-1);

        public Tensor transpose(long dim0, long dim1)
        {
            int a = Shapes.Dimension(dim0, Rank, "transpose");
            int b = Shapes.Dimension(dim1, Rank, "transpose");
            if (Rank == 0)
            {
                return alias();
            }
            var newShape = (long[])_shape.Clone();
            var newStrides = (long[])_strides.Clone();
            (newShape[a], newShape[b]) = (newShape[b], newShape[a]);
            (newStrides[a], newStrides[b]) = (newStrides[b], newStrides[a]);
            return MakeView("transpose", newShape, newStrides, _offset, gradient => gradient.transpose(a, b));
        }

        public Tensor swapdims(long dim0, long dim1) => transpose(dim0, dim1);

        /// <summary>The transpose of a matrix; tensors of fewer dimensions are returned as they are.</summary>
        public Tensor t()
        {
            if (Rank > 2)
            {
                throw new InvalidOperationException(
                    $"t() expects a tensor with at most 2 dimensions, but this one has shape {Shapes.Text(_shape)}");
            }
            return Rank < 2 ? alias() : transpose(0, 1);
        }

        public Tensor T => permute(Enumerable.Range(0, Rank).Reverse().Select(i => (long)i).ToArray());

        public Tensor mT => transpose(-2, -1);

        public Tensor permute(params long[] permutation)
        {
            if (permutation.Length != Rank)
            {
                throw new ArgumentException(
                    $"permute: {Shapes.Text(permutation)} does not name the {Rank} dimensions of {Shapes.Text(_shape)}");
            }
            var newShape = new long[Rank];
            var newStrides = new long[Rank];
            var inverse = new long[Rank];
            var seen = new bool[Rank];
            for (int i = 0; i < Rank; i++)
            {
                int from = Shapes.Dimension(permutation[i], Rank, "permute");
                if (seen[from])
                {
                    throw new ArgumentException($"permute: dimension {from} occurs twice in {Shapes.Text(permutation)}");
                }
                seen[from] = true;
                newShape[i] = _shape[from];
                newStrides[i] = _strides[from];
                inverse[from] = i;
            }
            return MakeView("permute", newShape, newStrides, _offset, gradient => gradient.permute(inverse));
        }

        public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());

        /// <summary>This tensor when its elements already lie in order, else a copy that does.</summary>
        public Tensor contiguous()
        {
            if (is_contiguous())
            {
                return alias();
            }
            return clone();
        }

        /// <summary>A copy in row-major order.</summary>
        public Tensor clone()
        {
            Tensor result = Empty(_shape, _dtype);
            Pointwise.Copy(result, this);
            if (Graph.Record("clone", result, this) is { } node)
            {
                node.Derivative = gradient => [gradient];
            }
            return result;
        }

        public Tensor unsqueeze(long dim)
        {
            int at = Shapes.Dimension(dim, Rank + 1, "unsqueeze");
            long[] newShape = [.. _shape[..at], 1, .. _shape[at..]];
            long stride = at < Rank ? _strides[at] * Math.Max(_shape[at], 1) : 1;
            long[] newStrides = [.. _strides[..at], stride, .. _strides[at..]];
            long[] own = _shape;
            return MakeView("unsqueeze", newShape, newStrides, _offset, gradient => gradient.reshape(own));
        }

        /// <summary>Without the dimensions of length 1, or without the one named if its length is 1.</summary>
        public Tensor squeeze(long? dim = null)
        {
            int only = dim is { } named ? Shapes.Dimension(named, Rank, "squeeze") : -1;
            var newShape = new List<long>();
            var newStrides = new List<long>();
            for (int i = 0; i < Rank; i++)
            {
                if (_shape[i] != 1 || (only >= 0 && i != only))
                {
                    newShape.Add(_shape[i]);
                    newStrides.Add(_strides[i]);
                }
            }
            long[] own = _shape;
            return MakeView("squeeze", [.. newShape], [.. newStrides], _offset, gradient => gradient.reshape(own));
        }

        /// <summary>Repeats dimensions of length 1 without copying; -1 keeps a length.</summary>
        public Tensor expand(params long[] sizes)
        {
            int added = sizes.Length - Rank;
            if (added < 0)
            {
                throw new ArgumentException($"expand: {Shapes.Text(sizes)} has fewer dimensions than {Shapes.Text(_shape)}");
            }
            var target = (long[])sizes.Clone();
            for (int i = 0; i < target.Length; i++)
            {
                long own = i < added ? 1 : _shape[i - added];
                if (target[i] == -1 && i >= added)
                {
                    target[i] = own;
                }
                if (target[i] < 0 || (own != target[i] && own != 1))
                {
                    throw new ArgumentException(
                        $"expand: shape {Shapes.Text(_shape)} does not stretch to {Shapes.Text(sizes)}: {own} is not {sizes[i]} in " +
                        $"dimension {i}");
                }
            }
            long[] ownShape = _shape;
            return MakeView("expand", target, Shapes.BroadcastStrides(_shape, _strides, target), _offset,
                gradient => Graph.SumTo(gradient, ownShape));
        }

        public Tensor expand(Size sizes, bool isImplicit = false) => expand(sizes.Shape);

        public Tensor expand(long[] sizes, bool isImplicit = false) => expand(sizes);

        public Tensor expand(ReadOnlySpan<long> sizes, bool isImplicit = false) => expand(sizes.ToArray());

        public Tensor expand_as(Tensor other) => expand(other._shape);

        /// <summary>Copies of this tensor side by side along each dimension.</summary>
        public Tensor repeat(params long[] sizes)
        {
            int added = sizes.Length - Rank;
            if (added < 0)
            {
                throw new ArgumentException($"repeat: {Shapes.Text(sizes)} has fewer entries than {Shapes.Text(_shape)} has dimensions");
            }
            var spread = new List<long>();
            var stretched = new List<long>();
            var joined = new long[sizes.Length];
            for (int i = 0; i < sizes.Length; i++)
            {
                long own = i < added ? 1 : _shape[i - added];
                spread.AddRange([1, own]);
                stretched.AddRange([sizes[i], own]);
                joined[i] = sizes[i] * own;
            }
            return reshape([.. spread]).expand([.. stretched]).reshape(joined);
        }

        /// <summary>Elements start to start + length of one dimension.</summary>
        public Tensor narrow(long dim, long start, long length)
        {
            int at = Shapes.Dimension(dim, Rank, "narrow");
            if (Rank == 0)
            {
                throw new InvalidOperationException("narrow cannot be applied to a tensor without dimensions");
            }
            long first = start < 0 ? start + _shape[at] : start;
            if (first < 0 || length < 0 || first + length > _shape[at])
            {
                throw new ArgumentOutOfRangeException(nameof(start),
                    $"narrow: elements {start} to {start + length} do not lie in dimension {at} of {Shapes.Text(_shape)}");
            }
            return SliceView(at, first, length, 1, "narrow");
        }

        /// <summary>
        /// Elements start, start + step, ... below finish of one dimension; the ends are clamped and may count from the end.
        /// </summary>
        public Tensor slice(long dim, long start, long finish, long step)
        {
            int at = Shapes.Dimension(dim, Rank, "slice");
            if (step <= 0)
            {
                throw new ArgumentOutOfRangeException(nameof(step), $"slice: the step is {step}, expected 1 or more");
            }
            long length = _shape[at];
            long first = Math.Clamp(start < 0 ? start + length : start, 0, length);
            long end = Math.Clamp(finish < 0 ? finish + length : finish, first, length);
            return SliceView(at, first, (end - first + step - 1) / step, step, "slice");
        }

        private Tensor SliceView(int at, long first, long count, long step, string name)
        {
            var newShape = (long[])_shape.Clone();
            var newStrides = (long[])_strides.Clone();
            newShape[at] = count;
            newStrides[at] *= step;
            long[] own = _shape;
            return MakeView(name, newShape, newStrides, _offset + first * _strides[at], gradient =>
            {
                Tensor full = Empty(own, gradient.dtype, zero: true);
                using Tensor part = full.SliceView(at, first, count, step, name);
                Pointwise.Copy(part, gradient);
                return full;
            });
        }

        /// <summary>One element of a dimension; the dimension disappears.</summary>
        public Tensor select(long dim, long index)
        {
            int at = Shapes.Dimension(dim, Rank, "select");
            if (Rank == 0)
            {
                throw new InvalidOperationException("select cannot be applied to a tensor without dimensions");
            }
            long position = index < 0 ? index + _shape[at] : index;
            if (position < 0 || position >= _shape[at])
            {
                throw new ArgumentOutOfRangeException(nameof(index),
                    $"select: index {index} does not lie in dimension {at} of {Shapes.Text(_shape)}");
            }
            long[] own = _shape;
            return MakeView("select", [.. _shape[..at], .. _shape[(at + 1)..]], [.. _strides[..at], .. _strides[(at + 1)..]],
                _offset + position * _strides[at], gradient =>
                {
                    Tensor full = Empty(own, gradient.dtype, zero: true);
                    using Tensor part = full.select(at, position);
                    Pointwise.Copy(part, gradient);
                    return full;
                });
        }

        /// <summary>Parts of the given lengths along a dimension, as views.</summary>
        public Tensor[] split(long[] sizes, long dim = 0)
        {
            int at = Shapes.Dimension(dim, Rank, "split");
            if (sizes.Sum() != _shape[at] || sizes.Any(size => size < 0))
            {
                throw new ArgumentException(
                    $"split: the parts {Shapes.Text(sizes)} do not add up to dimension {at} of {Shapes.Text(_shape)}");
            }
            var parts = new Tensor[sizes.Length];
            long start = 0;
            for (int i = 0; i < sizes.Length; i++)
            {
                var partShape = (long[])_shape.Clone();
                partShape[at] = sizes[i];
                parts[i] = Reinterpret(partShape, _strides, _offset + start * _strides[at]);
                start += sizes[i];
            }
            // One node for all parts: their gradients are written side by side into one buffer.
            if (Graph.RecordMany("split", parts, this) is { } node)
            {
                long[] own = _shape;
                long[] lengths = (long[])sizes.Clone();
                node.Derivative = gradients =>
                {
                    ScalarType type = gradients.First(gradient => gradient is not null)!.dtype;
                    Tensor full = Empty(own, type, zero: gradients.Contains(null));
                    long from = 0;
                    for (int i = 0; i < gradients.Length; i++)
                    {
                        if (gradients[i] is { } gradient)
                        {
                            using Tensor part = full.narrow(at, from, lengths[i]);
                            Pointwise.Copy(part, gradient);
                        }
                        from += lengths[i];
                    }
                    return [full];
                };
            }
            return parts;
        }

        public Tensor[] split(ReadOnlySpan<long> sizes, long dim = 0) => split(sizes.ToArray(), dim);

        public Tensor[] split(params long[] sizes) => split(sizes, 0L);

        /// <summary>Parts of <paramref name="size"/> elements, the last may be shorter.</summary>
        public Tensor[] split(long size, int dim = 0)
        {
            int at = Shapes.Dimension(dim, Rank, "split");
            if (size <= 0)
            {
                throw new ArgumentOutOfRangeException(nameof(size), $"split: the size is {size}, expected 1 or more");
            }
            var sizes = new List<long>();
            for (long start = 0; start < _shape[at]; start += size)
            {
                sizes.Add(Math.Min(size, _shape[at] - start));
            }
            return split(sizes.ToArray(), (long)at);
        }

        /// <summary>At most <paramref name="chunks"/> parts of equal length, the last may be shorter.</summary>
        public Tensor[] chunk(long chunks, long dim = 0)
        {
            int at = Shapes.Dimension(dim, Rank, "chunk");
            if (chunks <= 0)
            {
                throw new ArgumentOutOfRangeException(nameof(chunks), $"chunk: {chunks} parts were asked for, expected 1 or more");
            }
            return split(Math.Max(1, (_shape[at] + chunks - 1) / chunks), at);
        }

        public Tensor[] unbind(long dimension = 0)
        {
            int at = Shapes.Dimension(dimension, Rank, "unbind");
            var parts = new Tensor[_shape[at]];
            for (long i = 0; i < parts.Length; i++)
            {
                parts[i] = select(at, i);
            }
            return parts;
        }
    }

    public static Tensor[] chunk(Tensor input, long chunks, long dim = 0) => input.chunk(chunks, dim);
    public static Tensor[] split(Tensor tensor, long[] split_size_or_sections, long dim = 0) => tensor.split(split_size_or_sections, dim);
    public static Tensor reshape(Tensor input, params long[] shape) => input.reshape(shape);
    public static Tensor permute(Tensor input, params long[] permutation) => input.permute(permutation);
    public static Tensor transpose(Tensor input, long dim0, long dim1) => input.transpose(dim0, dim1);
    public static Tensor unsqueeze(Tensor input, long dim) => input.unsqueeze(dim);

    /// <summary>Tensors joined along an existing dimension.</summary>
    public static Tensor cat(IList<Tensor> tensors, long dim = 0)
    {
        if (tensors.Count == 0)
        {
            throw new ArgumentException("cat: expected at least one tensor", nameof(tensors));
        }
        Tensor first = tensors[0];
        int at = Shapes.Dimension(dim, first.Rank, "cat");
        ScalarType type = first.dtype;
        long length = 0;
        foreach (Tensor tensor in tensors)
        {
            bool fits = tensor.Rank == first.Rank && tensor.Rank > 0;
            for (int i = 0; fits && i < first.Rank; i++)
            {
                fits = i == at || tensor.ShapeArray[i] == first.ShapeArray[i];
            }
            if (!fits)
            {
                throw new ArgumentException(
                    $"cat: shapes {Shapes.Text(first.ShapeArray)} and {Shapes.Text(tensor.ShapeArray)} differ in more than dimension {at}");
            }
            type = ScalarTypes.Promote(type, tensor.dtype);
            length += tensor.ShapeArray[at];
        }
        long[] shape = first.shape;
        shape[at] = length;
        Tensor result = Tensor.Empty(shape, type);
        long start = 0;
        var starts = new long[tensors.Count];
        var lengths = new long[tensors.Count];
        for (int i = 0; i < tensors.Count; i++)
        {
            (starts[i], lengths[i]) = (start, tensors[i].ShapeArray[at]);
            using Tensor part = result.narrow(at, start, lengths[i]);
            Pointwise.Copy(part, tensors[i]);
            start += lengths[i];
        }
        if (Graph.Record("cat", result, tensors.ToArray()) is { } node)
        {
            ScalarType[] types = tensors.Select(tensor => tensor.dtype).ToArray();
            node.Derivative = gradient =>
            {
                var gradients = new Tensor?[starts.Length];
                for (int i = 0; i < gradients.Length; i++)
                {
                    gradients[i] = node.Needs(i) ? gradient.narrow(at, starts[i], lengths[i]).to(types[i]) : null;
                }
                return gradients;
            };
        }
        return result;
    }

    public static Tensor cat(Tensor[] tensors, long dim = 0) => cat((IList<Tensor>)tensors, dim);
    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(Tensor[] tensors, long dim = 0) => cat((IList<Tensor>)tensors, dim);

    /// <summary>Tensors of one shape joined along a new dimension.</summary>
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0)
    {
        Tensor[] rows = tensors.Select(tensor => tensor.unsqueeze(dim)).ToArray();
        if (rows.Length == 0)
        {
            throw new ArgumentException("stack: expected at least one tensor", nameof(tensors));
        }
        foreach (Tensor row in rows)
        {
            if (!row.ShapeArray.AsSpan().SequenceEqual(rows[0].ShapeArray))
            {
                throw new ArgumentException(
                    $"stack: all tensors must have one shape, found {Shapes.Text(rows[0].ShapeArray)} and {Shapes.Text(row.ShapeArray)} " +
                    $"with the new dimension");
            }
        }
        return cat((IList<Tensor>)rows, dim);
    }
}
