using System.Runtime.CompilerServices;
using TorchSharp.Autograd;
using TorchSharp.Kernels;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        [IndexerName("TensorItems")]
        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        [IndexerName("TensorItems")]
        public Tensor this[params long[] indices]
        {
            get => index(Array.ConvertAll(indices, i => (TensorIndex)i));
            set => index_put_(value, Array.ConvertAll(indices, i => (TensorIndex)i));
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1]
        {
            get => select(0, i1);
            set => index_put_(value, (TensorIndex)i1);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2]
        {
            get => select(0, i1).select(0, i2);
            set => index_put_(value, (TensorIndex)i1, i2);
        }

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2, long i3]
        {
            get => select(0, i1).select(0, i2).select(0, i3);
            set => index_put_(value, (TensorIndex)i1, i2, i3);
        }

        public Tensor index(params Tensor[] indices) => index(Array.ConvertAll(indices, TensorIndex.Tensor));

        /// <summary>The part an index expression names: a view unless it holds tensors of indices.</summary>
        public Tensor index(params TensorIndex[] indices)
        {
            Tensor source = ApplyBasic(indices, out Tensor?[] advanced);
            return advanced.All(entry => entry is null) ? source : source.Gather(advanced);
        }

        public Tensor index_put_(Tensor value, params Tensor[] indices) =>
            index_put_(value, Array.ConvertAll(indices, TensorIndex.Tensor), accumulate: false);
        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            index_put_(value, Array.ConvertAll(indices, TensorIndex.Tensor), accumulate);
        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, accumulate: false);
        public Tensor index_put_(Scalar value, params TensorIndex[] indices) =>
            index_put_(ScalarOperand(value), indices, accumulate: false);

        /// <summary>Writes (or adds) <paramref name="value"/> to the part an index expression names.</summary>
        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
        {
            if (Graph.Records(this, value))
            {
                throw new InvalidOperationException("index_put_: assignment by index is not recorded; use where, masked_fill or cat, or " +
                    "do it under no_grad()");
            }
            RequireWritable("index_put_");
            using Tensor target = ApplyBasic(indices, out Tensor?[] advanced);
            if (advanced.All(entry => entry is null))
            {
                if (accumulate)
                {
                    target.add_(value);
                }
                else
                {
                    target.copy_(value);
                }
                return this;
            }
            target.Scatter(advanced, value, accumulate);
            Storage.MarkChanged();
            return this;
        }

        /// <summary>
        /// Numbers, slices, new dimensions and the ellipsis as a view; tensors of indices are handed back by the dimension they apply to.
        /// </summary>
        private Tensor ApplyBasic(TensorIndex[] indices, out Tensor?[] advanced)
        {
            int consumed = indices.Sum(entry => entry.Kind switch
            {
                TensorIndex.IndexKind.Null or TensorIndex.IndexKind.Ellipsis or TensorIndex.IndexKind.Bool => 0,
                TensorIndex.IndexKind.Tensor => entry.Indices!._dtype == ScalarType.Bool ? entry.Indices.Rank : 1,
                _ => 1,
            });
            if (consumed > Rank)
            {
                throw new ArgumentException($"index: too many indices ({consumed}) for a tensor of shape {Shapes.Text(_shape)}");
            }
            Tensor view = this;
            bool isOwn = false;
            int at = 0;
            var byDimension = new List<Tensor?>();
            foreach (TensorIndex entry in indices)
            {
                Tensor next;
                switch (entry.Kind)
                {
                    case TensorIndex.IndexKind.Single:
                        next = view.select(at, entry.Start ?? throw new ArgumentException("index: a single index without a value"));
                        break;
                    case TensorIndex.IndexKind.Slice:
                        next = view.slice(at, entry.Start ?? 0, entry.Stop ?? long.MaxValue, entry.Step ?? 1);
                        at++;
                        byDimension.Add(null);
                        break;
                    case TensorIndex.IndexKind.Null:
                        next = view.unsqueeze(at);
                        at++;
                        byDimension.Add(null);
                        break;
                    case TensorIndex.IndexKind.Ellipsis:
                        for (int rest = Rank - consumed; rest > 0; rest--)
                        {
                            at++;
                            byDimension.Add(null);
                        }
                        continue;
                    case TensorIndex.IndexKind.Bool:
                        throw new NotSupportedException("index: a bool as an index is not available in the managed engine; use " +
                            "masked_select or where");
                    default:
                        Tensor index = entry.Indices!;
                        if (index._dtype == ScalarType.Bool)
                        {
                            AddMask(index, view, at, byDimension);
                            at += index.Rank;
                        }
                        else
                        {
                            byDimension.Add(index);
                            at++;
                        }
                        continue;
                }
                if (isOwn && !requires_grad)
                {
                    view.Dispose();
                }
                (view, isOwn) = (next, true);
            }
            while (byDimension.Count < view.Rank)
            {
                byDimension.Add(null);
            }
            advanced = [.. byDimension];
            return isOwn ? view : alias();
        }

        /// <summary>A mask selects as the positions of its true elements do.</summary>
        private static void AddMask(Tensor mask, Tensor view, int at, List<Tensor?> byDimension)
        {
            for (int i = 0; i < mask.Rank; i++)
            {
                if (mask._shape[i] != view._shape[at + i])
                {
                    throw new ArgumentException(
                        $"index: a mask of shape {Shapes.Text(mask._shape)} does not fit {Shapes.Text(view._shape)} at dimension {at}");
                }
            }
            Tensor positions = mask.nonzero();
            for (int i = 0; i < mask.Rank; i++)
            {
                byDimension.Add(positions.select(1, i).contiguous());
            }
        }

        /// <summary>
        /// How tensors of indices address memory: one offset per index tuple, and the block of elements each of them selects.
        /// </summary>
        private sealed class Addressing
        {
            internal required long[] Offsets;
            internal required long[] IndexShape;
            internal required long[] BlockShape;
            internal required long[] BlockStrides;
            internal required int FirstDimension;
            internal required long[] ResultShape;
        }

        private unsafe Addressing Address(Tensor?[] advanced)
        {
            long[] indexShape = [];
            foreach (Tensor? entry in advanced)
            {
                if (entry is not null)
                {
                    if (entry._dtype != ScalarType.Int64 && entry._dtype != ScalarType.Int32)
                    {
                        throw new InvalidOperationException(
                            $"index: tensors used as indices must be Int64, Int32 or Bool; this one is {entry._dtype}");
                    }
                    indexShape = Shapes.Broadcast(indexShape, entry._shape, "index");
                }
            }
            var offsets = new long[Shapes.ElementCount(indexShape)];
            var blockShape = new List<long>();
            var blockStrides = new List<long>();
            int first = -1, last = -1, count = 0;
            for (int d = 0; d < Rank; d++)
            {
                if (advanced[d] is not { } entry)
                {
                    blockShape.Add(_shape[d]);
                    blockStrides.Add(_strides[d]);
                    continue;
                }
                first = first < 0 ? d : first;
                last = d;
                count++;
                using Tensor full = entry.detach().to(ScalarType.Int64).expand(indexShape);
                using Tensor ordered = full.contiguous();
                long* positions = (long*)ordered.Data;
                for (long i = 0; i < offsets.Length; i++)
                {
                    long position = positions[i] < 0 ? positions[i] + _shape[d] : positions[i];
                    if (position < 0 || position >= _shape[d])
                    {
                        throw new IndexOutOfRangeException(
                            $"index {positions[i]} is out of bounds for dimension {d} with size {_shape[d]}");
                    }
                    offsets[i] += position * _strides[d];
                }
                GC.KeepAlive(ordered);
            }
            // Adjacent index tensors leave their dimensions where they were; separated ones move to the front, as in NumPy.
            int place = last - first + 1 == count ? first : 0;
            return new Addressing
            {
                Offsets = offsets,
                IndexShape = indexShape,
                BlockShape = [.. blockShape],
                BlockStrides = [.. blockStrides],
                FirstDimension = place,
                ResultShape = [.. blockShape.Take(place), .. indexShape, .. blockShape.Skip(place)],
            };
        }

        private Tensor Gather(Tensor?[] advanced)
        {
            if (RowLookup(advanced) is { } rows)
            {
                return rows;
            }
            Addressing addressing = Address(advanced);
            Tensor result = Empty(addressing.ResultShape, _dtype);
            using Tensor blocks = result.BlocksOf(addressing);
            for (long i = 0; i < addressing.Offsets.Length; i++)
            {
                using Tensor from = Reinterpret(addressing.BlockShape, addressing.BlockStrides, _offset + addressing.Offsets[i]);
                using Tensor to = blocks.select(0, i);
                Pointwise.Copy(to, from);
            }
            if (Graph.Record("index", result, this) is { } node)
            {
                SavedTensor?[] saved = Array.ConvertAll(advanced, entry => entry is null ? null : node.Save(entry));
                long[] own = _shape;
                node.Derivative = gradient =>
                {
                    Tensor full = Empty(own, gradient._dtype, zero: true);
                    full.Scatter(Array.ConvertAll(saved, entry => entry?.Value), gradient, accumulate: true);
                    return [full];
                };
            }
            return result;
        }

        /// <summary>The elements of an indexing result as [index tuples, block...].</summary>
        private Tensor BlocksOf(Addressing addressing)
        {
            using IDisposable noGrad = no_grad();
            int place = addressing.FirstDimension;
            int indexRank = addressing.IndexShape.Length;
            var order = new List<long>();
            for (int i = 0; i < indexRank; i++)
            {
                order.Add(place + i);
            }
            for (int i = 0; i < Rank; i++)
            {
                if (i < place || i >= place + indexRank)
                {
                    order.Add(i);
                }
            }
            using Tensor permuted = permute(order.ToArray());
            long[] shape = [addressing.Offsets.Length, .. addressing.BlockShape];
            // The index dimensions lie next to each other in memory, so joining them is always a view.
            long stride = indexRank == 0 ? 1 : permuted._strides[indexRank - 1];
            return Reinterpret(shape, [stride, .. permuted._strides[indexRank..]], _offset);
        }

        private void Scatter(Tensor?[] advanced, Tensor value, bool accumulate)
        {
            Addressing addressing = Address(advanced);
            using DisposeScope scope = NewDisposeScope();
            using IDisposable noGrad = no_grad();
            Tensor full = value.detach().to(_dtype).expand(addressing.ResultShape);
            Tensor blocks = full.is_contiguous() ? full : full.clone();
            blocks = blocks.BlocksOf(addressing);
            for (long i = 0; i < addressing.Offsets.Length; i++)
            {
                using Tensor to = Reinterpret(addressing.BlockShape, addressing.BlockStrides, _offset + addressing.Offsets[i]);
                using Tensor from = blocks.select(0, i);
                if (accumulate)
                {
                    Pointwise.Binary(BinaryKind.Add, to, to, from);
                }
                else
                {
                    Pointwise.Copy(to, from);
                }
            }
        }

        /// <summary>table[ids] for rows of floats: the embedding look-up.</summary>
        private unsafe Tensor? RowLookup(Tensor?[] advanced)
        {
            if (_dtype != ScalarType.Float32 || Rank != 2 || advanced[0] is not { _dtype: ScalarType.Int64 } ids
                || advanced[1] is not null || !is_contiguous())
            {
                return null;
            }
            (long tableRows, long columns) = (_shape[0], _shape[1]);
            using Tensor plain = ids.detach();
            using Tensor ordered = NonNegative(plain, tableRows);
            long rows = ordered.ElementCount;
            Tensor result = Empty([.. ids._shape, columns], _dtype);
            Kernels.Embedding.Gather(rows, columns, tableRows, FloatData, (long*)ordered.Data, result.FloatData);
            Pointwise.KeepAlive(this, ordered, result);
            if (Graph.Record("embedding", result, this) is { } node)
            {
                SavedTensor saved = node.Save(ordered);
                node.Derivative = gradient =>
                {
                    // A few rows are added to what the table has collected already, rather than a table of zeros with those rows.
                    Tensor? collected = Graph.CollectedGradient(node, 0);
                    Tensor full = collected ?? Empty([tableRows, columns], ScalarType.Float32, zero: true);
                    using Tensor rowsOfGradient = gradient.contiguous();
                    Kernels.Embedding.ScatterAdd(rows, columns, tableRows, (long*)saved.Value.Data, rowsOfGradient.FloatData,
                        full.FloatData);
                    collected?.Storage.MarkChanged();
                    return [collected is null ? full : null];
                };
            }
            return result;
        }

        /// <summary>Contiguous indices counted from the front.</summary>
        private static unsafe Tensor NonNegative(Tensor ids, long length)
        {
            Tensor ordered = ids.contiguous();
            long* data = (long*)ordered.Data;
            for (long i = 0; i < ordered.ElementCount; i++)
            {
                if (data[i] < 0)
                {
                    using Tensor negative = ordered;
                    using Tensor isNegative = negative.lt(0);
                    using Tensor shifted = negative.add(length);
                    return shifted.where(isNegative, negative);
                }
            }
            return ordered;
        }

        /// <summary>Slices of one dimension by index.</summary>
        public Tensor index_select(long dim, Tensor index)
        {
            int at = Shapes.Dimension(dim, Rank, "index_select");
            if (index.Rank > 1)
            {
                throw new ArgumentException(
                    $"index_select: the index must have one dimension, this one has shape {Shapes.Text(index._shape)}");
            }
            var advanced = new Tensor?[Rank];
            advanced[at] = index.Rank == 0 ? index.reshape(1) : index;
            return Gather(advanced);
        }

        /// <summary>result[i][j] = this[index[i][j]][j] for dimension 0, and so on: index has the shape of the result.</summary>
        public Tensor gather(long dim, Tensor index)
        {
            int at = Shapes.Dimension(dim, Rank, "gather");
            RequireIndexShape(index, at, _shape, "gather");
            Tensor result = Empty(index._shape, _dtype);
            ForEachIndexed(index, at, result, (own, other) => CopyElement(other, own), this);
            if (Graph.Record("gather", result, this) is { } node)
            {
                SavedTensor saved = node.Save(index);
                long[] own = _shape;
                node.Derivative = gradient => [Empty(own, gradient._dtype, zero: true).scatter_add_(at, saved.Value, gradient)];
            }
            return result;
        }

        public Tensor scatter(long dim, Tensor index, Tensor src)
        {
            int at = Shapes.Dimension(dim, Rank, "scatter");
            Tensor result;
            using (no_grad())
            {
                result = clone().scatter_(at, index, src);
            }
            if (Graph.Record("scatter", result, this, src) is { } node)
            {
                SavedTensor saved = node.Save(index);
                long[] sourceShape = src._shape;
                long[] indexShape = index._shape;
                node.Derivative = gradient =>
                {
                    Tensor? toThis = null, toSource = null;
                    if (node.Needs(0))
                    {
                        Tensor zero = Empty(indexShape, gradient._dtype, zero: true);
                        toThis = gradient.clone().scatter_(at, saved.Value, zero);
                    }
                    if (node.Needs(1))
                    {
                        toSource = EmbedInZeros(gradient.gather(at, saved.Value), sourceShape);
                    }
                    return [toThis, toSource];
                };
            }
            return result;
        }

        public Tensor scatter_add(long dim, Tensor index, Tensor src)
        {
            int at = Shapes.Dimension(dim, Rank, "scatter_add");
            Tensor result;
            using (no_grad())
            {
                result = clone().scatter_add_(at, index, src);
            }
            if (Graph.Record("scatter_add", result, this, src) is { } node)
            {
                SavedTensor saved = node.Save(index);
                long[] sourceShape = src._shape;
                node.Derivative = gradient =>
                    [node.Needs(0) ? gradient : null, node.Needs(1) ? EmbedInZeros(gradient.gather(at, saved.Value), sourceShape) : null];
            }
            return result;
        }

        /// <summary>The leading part of a tensor of zeros replaced by a smaller one.</summary>
        private static Tensor EmbedInZeros(Tensor part, long[] shape)
        {
            if (part._shape.AsSpan().SequenceEqual(shape))
            {
                return part;
            }
            Tensor full = Empty(shape, part._dtype, zero: true);
            Tensor corner = full.Reinterpret(part._shape, full._strides, full._offset);
            Pointwise.Copy(corner, part);
            return full;
        }

        public Tensor scatter_(long dim, Tensor index, Tensor src) => ScatterInPlace(dim, index, src, accumulate: false);

        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => ScatterInPlace(dim, index, src, accumulate: true);

        private Tensor ScatterInPlace(long dim, Tensor index, Tensor src, bool accumulate)
        {
            string name = accumulate ? "scatter_add_" : "scatter_";
            if (Graph.Records(this, src))
            {
                throw new InvalidOperationException($"{name}: not recorded in place; use {name.TrimEnd('_')}, or do it under no_grad()");
            }
            if (src._dtype != _dtype)
            {
                throw new InvalidOperationException($"{name}: source and target must have one dtype, these are {src._dtype} and {_dtype}");
            }
            RequireWritable(name);
            int at = Shapes.Dimension(dim, Rank, name);
            RequireIndexShape(index, at, _shape, name);
            RequireIndexShape(index, -1, src._shape, name);
            using Tensor corner = src.Reinterpret(index._shape, src._strides, src._offset);
            ForEachIndexed(index, at, corner, accumulate ? AddElement : CopyElement, this);
            Storage.MarkChanged();
            return this;
        }

        private static void RequireIndexShape(Tensor index, int at, long[] shape, string operation)
        {
            bool fits = index.Rank == shape.Length && index._dtype == ScalarType.Int64;
            for (int i = 0; fits && i < shape.Length; i++)
            {
                fits = i == at || index._shape[i] <= shape[i];
            }
            if (!fits)
            {
                throw new ArgumentException(
                    $"{operation}: an Int64 index within the other dimensions of {Shapes.Text(shape)} is needed; this one is " +
                        $"{index._dtype} of shape {Shapes.Text(index._shape)}");
            }
        }

        private unsafe void ForEachIndexed(Tensor index, int at, Tensor other, ElementAction action, Tensor own)
        {
            using Tensor ordered = index.detach().contiguous();
            long* positions = (long*)ordered.Data;
            byte* ownData = own.Data;
            byte* otherData = other.Data;
            int size = ScalarTypes.Size(own._dtype);
            var coordinates = new long[index.Rank];
            for (long i = 0; i < index.ElementCount; i++)
            {
                long position = positions[i];
                if (position < 0 || position >= own._shape[at])
                {
                    throw new IndexOutOfRangeException($"index {position} is out of bounds for dimension {at} with size {own._shape[at]}");
                }
                long ownOffset = position * own._strides[at];
                long otherOffset = 0;
                for (int d = 0; d < coordinates.Length; d++)
                {
                    otherOffset += coordinates[d] * other._strides[d];
                    if (d != at)
                    {
                        ownOffset += coordinates[d] * own._strides[d];
                    }
                }
                action(new Element((nint)(ownData + ownOffset * size), own._dtype),
                    new Element((nint)(otherData + otherOffset * size), own._dtype));
                for (int d = coordinates.Length - 1; d >= 0 && ++coordinates[d] == index._shape[d]; d--)
                {
                    coordinates[d] = 0;
                }
            }
            Pointwise.KeepAlive(own, other, ordered);
        }

        private readonly record struct Element(nint Address, ScalarType Type);

        private delegate void ElementAction(Element own, Element other);

        private static unsafe void CopyElement(Element own, Element other)
        {
            int size = ScalarTypes.Size(own.Type);
            Buffer.MemoryCopy((void*)other.Address, (void*)own.Address, size, size);
        }

        private static unsafe void AddElement(Element own, Element other)
        {
            switch (own.Type)
            {
                case ScalarType.Float32: *(float*)own.Address += *(float*)other.Address; break;
                case ScalarType.Float64: *(double*)own.Address += *(double*)other.Address; break;
                case ScalarType.Int64: *(long*)own.Address += *(long*)other.Address; break;
                case ScalarType.Int32: *(int*)own.Address += *(int*)other.Address; break;
                default: throw ScalarTypes.Unsupported(own.Type, "scatter_add_");
            }
        }
    }

    public static Tensor gather(Tensor input, long dim, Tensor index) => input.gather(dim, index);
    public static Tensor index_select(Tensor input, long dim, Tensor index) => input.index_select(dim, index);
}
