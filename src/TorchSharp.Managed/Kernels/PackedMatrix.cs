using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// A matrix B[K, N] stored once in the order in which <see cref="Gemm"/> reads it, for weights that no longer change (a frozen teacher):
/// every product then spares the packing of B. The source may be freed afterwards.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    private float* _data;

    /// <summary>Packs B[K, N]; stored as [N, K] with leading dimension <paramref name="ldb"/> if <paramref name="transB"/>.</summary>
    public PackedMatrix(bool transB, long k, long n, float* b, long ldb)
    {
        (K, N, InstructionSet) = (k, n, Simd.Active);
        PanelColumns = InstructionSet switch
        {
            InstructionSet.Avx512 => GemmTile8<Simd512, Vector512<float>>.Columns,
            InstructionSet.Avx2 => GemmTile6<Simd256, Vector256<float>>.Columns,
            InstructionSet.Portable => GemmTile8<Simd128, Vector128<float>>.Columns,
            _ => checked((int)n),
        };
        long panels = (n + PanelColumns - 1) / Math.Max(1, PanelColumns);
        DepthStep = InstructionSet == InstructionSet.Plain || k == 0 ? Math.Max(1, k) : Gemm.DepthStep(k);
        float* data = _data = BufferPool.RentFloats(Math.Max(1, k * panels * PanelColumns));
        (long columnStride, long depthStride) = transB ? (ldb, 1L) : (1L, ldb);
        int width = PanelColumns;
        long depthStep = DepthStep;
        WorkerPool.For(checked((int)panels), (panel, _) =>
        {
            for (long depth = 0; depth < k; depth += depthStep)
            {
                long steps = Math.Min(depthStep, k - depth);
                GemmPacking.Panel(b + (long)panel * width * columnStride + depth * depthStride, columnStride, depthStride,
                    Math.Min(width, n - (long)panel * width), width, steps, data + depth * panels * width + (long)panel * width * steps);
            }
        });
    }

    ~PackedMatrix() => Release();

    /// <summary>Rows of B: the length of the inner products.</summary>
    public long K { get; }

    /// <summary>Columns of B.</summary>
    public long N { get; }

    /// <summary>The form of the product that this packing is for.</summary>
    public InstructionSet InstructionSet { get; }

    /// <summary>Columns of one panel.</summary>
    public int PanelColumns { get; }

    /// <summary>Rows of one panel; the last may have fewer.</summary>
    public long DepthStep { get; }

    /// <summary>
    /// For each depth step its panels, one after another: element (k, j) of B lies at [start * paddedN + j / width * width * steps
    /// + (k - start) * width + j mod width], start being the first row of the step and steps its rows.
    /// </summary>
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
