using System.Runtime.CompilerServices;
using TorchSharp.Autograd;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A strided view of native memory, with its place in the autograd graph. Views share memory; <see cref="Dispose()"/> gives up this
    /// view's share.
    /// </summary>
    public partial class Tensor : IDisposable
    {
        private NativeStorage? _storage;
        private readonly long _offset;
        private readonly long[] _shape;
        private readonly long[] _strides;
        private readonly ScalarType _dtype;

        // Where this tensor stands in the graph: the node that made it and which of its outputs it is; for a leaf, where gradients collect.
        private Node? _gradientNode;
        private int _gradientNodeOutput;
        private bool _requiresGrad;
        private Tensor? _grad;

        internal DisposeScope? Scope;

        /// <summary>Takes over one reference of the storage and enters the innermost dispose scope of this thread.</summary>
        internal Tensor(NativeStorage storage, long offset, long[] shape, long[] strides, ScalarType dtype, bool isView = false)
        {
            (_storage, _offset, _shape, _strides, _dtype, IsView) = (storage, offset, shape, strides, dtype, isView);
            ElementCount = Shapes.ElementCount(shape);
            DisposeScope.Current?.Register(this);
        }

        /// <summary>A tensor over the memory of another one, a leaf of its own, in no dispose scope at first.</summary>
        private protected Tensor(Tensor other)
        {
            NativeStorage storage = other.Storage;
            storage.Retain();
            (_storage, _offset, _shape, _strides, _dtype) = (storage, other._offset, other._shape, other._strides, other._dtype);
            ElementCount = other.ElementCount;
        }

        internal static Tensor Empty(long[] shape, ScalarType dtype, bool zero = false)
        {
            long bytes = checked(Shapes.ElementCount(shape) * ScalarTypes.Size(dtype));
            return new Tensor(NativeStorage.Allocate(bytes, zero), 0, shape, Shapes.ContiguousStrides(shape), dtype);
        }

        internal bool IsView { get; }
        internal long ElementCount { get; }
        internal int Rank => _shape.Length;
        internal long[] ShapeArray => _shape;
        internal long[] StrideArray => _strides;

        internal NativeStorage Storage => _storage ?? throw new ObjectDisposedException(nameof(Tensor),
            $"the tensor of shape {Shapes.Text(_shape)} was disposed; it may have belonged to a dispose scope that is closed");

        /// <summary>The address of the first element.</summary>
        internal unsafe byte* Data => Storage.Pointer + _offset * ScalarTypes.Size(_dtype);

        internal unsafe float* FloatData
        {
            get
            {
                if (_dtype != ScalarType.Float32)
                {
                    throw new InvalidOperationException(
                        $"a Float32 tensor was expected, this one is {_dtype}; convert with .to(torch.float32)");
                }
                return (float*)Data;
            }
        }

        public ScalarType dtype => _dtype;
        public Device device => CPU;
        public DeviceType device_type => DeviceType.CPU;
        public int device_index => -1;
        public bool is_cuda => false;
        public bool is_cpu() => true;
        public bool is_sparse => false;
        public bool IsInvalid => _storage is null;
        public nint Handle => IsInvalid ? 0 : RuntimeHelpers.GetHashCode(this);

        public long dim() => _shape.Length;
        public long ndim => _shape.Length;
        public long Dimensions => _shape.Length;
        public long[] shape => (long[])_shape.Clone();
        public long[] size() => (long[])_shape.Clone();
        public long size(int dim) => _shape[Shapes.Dimension(dim, Rank, "size")];
        public long[] stride() => (long[])_strides.Clone();
        public long stride(int dim) => _strides[Shapes.Dimension(dim, Rank, "stride")];
        public long storage_offset() => _offset;
        public long numel() => ElementCount;
        public long NumberOfElements => ElementCount;
        public long ElementSize => ScalarTypes.Size(_dtype);
        public long element_size() => ScalarTypes.Size(_dtype);
        public bool is_contiguous() => Shapes.IsContiguous(_shape, _strides);
        public bool is_floating_point() => ScalarTypes.IsFloating(_dtype);
        public bool is_integral() => !ScalarTypes.IsFloating(_dtype);

        public void Dispose()
        {
            Dispose(disposing: true);
            GC.SuppressFinalize(this);
        }

        protected virtual void Dispose(bool disposing)
        {
            NativeStorage? storage = Interlocked.Exchange(ref _storage, null);
            if (storage is null || !disposing)
            {
                return;
            }
            Scope?.Unregister(this);
            storage.Release();
            _gradientNode?.Release();
            _gradientNode = null;
            _grad?.Dispose();
            _grad = null;
        }

        /// <summary>Takes the tensor out of its dispose scope; from now on the caller disposes it.</summary>
        public Tensor DetachFromDisposeScope()
        {
            Scope?.Unregister(this);
            return this;
        }

        /// <summary>Moves the tensor to the scope around its own; detaches it when there is none.</summary>
        public Tensor MoveToOuterDisposeScope()
        {
            if (Scope is { } scope)
            {
                scope.MoveToOuter(this);
            }
            return this;
        }

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            Scope?.Unregister(this);
            other?.Attach(this);
            return this;
        }

        /// <summary>Throws when this tensor cannot be written to.</summary>
        internal void RequireWritable(string operation)
        {
            for (int i = 0; i < _shape.Length; i++)
            {
                if (_strides[i] == 0 && _shape[i] > 1)
                {
                    throw new InvalidOperationException(
                        $"{operation}: the tensor of shape {Shapes.Text(_shape)} is expanded, several of its elements are one place in " +
                            $"memory; clone() it first");
                }
            }
        }

        /// <summary>Another handle of the same elements: same memory, same place in the graph, its own lifetime.</summary>
        public Tensor alias() => MakeView("alias", _shape, _strides, _offset, gradient => gradient.Share());

        /// <summary>The same elements outside the graph: shares memory and has no gradient.</summary>
        public Tensor detach() => Share();

        internal Tensor Share() => Reinterpret(_shape, _strides, _offset);

        /// <summary>A view of the same memory that the graph does not know.</summary>
        internal Tensor Reinterpret(long[] shape, long[] strides, long offset)
        {
            NativeStorage storage = Storage;
            storage.Retain();
            return new Tensor(storage, offset, shape, strides, _dtype, isView: true);
        }

        internal long Offset => _offset;

        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);
        public bool Equals(Tensor target) => ReferenceEquals(this, target);
        public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);
    }
}
