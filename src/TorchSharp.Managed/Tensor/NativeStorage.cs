using System.Runtime.InteropServices;
using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// The memory that a tensor and its views share. It goes back to the pool when the last reference is released: tensors hold one each, and
/// so does every value that an autograd node saved. The finalizer is a safety net for tensors that nobody disposed.
/// </summary>
internal sealed unsafe class NativeStorage
{
    private static long _liveCount;

    private byte* _pointer;
    private GCHandle _pinned;
    private readonly bool _fromPool;
    private int _references = 1;
    private int _version;

    private NativeStorage(byte* pointer, long bytes, bool fromPool)
    {
        _pointer = pointer;
        Bytes = bytes;
        _fromPool = fromPool;
        Interlocked.Increment(ref _liveCount);
    }

    ~NativeStorage() => Free();

    /// <summary>Storages that have not been returned yet.</summary>
    internal static long LiveCount => Interlocked.Read(ref _liveCount);

    internal long Bytes { get; }

    internal byte* Pointer => _pointer;

    internal int References => Volatile.Read(ref _references);

    /// <summary>How often the content was changed in place; views share it, so a stale saved value is noticed.</summary>
    internal int Version => Volatile.Read(ref _version);

    internal void MarkChanged() => Interlocked.Increment(ref _version);

    internal static NativeStorage Allocate(long bytes, bool zero = false)
    {
        return new NativeStorage((byte*)BufferPool.Rent(bytes, zero), bytes, fromPool: true);
    }

    /// <summary>Uses the memory of a managed array in place.</summary>
    internal static NativeStorage Pin(Array array, long bytes)
    {
        var handle = GCHandle.Alloc(array, GCHandleType.Pinned);
        return new NativeStorage((byte*)handle.AddrOfPinnedObject(), bytes, fromPool: false) { _pinned = handle };
    }

    internal void Retain()
    {
        if (Interlocked.Increment(ref _references) <= 1)
        {
            throw new ObjectDisposedException(nameof(torch.Tensor), "the memory of this tensor was already released");
        }
    }

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Free();
            GC.SuppressFinalize(this);
        }
    }

    private void Free()
    {
        if (_pointer == null)
        {
            return;
        }
        if (_fromPool)
        {
            BufferPool.Return(_pointer);
        }
        else
        {
            _pinned.Free();
        }
        _pointer = null;
        Interlocked.Decrement(ref _liveCount);
    }
}
