namespace TorchSharp.Kernels;

/// <summary>
/// A matrix B[K, N] stored once in the order in which <see cref="Gemm"/> reads it, for weights that no longer change (a frozen teacher): every
/// product then spares the packing of B. The source may be freed afterwards.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    private float* _data;

    /// <summary>Packs B[K, N]; stored as [N, K] with leading dimension <paramref name="ldb"/> if <paramref name="transB"/>.</summary>
    public PackedMatrix(bool transB, long k, long n, float* b, long ldb)
    {
        K = k;
        N = n;
        _data = BufferPool.RentFloats(Math.Max(1, k * n));
        for (long row = 0; row < k; row++)
            for (long column = 0; column < n; column++)
                _data[row * n + column] = transB ? b[column * ldb + row] : b[row * ldb + column];
    }

    ~PackedMatrix() => Release();

    /// <summary>Rows of B: the length of the inner products.</summary>
    public long K { get; }

    /// <summary>Columns of B.</summary>
    public long N { get; }

    /// <summary>The packed floats.</summary>
    /// <exception cref="ObjectDisposedException">The matrix was disposed.</exception>
    public float* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_data == null, this);
            return _data;
        }
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        BufferPool.Return(_data);
        _data = null;
    }
}
