using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>Rows of a table by index, and the gradient of that.</summary>
internal static unsafe class Embedding
{
    private const long RowGrain = 64;
    private const long ColumnGrain = 64;

    /// <summary>y[i, :] = table[indices[i], :] for i in [0, rows); table: [tableRows, columns].</summary>
    /// <exception cref="IndexOutOfRangeException">An index is outside [0, tableRows).</exception>
    public static void Gather(long rows, long columns, long tableRows, float* table, long* indices, float* y)
    {
        CheckIndices(rows, tableRows, indices);
        WorkerPool.ForRange(rows, RowGrain, (start, end, _) =>
        {
            for (long row = start; row < end; row++)
                Buffer.MemoryCopy(table + indices[row] * columns, y + row * columns, columns * sizeof(float), columns * sizeof(float));
        });
    }

    /// <summary>
    /// dTable[indices[i], :] += dy[i, :], rows in ascending order, so the sum does not depend on threads. Rows whose index is
    /// <paramref name="paddingIndex"/> are left out.
    /// </summary>
    public static void ScatterAdd(long rows, long columns, long tableRows, long* indices, float* dy, float* dTable, long paddingIndex = -1)
    {
        CheckIndices(rows, tableRows, indices);
        WorkerPool.ForRange(columns, ColumnGrain, (start, end, _) =>
        {
            for (long row = 0; row < rows; row++)
            {
                if (indices[row] == paddingIndex)
                    continue;
                float* source = dy + row * columns + start, target = dTable + indices[row] * columns + start;
                switch (Simd.Active)
                {
                    case InstructionSet.Avx512:
                        Add<Simd512, Vector512<float>>(end - start, source, target);
                        break;
                    case InstructionSet.Avx2:
                        Add<Simd256, Vector256<float>>(end - start, source, target);
                        break;
                    case InstructionSet.Portable:
                        Add<Simd128, Vector128<float>>(end - start, source, target);
                        break;
                    default:
                        for (long i = 0; i < end - start; i++)
                            target[i] += source[i];
                        break;
                }
            }
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<S, V>(long count, float* source, float* target) where S : struct, ISimd<V>
    {
        for (long i = 0; i < count; i += S.Count)
        {
            long lanes = count - i;
            VectorMath.Store<S, V>(S.Add(VectorMath.Load<S, V>(target + i, lanes), VectorMath.Load<S, V>(source + i, lanes)), target + i,
                lanes);
        }
    }

    private static void CheckIndices(long rows, long tableRows, long* indices)
    {
        for (long row = 0; row < rows; row++)
            if (indices[row] < 0 || indices[row] >= tableRows)
                throw new IndexOutOfRangeException($"Index {indices[row]} at position {row} is outside the table's rows [0, {tableRows}).");
    }
}
