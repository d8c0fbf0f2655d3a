using System.Numerics;
using System.Runtime.CompilerServices;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// The blocked form: one worker takes one head, packs its keys and values once, and goes through the queries in blocks whose scores fit the
/// second-level cache. Scores beyond the visible keys are 0 up to the edge of the last tile.
/// </summary>
internal static unsafe partial class Attention
{
    private const long QueriesPerBlock = 64;

    /// <summary>Up to this many queries a head is bound by reading its keys and values once: they are not packed.</summary>
    private const long LargestUnpackedQueries = 4;

    /// <summary>Added to the length of a row of scores: rows a power of two apart would fall onto the same cache sets.</summary>
    private const long ScoreRowPadding = 16;

    private static void ForwardFast<TTile, S, V>(in AttentionSettings settings, long batch, long head, HeadView query, HeadView key,
        HeadView value, HeadView output, float* logSumExp) where TTile : struct, IGemmTile where S : struct, ISimd<V>
    {
        if (settings.QueryLength <= LargestUnpackedQueries)
            ForwardUnpacked<S, V>(settings, batch, head, query, key, value, output, logSumExp);
        else
            ForwardBlocked<TTile, S, V>(settings, batch, head, query, key, value, output, logSumExp);
    }

    private static void ForwardBlocked<TTile, S, V>(in AttentionSettings settings, long batch, long head, HeadView query, HeadView key,
        HeadView value, HeadView output, float* logSumExp) where TTile : struct, IGemmTile where S : struct, ISimd<V>
    {
        (long keys, long size) = (settings.KeyLength, settings.HeadSize);
        long block = QueriesPerBlock / TTile.Rows * TTile.Rows;
        long paddedKeys = PackedProduct.RoundUp(keys, TTile.Columns), paddedSize = PackedProduct.RoundUp(size, TTile.Columns);
        long scoreStride = paddedKeys + ScoreRowPadding;
        using var scratch = new Scratch(paddedKeys * size + keys * paddedSize + block * (scoreStride + paddedSize) + paddedKeys);
        float* keyColumns = scratch.Take(paddedKeys * size), valueColumns = scratch.Take(keys * paddedSize);
        float* scores = scratch.Take(block * scoreStride), result = scratch.Take(block * paddedSize);
        float* dropoutRow = settings.DropoutProbability == 0 ? null : scratch.Take(paddedKeys);
        float* inverseSums = stackalloc float[(int)QueriesPerBlock];
        PackedProduct.PackColumns<TTile>(key.Row(batch, head, 0), key.RowStride, 1, keys, size, keyColumns);
        PackedProduct.PackColumns<TTile>(value.Row(batch, head, 0), 1, value.RowStride, size, keys, valueColumns);
        for (long first = 0; first < settings.QueryLength; first += block)
        {
            long rows = Math.Min(block, settings.QueryLength - first);
            long visible = settings.VisibleKeys(first + rows - 1);
            long rowPanels = (rows + TTile.Rows - 1) / TTile.Rows, keyPanels = (visible + TTile.Columns - 1) / TTile.Columns;
            PackedProduct.Multiply<TTile>(rowPanels, keyPanels, size, query.Row(batch, head, first), query.RowStride, 1, rows, keyColumns,
                size * TTile.Columns, scores, scoreStride);
            for (long row = 0; row < rows; row++)
            {
                float* rowScores = scores + row * scoreStride;
                long count = settings.VisibleKeys(first + row);
                (float lse, inverseSums[row]) = SoftmaxRow<S, V>(settings, batch, head, first + row, count, keyPanels * TTile.Columns,
                    rowScores, dropoutRow);
                if (logSumExp != null)
                    logSumExp[first + row] = lse;
            }
            PackedProduct.Multiply<TTile>(rowPanels, paddedSize / TTile.Columns, visible, scores, scoreStride, 1, block, valueColumns,
                keys * TTile.Columns, result, paddedSize);
            for (long row = 0; row < rows; row++)
                ScaledCopy<S, V>(size, result + row * paddedSize, inverseSums[row], output.Row(batch, head, first + row));
        }
    }

    private static void ForwardUnpacked<S, V>(in AttentionSettings settings, long batch, long head, HeadView query, HeadView key,
        HeadView value, HeadView output, float* logSumExp) where S : struct, ISimd<V>
    {
        (long keys, long size) = (settings.KeyLength, settings.HeadSize);
        using var scratch = new Scratch(2 * keys + 3);
        float* scores = scratch.Take(keys);
        float* dropoutRow = settings.DropoutProbability == 0 ? null : scratch.Take(keys + 3);
        for (long row = 0; row < settings.QueryLength; row++)
        {
            long visible = settings.VisibleKeys(row);
            DotRows<S, V>(visible, size, query.Row(batch, head, row), key.Row(batch, head, 0), key.RowStride, scores);
            (float lse, float inverseSum) = SoftmaxRow<S, V>(settings, batch, head, row, visible, visible, scores, dropoutRow);
            if (logSumExp != null)
                logSumExp[row] = lse;
            WeightedSum<S, V>(visible, size, scores, inverseSum, value.Row(batch, head, 0), value.RowStride, output.Row(batch, head, row));
        }
    }

    private static void BackwardBlocked<TTile, S, V>(in AttentionSettings settings, long batch, long head, HeadView query, HeadView key,
        HeadView value, HeadView output, float* logSumExp, HeadView dOutput, HeadView dQuery, HeadView dKey, HeadView dValue)
        where TTile : struct, IGemmTile where S : struct, ISimd<V>
    {
        (long keys, long size) = (settings.KeyLength, settings.HeadSize);
        long block = QueriesPerBlock / TTile.Rows * TTile.Rows;
        long paddedKeys = PackedProduct.RoundUp(keys, TTile.Columns), paddedSize = PackedProduct.RoundUp(size, TTile.Columns);
        long keyRows = PackedProduct.RoundUp(keys, TTile.Rows), scoreStride = paddedKeys + ScoreRowPadding;
        using var scratch = new Scratch(2 * paddedKeys * size + keys * paddedSize + 2 * keyRows * paddedSize + 2 * block * scoreStride
            + 3 * block * paddedSize + paddedKeys);
        float* keyColumns = scratch.Take(paddedKeys * size), valueColumns = scratch.Take(paddedKeys * size),
            keyDepth = scratch.Take(keys * paddedSize);
        float* keyGradient = scratch.Take(keyRows * paddedSize), valueGradient = scratch.Take(keyRows * paddedSize);
        float* probabilities = scratch.Take(block * scoreStride), dScores = scratch.Take(block * scoreStride);
        float* queryDepth = scratch.Take(block * paddedSize), dOutputDepth = scratch.Take(block * paddedSize),
            result = scratch.Take(block * paddedSize);
        float* dropoutRow = settings.DropoutProbability == 0 ? null : scratch.Take(paddedKeys);
        PackedProduct.PackColumns<TTile>(key.Row(batch, head, 0), key.RowStride, 1, keys, size, keyColumns);
        PackedProduct.PackColumns<TTile>(value.Row(batch, head, 0), value.RowStride, 1, keys, size, valueColumns);
        PackedProduct.PackColumns<TTile>(key.Row(batch, head, 0), 1, key.RowStride, size, keys, keyDepth);
        new Span<float>(keyGradient, checked((int)(keyRows * paddedSize))).Clear();
        new Span<float>(valueGradient, checked((int)(keyRows * paddedSize))).Clear();
        for (long first = 0; first < settings.QueryLength; first += block)
        {
            long rows = Math.Min(block, settings.QueryLength - first);
            long visible = settings.VisibleKeys(first + rows - 1);
            long rowPanels = (rows + TTile.Rows - 1) / TTile.Rows, keyPanels = (visible + TTile.Columns - 1) / TTile.Columns;
            long sizePanels = paddedSize / TTile.Columns, visibleRowPanels = (visible + TTile.Rows - 1) / TTile.Rows;
            float* queryBlock = query.Row(batch, head, first), dOutputBlock = dOutput.Row(batch, head, first);
            PackedProduct.Multiply<TTile>(rowPanels, keyPanels, size, queryBlock, query.RowStride, 1, rows, keyColumns,
                size * TTile.Columns, probabilities, scoreStride);
            PackedProduct.Multiply<TTile>(rowPanels, keyPanels, size, dOutputBlock, dOutput.RowStride, 1, rows, valueColumns,
                size * TTile.Columns, dScores, scoreStride);
            for (long row = 0; row < rows; row++)
            {
                float delta = (float)VectorMath.Dot<S, V>(size, output.Row(batch, head, first + row),
                    dOutput.Row(batch, head, first + row));
                GradientRow<S, V>(settings, batch, head, first + row, settings.VisibleKeys(first + row), keyPanels * TTile.Columns,
                    probabilities + row * scoreStride, dScores + row * scoreStride, logSumExp[first + row], delta, dropoutRow);
            }
            PackedProduct.Multiply<TTile>(rowPanels, sizePanels, visible, dScores, scoreStride, 1, block, keyDepth, keys * TTile.Columns,
                result, paddedSize);
            for (long row = 0; row < rows; row++)
                ScaledCopy<S, V>(size, result + row * paddedSize, 1, dQuery.Row(batch, head, first + row));
            PackedProduct.PackColumns<TTile>(dOutputBlock, 1, dOutput.RowStride, size, rows, dOutputDepth);
            PackedProduct.PackColumns<TTile>(queryBlock, 1, query.RowStride, size, rows, queryDepth);
            // Transposed where they lie; keys beyond the visible ones, up to the edge of the last tile, have weight 0.
            PackedProduct.Multiply<TTile>(visibleRowPanels, sizePanels, rows, probabilities, 1, scoreStride, keyPanels * TTile.Columns,
                dOutputDepth, rows * TTile.Columns, valueGradient, paddedSize, accumulate: true);
            PackedProduct.Multiply<TTile>(visibleRowPanels, sizePanels, rows, dScores, 1, scoreStride, keyPanels * TTile.Columns,
                queryDepth, rows * TTile.Columns, keyGradient, paddedSize, accumulate: true);
        }
        for (long row = 0; row < keys; row++)
        {
            ScaledCopy<S, V>(size, keyGradient + row * paddedSize, 1, dKey.Row(batch, head, row));
            ScaledCopy<S, V>(size, valueGradient + row * paddedSize, 1, dValue.Row(batch, head, row));
        }
    }

    /// <summary>
    /// Raw products of one query to probabilities before division by their sum, dropout applied, 0 from <paramref name="count"/> to
    /// <paramref name="paddedCount"/>; the log-sum-exp, and 1 / sum.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float LogSumExp, float InverseSum) SoftmaxRow<S, V>(in AttentionSettings settings, long batch, long head, long query,
        long count, long paddedCount, float* scores, float* dropoutRow) where S : struct, ISimd<V>
    {
        // With a positive scale the largest product is the largest score, and the scale is applied with the exponential.
        V scale = S.Create(settings.Scale);
        float maximum = VectorMath.Maximum<S, V>(count, scores);
        if (float.IsNegativeInfinity(maximum) && !HasNaN(count, scores))
        {
            for (long j = 0; j < paddedCount; j++)
                scores[j] = 0;
            return (float.NegativeInfinity, 0);
        }
        if (dropoutRow != null)
            FillDropout(settings, batch, head, query, count, dropoutRow);
        V shiftedBy = S.Create(maximum), sum = S.Zero;
        for (long j = 0; j < count; j += S.Count)
        {
            long lanes = count - j;
            V shifted = S.Subtract(VectorMath.Load<S, V>(scores + j, lanes, float.NegativeInfinity), shiftedBy);
            V power = VectorMath.Exp<S, V>(S.Multiply(shifted, scale));
            sum = S.Add(sum, power);
            if (dropoutRow != null)
                power = S.Multiply(power, VectorMath.Load<S, V>(dropoutRow + j, lanes));
            VectorMath.Store<S, V>(power, scores + j, lanes);
        }
        for (long j = count; j < paddedCount; j++)
            scores[j] = 0;
        double total = S.SumInDouble(sum);
        return ((float)(maximum * settings.Scale + Math.Log(total)), (float)(1 / total));
    }

    /// <summary>
    /// For one query: raw products to dropped-out probabilities, and the products of dOutput with the values to the gradient of the raw
    /// products.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void GradientRow<S, V>(in AttentionSettings settings, long batch, long head, long query, long count, long paddedCount,
        float* probabilities, float* dScores, float logSumExp, float delta, float* dropoutRow) where S : struct, ISimd<V>
    {
        if (float.IsNegativeInfinity(logSumExp))
            count = 0;
        if (dropoutRow != null)
            FillDropout(settings, batch, head, query, count, dropoutRow);
        V scale = S.Create(settings.Scale), lse = S.Create(logSumExp), deltas = S.Create(delta);
        for (long j = 0; j < count; j += S.Count)
        {
            long lanes = count - j;
            V score = S.MultiplyAdd(VectorMath.Load<S, V>(probabilities + j, lanes), scale, S.Subtract(S.Zero, lse));
            V probability = VectorMath.Exp<S, V>(score);
            V dropped = probability, gradient = VectorMath.Load<S, V>(dScores + j, lanes);
            if (dropoutRow != null)
            {
                V factor = VectorMath.Load<S, V>(dropoutRow + j, lanes);
                dropped = S.Multiply(probability, factor);
                gradient = S.Multiply(gradient, factor);
            }
            VectorMath.Store<S, V>(dropped, probabilities + j, lanes);
            VectorMath.Store<S, V>(S.Multiply(S.Multiply(probability, S.Subtract(gradient, deltas)), scale), dScores + j, lanes);
        }
        for (long j = count; j < paddedCount; j++)
            probabilities[j] = dScores[j] = 0;
    }

    /// <summary>0 or 1 / (1 - p) for each key of one query, as in <see cref="DropoutFactor"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FillDropout(in AttentionSettings settings, long batch, long head, long query, long count, float* row)
    {
        uint threshold = DropoutMask.Threshold(settings.DropoutProbability);
        float scale = 1 / (1 - settings.DropoutProbability);
        ulong queryRow = (ulong)((batch * settings.Heads + head) * settings.QueryLength + query);
        ulong counter = settings.DropoutOffset + queryRow * Philox.CountersFor(settings.KeyLength);
        long counters = (long)Philox.CountersFor(count);
        var words = (uint*)row;
        // The words are made in the row itself, which has room for whole counters, and then replaced.
        Philox.Words(settings.DropoutSeed, counter, counters, words);
        long done = 0;
        var limit = new Vector<uint>(threshold);
        var kept = new Vector<float>(scale);
        for (; done + Vector<uint>.Count <= count; done += Vector<uint>.Count)
        {
            Vector<float> dropped = Vector.As<uint, float>(Vector.LessThan(Vector.Load(words + done), limit));
            Vector.Store(Vector.ConditionalSelect(dropped, Vector<float>.Zero, kept), row + done);
        }
        for (; done < count; done++)
            row[done] = words[done] < threshold ? 0 : scale;
    }

    private static bool HasNaN(long count, float* x)
    {
        for (long i = 0; i < count; i++)
            if (float.IsNaN(x[i]))
                return true;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScaledCopy<S, V>(long count, float* source, float factor, float* target) where S : struct, ISimd<V>
    {
        V scale = S.Create(factor);
        for (long i = 0; i < count; i += S.Count)
            VectorMath.Store<S, V>(S.Multiply(VectorMath.Load<S, V>(source + i, count - i), scale), target + i, count - i);
    }

    /// <summary>results[j] = vector · row j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotRows<S, V>(long rows, long count, float* vector, float* matrix, long rowStride, float* results)
        where S : struct, ISimd<V>
    {
        for (long row = 0; row < rows; row++, matrix += rowStride)
        {
            V sum = S.Zero;
            for (long i = 0; i < count; i += S.Count)
                sum = S.MultiplyAdd(VectorMath.Load<S, V>(vector + i, count - i), VectorMath.Load<S, V>(matrix + i, count - i), sum);
            results[row] = S.Sum(sum);
        }
    }

    /// <summary>result = factor * sum over rows of weights[row] * row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeightedSum<S, V>(long rows, long count, float* weights, float factor, float* matrix, long rowStride, float* result)
        where S : struct, ISimd<V>
    {
        V scale = S.Create(factor);
        for (long i = 0; i < count; i += S.Count)
        {
            V even = S.Zero, odd = S.Zero;
            long row = 0;
            for (; row + 2 <= rows; row += 2)
            {
                even = S.MultiplyAdd(S.Create(weights[row]), VectorMath.Load<S, V>(matrix + row * rowStride + i, count - i), even);
                odd = S.MultiplyAdd(S.Create(weights[row + 1]), VectorMath.Load<S, V>(matrix + (row + 1) * rowStride + i, count - i), odd);
            }
            if (row < rows)
                even = S.MultiplyAdd(S.Create(weights[row]), VectorMath.Load<S, V>(matrix + row * rowStride + i, count - i), even);
            VectorMath.Store<S, V>(S.Multiply(S.Add(even, odd), scale), result + i, count - i);
        }
    }

    /// <summary>One block, handed out piece by piece on cache-line boundaries.</summary>
    private ref struct Scratch : IDisposable
    {
        private const long FloatsPerLine = 16;
        private const long LargestPieceCount = 16;

        private readonly float* _block;
        private readonly long _length;
        private long _taken;

        public Scratch(long floats)
        {
            _length = floats + LargestPieceCount * FloatsPerLine;
            _block = AlignedMemory.Floats(_length);
        }

        public float* Take(long floats)
        {
            float* piece = _block + _taken;
            _taken += PackedProduct.RoundUp(floats, FloatsPerLine);
            return _taken <= _length ? piece
                : throw new InvalidOperationException($"Scratch of {_length} floats is too small for {_taken}.");
        }

        public readonly void Dispose() => AlignedMemory.Free(_block);
    }
}
