using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// General matrix product C[M, N] = op(A)[M, K] * op(B)[K, N] (+ C) (+ bias[N]), row-major, float32. op(A) is A stored as [M, K] or,
/// transposed, as [K, M]; op(B) is B stored as [K, N] or, transposed, as [N, K]. The leading dimensions lda, ldb, ldc count floats between
/// stored rows.
/// <para>
/// The blocked form follows Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, 2008): blocks of columns are handed
/// out, each worker packing its own piece of B, and tiles read the rows of A where they lie. A transposed A is packed before, a piece at a
/// time, by all workers together; depth is the outermost loop then, so that the packed piece stays in the caches.
/// </para>
/// <para>Every element of C is summed in one order that depends on the shape alone, so results do not change with the number of
/// threads.</para>
/// </summary>
internal static unsafe class Gemm
{
    /// <summary>Depth of one packed panel: 384 rows of 32 columns fill a first-level cache.</summary>
    private const long LargestDepthStep = 384;

    /// <summary>Depth steps between two packings of A.</summary>
    private const long DepthStepsPerPass = 2;

    /// <summary>Rows of packed A that are used against one packed block of B while both stay in the second-level cache.</summary>
    private const long RowsPerBlock = 128;

    /// <summary>Rows of A packed at once: bounds the scratch memory.</summary>
    private const long RowsPerPass = 3072;

    private const long ColumnsPerTask = 256;
    private const long TasksPerWorker = 2;
    private const long ProductsPerTask = 1 << 15;

    private const int FloatsPerLine = 16;

    /// <summary>A row of zeros as wide as the widest tile: the initial value of a product that adds to nothing.</summary>
    internal static readonly float* Zeros = AlignedMemory.Zeros(64);

    /// <summary>C = op(A) op(B), plus C itself if <paramref name="accumulate"/>, plus bias on each row if not null.</summary>
    public static void Run(bool transA, bool transB, long m, long n, long k, float* a, long lda, float* b, long ldb, float* c, long ldc,
        bool accumulate = false, float* bias = null) =>
        Run(Simd.Active, new Operands(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, accumulate, bias));

    /// <summary>
    /// <paramref name="batch"/> independent products; matrix i of each operand starts stride * i floats after the first. A stride of 0 uses
    /// the same A or B for all; that of C must not be 0.
    /// </summary>
    public static void RunBatched(long batch, bool transA, bool transB, long m, long n, long k, float* a, long lda, long strideA,
        float* b, long ldb, long strideB, float* c, long ldc, long strideC, bool accumulate = false)
    {
        if (batch < WorkerPool.ThreadCount)
        {
            for (long i = 0; i < batch; i++)
                Run(transA, transB, m, n, k, a + i * strideA, lda, b + i * strideB, ldb, c + i * strideC, ldc, accumulate);
            return;
        }
        long grain = Math.Max(1, Math.Min(batch / (TasksPerWorker * WorkerPool.ThreadCount), ProductsPerTask / Math.Max(1, m * n * k)));
        WorkerPool.ForRange(batch, grain, (start, end, _) =>
        {
            for (long i = start; i < end; i++)
                Run(transA, transB, m, n, k, a + i * strideA, lda, b + i * strideB, ldb, c + i * strideC, ldc, accumulate);
        });
    }

    /// <summary>The depth of one packed panel for inner products of length k: equal steps, a multiple of 8.</summary>
    internal static long DepthStep(long k)
    {
        long steps = (k + LargestDepthStep - 1) / LargestDepthStep;
        return (((k + steps - 1) / steps) + 7) / 8 * 8;
    }

    private static void Run(InstructionSet set, Operands operands)
    {
        if (operands.M <= 0 || operands.N <= 0)
            return;
        if (operands.Accumulate && operands.Bias != null)
        {
            for (long row = 0; row < operands.M; row++)
                for (long column = 0; column < operands.N; column++)
                    operands.C[row * operands.Ldc + column] += operands.Bias[column];
            operands = operands with { Bias = null };
        }
        switch (operands.K <= 0 ? InstructionSet.Plain : set)
        {
            case InstructionSet.Avx512:
                RunBlocked<GemmTile6Wide<Simd512, Vector512<float>>>(operands);
                break;
            case InstructionSet.Avx2:
                RunBlocked<GemmTile6<Simd256, Vector256<float>>>(operands);
                break;
            case InstructionSet.Portable:
                RunBlocked<GemmTile8<Simd128, Vector128<float>>>(operands);
                break;
            default:
                RunPlain(operands);
                break;
        }
    }

    private static void RunPlain(Operands o)
    {
        for (long row = 0; row < o.M; row++)
            for (long column = 0; column < o.N; column++)
            {
                float sum = (o.Accumulate ? o.C[row * o.Ldc + column] : 0) + (o.Bias == null ? 0 : o.Bias[column]);
                for (long i = 0; i < o.K; i++)
                    sum += o.A[row * o.RowStrideA + i * o.DepthStrideA]
                        * o.B[column * o.ColumnStrideB + i * o.DepthStrideB];
                o.C[row * o.Ldc + column] = sum;
            }
    }

    private static void RunBlocked<TTile>(Operands o) where TTile : struct, IGemmTile
    {
        long depthStep = DepthStep(o.K);
        if (o.DepthStrideA == 1)
        {
            // The depth of A is contiguous: tiles read its rows where they are, and nothing has to be packed before the columns begin.
            MultiplyPass<TTile>(new Pass(o, 0, o.M, 0, o.K, depthStep, null));
            return;
        }
        long passDepth = Math.Min(o.K, DepthStepsPerPass * depthStep);
        long rowPanels = (Math.Min(o.M, RowsPerPass) + TTile.Rows - 1) / TTile.Rows;
        float* packedA = AlignedMemory.Floats(rowPanels * TTile.Rows * passDepth);
        try
        {
            for (long row = 0; row < o.M; row += rowPanels * TTile.Rows)
            {
                long rows = Math.Min(o.M - row, rowPanels * TTile.Rows);
                for (long depth = 0; depth < o.K; depth += DepthStepsPerPass * depthStep)
                {
                    var pass = new Pass(o, row, rows, depth, Math.Min(o.K, depth + DepthStepsPerPass * depthStep), depthStep, packedA);
                    PackA<TTile>(pass);
                    MultiplyPass<TTile>(pass);
                }
            }
        }
        finally
        {
            AlignedMemory.Free(packedA);
        }
    }

    private static void PackA<TTile>(Pass pass) where TTile : struct, IGemmTile
    {
        long panels = (pass.Rows + TTile.Rows - 1) / TTile.Rows;
        long panelsPerTask = Math.Clamp(panels / (TasksPerWorker * WorkerPool.ThreadCount), 4, 16);
        if (panels * TTile.Rows * (pass.DepthEnd - pass.DepthStart) < ProductsPerTask / 4)
            panelsPerTask = panels;
        WorkerPool.ForRange(panels, panelsPerTask, (start, end, _) =>
        {
            for (long depth = pass.DepthStart; depth < pass.DepthEnd; depth += pass.DepthStep)
                PackRows<TTile>(pass, start, end, depth);
        });
    }

    /// <summary>Packs rows of a transposed A: neighbouring rows lie side by side.</summary>
    private static void PackRows<TTile>(in Pass pass, long firstPanel, long endPanel, long depth) where TTile : struct, IGemmTile
    {
        Operands o = pass.Operands;
        long steps = Math.Min(pass.DepthStep, pass.DepthEnd - depth);
        float* target = pass.PackedRows<TTile>(depth);
        for (long panel = firstPanel; panel < endPanel;)
        {
            long row = panel * TTile.Rows;
            float* source = o.A + pass.RowStart + row + depth * o.DepthStrideA;
            long fullPanels = Math.Min(endPanel - panel, (pass.Rows - row) / TTile.Rows);
            if (fullPanels > 0)
            {
                int together = (int)Math.Min(4, fullPanels);
                GemmPacking.FourPanels(source, o.DepthStrideA, together, TTile.Rows, steps, target + row * steps, TTile.Rows * steps);
                panel += together;
            }
            else
            {
                GemmPacking.Panel(source, 1, o.DepthStrideA, pass.Rows - row, TTile.Rows, steps, target + row * steps);
                panel++;
            }
        }
    }

    private static void MultiplyPass<TTile>(Pass pass) where TTile : struct, IGemmTile
    {
        Operands o = pass.Operands;
        long workers = WorkerPool.ThreadCount;
        long columnPanels = (o.N + TTile.Columns - 1) / TTile.Columns;
        bool small = pass.Rows * o.N * (pass.DepthEnd - pass.DepthStart) < ProductsPerTask;
        long columnTasks = small ? 1 : ColumnTasks(columnPanels, ColumnsPerTask / TTile.Columns, workers);
        // A narrow product has too few column blocks for all workers: its rows are divided as well, and B is packed once for each part.
        long rowsPerBlock = RowsPerBlock / TTile.Rows * TTile.Rows;
        long rowBlocks = small ? 1 : (pass.Rows + rowsPerBlock - 1) / rowsPerBlock;
        long rowTasks = Math.Clamp((2 * workers + columnTasks - 1) / columnTasks, 1, rowBlocks);
        long blocksPerTask = (rowBlocks + rowTasks - 1) / rowTasks;
        rowTasks = (rowBlocks + blocksPerTask - 1) / blocksPerTask;
        WorkerPool.For(checked((int)(columnTasks * rowTasks)), (task, _) =>
        {
            long column = task % columnTasks;
            long firstPanel = column * columnPanels / columnTasks, endPanel = (column + 1) * columnPanels / columnTasks;
            long firstRow = task / columnTasks * blocksPerTask * rowsPerBlock;
            long endRow = small ? pass.Rows : Math.Min(pass.Rows, firstRow + blocksPerTask * rowsPerBlock);
            MultiplyBlock<TTile>(pass, firstPanel, endPanel, firstRow, endRow);
        });
    }

    /// <summary>
    /// Into how many tasks the columns are divided: few and large ones, because each reads all of A, but so that no worker is left with
    /// nothing to do while another has a whole task before it.
    /// </summary>
    internal static long ColumnTasks(long panels, long largestTask, long workers)
    {
        long fewest = Math.Min(panels, Math.Max((panels + largestTask - 1) / largestTask, TasksPerWorker * workers)), best = fewest;
        for (long tasks = fewest; tasks <= Math.Min(panels, fewest + 4 * workers); tasks++)
            if (Longest(tasks) < Longest(best))
                best = tasks;
        return best;

        long Longest(long tasks) => (tasks + workers - 1) / workers * ((panels + tasks - 1) / tasks);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyBlock<TTile>(in Pass pass, long firstPanel, long endPanel, long firstRow, long endRow)
        where TTile : struct, IGemmTile
    {
        Operands o = pass.Operands;
        long rowsPerBlock = RowsPerBlock / TTile.Rows * TTile.Rows;
        float* packedB = AlignedMemory.Floats((endPanel - firstPanel) * TTile.Columns * pass.DepthStep);
        float* edge = pass.IsPacked ? null : AlignedMemory.Floats(TTile.Rows * pass.DepthStep);
        for (long depth = pass.DepthStart; depth < pass.DepthEnd; depth += pass.DepthStep)
        {
            long steps = Math.Min(pass.DepthStep, pass.DepthEnd - depth);
            float* packedA = pass.PackedRows<TTile>(depth);
            bool addToC = depth > 0 || o.Accumulate;
            for (long blockRow = firstRow; blockRow < endRow; blockRow += rowsPerBlock)
            {
                long blockEnd = Math.Min(endRow, blockRow + rowsPerBlock);
                if (!pass.IsPacked && blockEnd % TTile.Rows != 0)
                {
                    // The last rows, fewer than a tile has, are copied: the tile must not read what lies behind the matrix.
                    long row = blockEnd / TTile.Rows * TTile.Rows;
                    GemmPacking.Panel(o.A + row * o.RowStrideA + depth, o.RowStrideA, 1, blockEnd - row, TTile.Rows, steps, edge);
                }
                for (long panel = firstPanel; panel < endPanel; panel++)
                {
                    long column = panel * TTile.Columns;
                    float* panelB = packedB + (panel - firstPanel) * TTile.Columns * steps;
                    if (blockRow == firstRow)
                        GemmPacking.Panel(o.B + column * o.ColumnStrideB + depth * o.DepthStrideB, o.ColumnStrideB, o.DepthStrideB,
                            Math.Min(TTile.Columns, o.N - column), TTile.Columns, steps, panelB);
                    for (long row = blockRow; row < blockEnd; row += TTile.Rows)
                    {
                        if (blockRow == firstRow)
                            PrefetchPanel<TTile>(o, panel + 1 < endPanel ? panel + 1 : firstPanel,
                                panel + 1 < endPanel ? depth : depth + steps, pass, row - firstRow, blockEnd - firstRow);
                        float* c = o.C + (pass.RowStart + row) * o.Ldc + column;
                        float* initial = addToC ? c : o.Bias != null ? o.Bias + column : Zeros;
                        long initialStride = addToC ? o.Ldc : 0;
                        bool wholeRows = row + TTile.Rows <= pass.Rows;
                        if (addToC)
                            PrefetchTile<TTile>(c, o.Ldc);
                        float* rows = pass.IsPacked ? packedA + row * steps : wholeRows ? o.A + row * o.RowStrideA + depth : edge;
                        (long rowStride, long depthStride) = pass.IsPacked || !wholeRows ? (1L, TTile.Rows) : (o.RowStrideA, 1L);
                        if (wholeRows && column + TTile.Columns <= o.N)
                            TTile.Multiply(steps, rows, rowStride, depthStride, panelB, c, o.Ldc, initial, initialStride);
                        else
                            MultiplyEdge<TTile>(steps, rows, rowStride, depthStride, panelB, c, o.Ldc, initial, initialStride,
                                Math.Min(TTile.Rows, pass.Rows - row), Math.Min(TTile.Columns, o.N - column));
                    }
                }
            }
        }
        AlignedMemory.Free(packedB);
        AlignedMemory.Free(edge);
    }

    /// <summary>Asks for a tile of C that will be added to: it is wanted when its sums are done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchTile<TTile>(float* c, long ldc) where TTile : struct, IGemmTile
    {
        if (!Sse.IsSupported)
            return;
        for (int row = 0; row < TTile.Rows; row++)
            for (int column = 0; column < TTile.Columns; column += FloatsPerLine)
                Sse.Prefetch0(c + row * ldc + column);
    }

    /// <summary>
    /// Asks for the part of B that is packed next, a share of it with each row of tiles, so that packing finds it in the second-level cache.
    /// </summary>
    /// <param name="done">Rows of this block before the tile; of <paramref name="rows"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PrefetchPanel<TTile>(in Operands o, long panel, long depth, in Pass pass, long done, long rows)
        where TTile : struct, IGemmTile
    {
        if (!Sse.IsSupported || depth >= pass.DepthEnd)
            return;
        long steps = Math.Min(pass.DepthStep, pass.DepthEnd - depth);
        long columns = Math.Min(TTile.Columns, o.N - panel * TTile.Columns);
        (long outer, long inner) = o.ColumnStrideB == 1 ? (steps, columns) : (columns, steps);
        long outerStride = o.ColumnStrideB == 1 ? o.DepthStrideB : o.ColumnStrideB;
        float* source = o.B + panel * TTile.Columns * o.ColumnStrideB + depth * o.DepthStrideB;
        long end = outer * (done + TTile.Rows) / rows;
        for (long i = outer * done / rows; i < Math.Min(outer, end); i++)
            for (long j = 0; j < inner; j += FloatsPerLine)
                Sse.Prefetch1(source + i * outerStride + j);
    }

    /// <summary>A tile that reaches over the edge of C: computed beside it, then the part inside is copied.</summary>
    [SkipLocalsInit]
    private static void MultiplyEdge<TTile>(long depth, float* a, long rowStrideA, long depthStrideA, float* b, float* c, long ldc,
        float* initial, long initialStride, long rows, long columns) where TTile : struct, IGemmTile
    {
        float* tile = stackalloc float[TTile.Rows * TTile.Columns];
        TTile.Multiply(depth, a, rowStrideA, depthStrideA, b, tile, TTile.Columns, Zeros, 0);
        for (long i = 0; i < rows; i++)
            for (long j = 0; j < columns; j++)
                c[i * ldc + j] = initial[i * initialStride + j] + tile[i * TTile.Columns + j];
    }

    /// <summary>A piece of the product: all columns, some rows, some depth.</summary>
    private readonly struct Pass(Operands operands, long rowStart, long rows, long depthStart, long depthEnd, long depthStep,
        float* packedA)
    {
        public readonly Operands Operands = operands;
        public readonly long RowStart = rowStart, Rows = rows, DepthStart = depthStart, DepthEnd = depthEnd, DepthStep = depthStep;
        private readonly float* _packedA = packedA;

        /// <summary>Whether A was packed; otherwise the depth of A is contiguous and the pass has all rows and all depth.</summary>
        public bool IsPacked => _packedA != null;

        /// <summary>The packed panels of A for the depth step that starts at <paramref name="depth"/>.</summary>
        public float* PackedRows<TTile>(long depth) where TTile : struct, IGemmTile =>
            _packedA + (depth - DepthStart) * ((Rows + TTile.Rows - 1) / TTile.Rows * TTile.Rows);
    }

    /// <summary>The operands of one product, with strides in place of the transposition flags.</summary>
    internal readonly struct Operands
    {
        public readonly long M, N, K, RowStrideA, DepthStrideA, ColumnStrideB, DepthStrideB, Ldc;
        public readonly float* A, B, C;
        public readonly bool Accumulate;

        public Operands(bool transA, bool transB, long m, long n, long k, float* a, long lda, float* b, long ldb, float* c,
            long ldc, bool accumulate, float* bias)
        {
            (M, N, K, Ldc, Accumulate) = (m, n, k, ldc, accumulate);
            A = a;
            B = b;
            C = c;
            Bias = bias;
            (RowStrideA, DepthStrideA) = transA ? (1L, lda) : (lda, 1L);
            (ColumnStrideB, DepthStrideB) = transB ? (ldb, 1L) : (1L, ldb);
        }

        public float* Bias { get; init; }
    }
}
