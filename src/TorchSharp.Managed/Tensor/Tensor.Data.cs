using System.Collections;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using TorchSharp.Utils;

namespace TorchSharp
{
    public static partial class torch
    {
        public partial class Tensor
        {
            /// <summary>The memory of a contiguous tensor, live: writing changes the tensor.</summary>
            /// <exception cref="InvalidOperationException">The tensor is not contiguous.</exception>
            public unsafe Span<byte> bytes
            {
                get
                {
                    if (!is_contiguous())
                    {
                        throw new InvalidOperationException(
                            $"bytes: the tensor of shape {Shapes.Text(_shape)} and strides {Shapes.Text(_strides)} is not contiguous; " +
                                $"call contiguous() first");
                    }
                    return new Span<byte>(Data, checked((int)(ElementCount * ScalarTypes.Size(_dtype))));
                }
            }

            /// <summary>The elements as .NET values, live.</summary>
            /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the tensor's exact type.</exception>
            public TensorAccessor<T> data<T>()
                where T : unmanaged
            {
                RequireType<T>("data");
                return new TensorAccessor<T>(this);
            }

            /// <summary>The only element.</summary>
            public unsafe T item<T>()
                where T : unmanaged
            {
                RequireType<T>("item");
                RequireOneElement();
                T value = *(T*)Data;
                GC.KeepAlive(this);
                return value;
            }

            public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
                torch.zeros_like(this, dtype, device, requires_grad);

            public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
                torch.ones_like(this, dtype, device, requires_grad);

            /// <summary>Type and shape, and the values when they are few.</summary>
            public override string ToString()
            {
                if (IsInvalid)
                {
                    return "disposed tensor";
                }
                const int MostValues = 100;
                string head = $"{Shapes.Text(_shape)}, type = {_dtype}, device = cpu";
                if (ElementCount > MostValues)
                {
                    return head;
                }
                using IDisposable unrecorded = no_grad();
                using Tensor doubles = to(ScalarType.Float64, copy: true);
                using Tensor dense = doubles.contiguous();
                return $"{head}, values = " +
                    $"[{string.Join(", ", dense.data<double>().Select(value => value.ToString("G6", CultureInfo.InvariantCulture)))}]";
            }

            internal unsafe double OnlyValue()
            {
                RequireOneElement();
                using IDisposable unrecorded = no_grad();
                using Tensor converted = to(ScalarType.Float64, copy: true);
                double value = *(double*)converted.Data;
                GC.KeepAlive(converted);
                return value;
            }

            private void RequireOneElement()
            {
                if (ElementCount != 1)
                {
                    throw new InvalidOperationException(
                        $"item: the tensor of shape {Shapes.Text(_shape)} has {ElementCount} elements, expected 1");
                }
            }

            private void RequireType<T>(string operation)
                where T : unmanaged
            {
                if (ScalarTypes.Of(typeof(T)) != _dtype)
                {
                    throw new ArgumentException(
                        $"{operation}<{typeof(T).Name}>: the tensor is {_dtype}; convert it with .to({ScalarTypes.Of(typeof(T))}) first");
                }
            }
        }
    }

    /// <summary>The value of a tensor of one element.</summary>
    public static class TensorExtensionMethods
    {
        public static float ToSingle(this torch.Tensor value) => (float)value.OnlyValue();
        public static double ToDouble(this torch.Tensor value) => value.OnlyValue();
        public static int ToInt32(this torch.Tensor value) => (int)value.ToInt64();
        public static bool ToBoolean(this torch.Tensor value) => value.OnlyValue() != 0;

        public static long ToInt64(this torch.Tensor value) =>
            value.dtype == torch.ScalarType.Int64 ? value.item<long>() : (long)value.OnlyValue();
    }
}

namespace TorchSharp.Utils
{
    /// <summary>The elements of a tensor in row-major order, whatever its strides; reading and writing go to the tensor itself.</summary>
    public sealed class TensorAccessor<T> : IEnumerable<T>, IDisposable
        where T : unmanaged
    {
        private readonly torch.Tensor _tensor;

        internal TensorAccessor(torch.Tensor tensor) => _tensor = tensor;

        public long Count => _tensor.ElementCount;

        public bool IsReadOnly => false;

        public unsafe T this[params long[] indices]
        {
            get => *At(indices);
            set
            {
                *At(indices) = value;
                _tensor.Storage.MarkChanged();
            }
        }

        public T[] ToArray()
        {
            var array = new T[Count];
            CopyTo(array.AsSpan());
            return array;
        }

        public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

        public unsafe void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
        {
            int count = checked((int)(Count - tensorIndex));
            if (_tensor.is_contiguous())
            {
                new Span<T>((T*)_tensor.Data + tensorIndex, count).CopyTo(array[arrayIndex..]);
            }
            else
            {
                for (int i = 0; i < count; i++)
                {
                    array[arrayIndex + i] = *AtPosition(tensorIndex + i);
                }
            }
            GC.KeepAlive(_tensor);
        }

        public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom(array.AsSpan(), arrayIndex, tensorIndex);

        public unsafe void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
        {
            long count = Math.Min(Count - tensorIndex, array.Length - arrayIndex);
            for (int i = 0; i < count; i++)
            {
                *AtPosition(tensorIndex + i) = array[arrayIndex + i];
            }
            _tensor.Storage.MarkChanged();
            GC.KeepAlive(_tensor);
        }

        public IEnumerator<T> GetEnumerator() => ((IEnumerable<T>)ToArray()).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        /// <summary>The accessor holds nothing; the tensor lives on.</summary>
        public void Dispose()
        {
        }

        private unsafe T* At(long[] indices)
        {
            if (indices.Length == 1 && _tensor.Rank != 1)
            {
                return AtPosition(indices[0]);
            }
            if (indices.Length != _tensor.Rank)
            {
                throw new ArgumentException($"{indices.Length} indices were given for a tensor of shape {Shapes.Text(_tensor.ShapeArray)}");
            }
            long offset = 0;
            for (int i = 0; i < indices.Length; i++)
            {
                if (indices[i] < 0 || indices[i] >= _tensor.ShapeArray[i])
                {
                    throw new IndexOutOfRangeException($"index {indices[i]} of dimension {i} is outside [0, {_tensor.ShapeArray[i]})");
                }
                offset += indices[i] * _tensor.StrideArray[i];
            }
            return (T*)_tensor.Data + offset;
        }

        private unsafe T* AtPosition(long position)
        {
            if (position < 0 || position >= Count)
            {
                throw new IndexOutOfRangeException($"position {position} is outside [0, {Count})");
            }
            long offset = 0;
            for (int i = _tensor.Rank - 1; i >= 0; i--)
            {
                offset += position % _tensor.ShapeArray[i] * _tensor.StrideArray[i];
                position /= _tensor.ShapeArray[i];
            }
            return (T*)_tensor.Data + offset;
        }
    }
}
