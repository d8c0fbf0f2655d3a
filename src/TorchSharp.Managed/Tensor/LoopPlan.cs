using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>The innermost loop of an element-wise operation over up to four operands; strides in bytes.</summary>
internal unsafe interface IInnerLoop
{
    static abstract void Run(byte* o, byte* a, byte* b, byte* c, long count, long so, long sa, long sb, long sc);
}

/// <summary>
/// Walks an output and up to three broadcast operands together. Dimensions are ordered by the output's strides and merged where every
/// operand allows it, so that contiguous data is one long loop whatever its shape; long loops are cut into fixed ranges for the worker
/// pool.
/// </summary>
internal sealed unsafe class LoopPlan
{
    private const int Operands = 4;
    private const long ElementsPerRange = 16384;

    private readonly long[] _sizes;
    private readonly long[][] _strides;
    private readonly int _rank;

    internal LoopPlan(torch.Tensor output, torch.Tensor? a, torch.Tensor? b = null, torch.Tensor? c = null)
    {
        long[] shape = output.ShapeArray;
        int rank = shape.Length;
        _sizes = (long[])shape.Clone();
        _strides = [ByteStrides(output, shape), ByteStrides(a, shape), ByteStrides(b, shape), ByteStrides(c, shape)];
        SortByOutputStride(rank);
        _rank = Merge(rank);
        Data = [(nint)output.Data, Address(a), Address(b), Address(c)];
        Count = output.ElementCount;
    }

    internal nint[] Data { get; }
    internal long Count { get; }

    /// <summary>True when output and operands are one run of memory each (or a single repeated element).</summary>
    internal bool IsLinear => _rank <= 1;

    private static nint Address(torch.Tensor? tensor) => tensor is null ? 0 : (nint)tensor.Data;

    private static long[] ByteStrides(torch.Tensor? tensor, long[] shape)
    {
        if (tensor is null)
        {
            return new long[shape.Length];
        }
        long[] strides = Shapes.BroadcastStrides(tensor.ShapeArray, tensor.StrideArray, shape);
        int size = ScalarTypes.Size(tensor.dtype);
        for (int i = 0; i < strides.Length; i++)
        {
            strides[i] *= size;
        }
        return strides;
    }

    private void SortByOutputStride(int rank)
    {
        for (int i = 1; i < rank; i++)
        {
            for (int j = i; j > 0 && _strides[0][j - 1] < _strides[0][j]; j--)
            {
                (_sizes[j - 1], _sizes[j]) = (_sizes[j], _sizes[j - 1]);
                foreach (long[] strides in _strides)
                {
                    (strides[j - 1], strides[j]) = (strides[j], strides[j - 1]);
                }
            }
        }
    }

    private int Merge(int rank)
    {
        int kept = 0;
        for (int i = 0; i < rank; i++)
        {
            if (_sizes[i] == 1)
            {
                continue;
            }
            bool joins = kept > 0;
            for (int operand = 0; joins && operand < Operands; operand++)
            {
                joins = _strides[operand][kept - 1] == _strides[operand][i] * _sizes[i];
            }
            int target = joins ? kept - 1 : kept;
            _sizes[target] = joins ? _sizes[target] * _sizes[i] : _sizes[i];
            foreach (long[] strides in _strides)
            {
                strides[target] = strides[i];
            }
            kept = target + 1;
        }
        return kept;
    }

    internal void Run<TLoop>() where TLoop : struct, IInnerLoop
    {
        if (Count == 0)
        {
            return;
        }
        if (_rank == 0)
        {
            TLoop.Run((byte*)Data[0], (byte*)Data[1], (byte*)Data[2], (byte*)Data[3], 1, 0, 0, 0, 0);
            return;
        }
        long inner = _sizes[_rank - 1];
        long rows = Count / inner;
        if (rows == 1)
        {
            WorkerPool.ForRange(inner, ElementsPerRange, (start, end, _) => RunRow<TLoop>(start, end - start, 0, 0, 0, 0));
        }
        else
        {
            WorkerPool.ForRange(rows, Math.Max(1, ElementsPerRange / inner), (start, end, _) => RunRows<TLoop>(start, end, inner));
        }
    }

    private void RunRow<TLoop>(long start, long count, long offset0, long offset1, long offset2, long offset3)
        where TLoop : struct, IInnerLoop
    {
        long s0 = _strides[0][_rank - 1], s1 = _strides[1][_rank - 1], s2 = _strides[2][_rank - 1], s3 = _strides[3][_rank - 1];
        TLoop.Run((byte*)Data[0] + offset0 + start * s0, (byte*)Data[1] + offset1 + start * s1, (byte*)Data[2] + offset2 + start * s2,
            (byte*)Data[3] + offset3 + start * s3, count, s0, s1, s2, s3);
    }

    private void RunRows<TLoop>(long start, long end, long inner) where TLoop : struct, IInnerLoop
    {
        int outer = _rank - 1;
        Span<long> position = stackalloc long[outer];
        Span<long> offset = stackalloc long[Operands];
        offset.Clear();
        long remaining = start;
        for (int i = outer - 1; i >= 0; i--)
        {
            position[i] = remaining % _sizes[i];
            remaining /= _sizes[i];
            for (int operand = 0; operand < Operands; operand++)
            {
                offset[operand] += position[i] * _strides[operand][i];
            }
        }
        for (long row = start; row < end; row++)
        {
            RunRow<TLoop>(0, inner, offset[0], offset[1], offset[2], offset[3]);
            for (int i = outer - 1; i >= 0; i--)
            {
                bool carries = ++position[i] == _sizes[i];
                long steps = carries ? 1 - _sizes[i] : 1;
                for (int operand = 0; operand < Operands; operand++)
                {
                    offset[operand] += steps * _strides[operand][i];
                }
                if (!carries)
                {
                    break;
                }
                position[i] = 0;
            }
        }
    }
}
