using System.Runtime.Intrinsics;

namespace WebDistill.Distillation.Kernels;

/// <summary>
/// Where the vectors of one operand lie: element d of row t of head h of batch b is data[b * batchStride + h * headStride + t * rowStride +
/// d].
/// </summary>
internal readonly unsafe struct HeadView(float* data, long batchStride, long headStride, long rowStride)
{
    public readonly float* Data = data;
    public readonly long BatchStride = batchStride, HeadStride = headStride, RowStride = rowStride;

    /// <summary>The vector of one row of one head.</summary>
    public float* Row(long batch, long head, long row) => Data + batch * BatchStride + head * HeadStride + row * RowStride;
}

/// <summary>Sizes and options of an attention.</summary>
internal struct AttentionSettings
{
    public long Batch, Heads, QueryLength, KeyLength, HeadSize;

    /// <summary>Factor on the scores, normally 1 / sqrt(HeadSize).</summary>
    public float Scale;

    /// <summary>Query i sees the keys j &lt;= i + <see cref="CausalOffset"/> only.</summary>
    public bool Causal;

    /// <summary>0 is PyTorch's is_causal; KeyLength - QueryLength when the queries are the last rows of a cache of keys.</summary>
    public long CausalOffset;

    /// <summary>
    /// Dropout on the probabilities; the mask is made from (seed, offset) and the position, the same in forward and backward.
    /// </summary>
    public float DropoutProbability;

    public ulong DropoutSeed, DropoutOffset;

    /// <summary>Keys that query row <paramref name="query"/> may see by causality: [0, result).</summary>
    public readonly long VisibleKeys(long query) => Causal ? Math.Clamp(query + CausalOffset + 1, 0, KeyLength) : KeyLength;
}

/// <summary>
/// Scaled dot-product attention, output = dropout(softmax(scale q kᵀ)) v for every batch and head, without ever holding the scores
/// of more than one block of queries. Backward computes the scores again from the kept log-sum-exp. A query that sees no key has output 0
/// and gradient 0.
/// </summary>
internal static unsafe partial class Attention
{
    /// <summary>output, and unless null logSumExp [Batch, Heads, QueryLength] for backward.</summary>
    public static void Forward(AttentionSettings settings, HeadView query, HeadView key, HeadView value, HeadView output,
        float* logSumExp) =>
        WorkerPool.For(checked((int)(settings.Batch * settings.Heads)), (task, _) =>
        {
            (long batch, long head) = (task / settings.Heads, task % settings.Heads);
            float* lse = logSumExp == null ? null : logSumExp + task * settings.QueryLength;
            switch (Simd.Active)
            {
                case InstructionSet.Avx512:
                    ForwardFast<GemmTile6Wide<Simd512, Vector512<float>>, Simd512, Vector512<float>>(settings, batch, head, query, key, value,
                        output, lse);
                    break;
                case InstructionSet.Avx2:
                    ForwardFast<GemmTile6<Simd256, Vector256<float>>, Simd256, Vector256<float>>(settings, batch, head, query, key, value,
                        output, lse);
                    break;
                case InstructionSet.Portable:
                    ForwardFast<GemmTile8<Simd128, Vector128<float>>, Simd128, Vector128<float>>(settings, batch, head, query, key, value,
                        output, lse);
                    break;
                default:
                    ForwardPlain(settings, batch, head, query, key, value, output, lse);
                    break;
            }
        });

    /// <summary>dQuery, dKey and dValue (overwritten) from dOutput and what forward left.</summary>
    public static void Backward(AttentionSettings settings, HeadView query, HeadView key, HeadView value, HeadView output, float* logSumExp,
        HeadView dOutput, HeadView dQuery, HeadView dKey, HeadView dValue) =>
        WorkerPool.For(checked((int)(settings.Batch * settings.Heads)), (task, _) =>
        {
            (long batch, long head) = (task / settings.Heads, task % settings.Heads);
            float* lse = logSumExp + task * settings.QueryLength;
            switch (Simd.Active)
            {
                case InstructionSet.Avx512:
                    BackwardBlocked<GemmTile6Wide<Simd512, Vector512<float>>, Simd512, Vector512<float>>(
                        settings, batch, head, query, key, value, output, lse, dOutput, dQuery, dKey, dValue);
                    break;
                case InstructionSet.Avx2:
                    BackwardBlocked<GemmTile6<Simd256, Vector256<float>>, Simd256, Vector256<float>>(
                        settings, batch, head, query, key, value, output, lse, dOutput, dQuery, dKey, dValue);
                    break;
                case InstructionSet.Portable:
                    BackwardBlocked<GemmTile8<Simd128, Vector128<float>>, Simd128, Vector128<float>>(
                        settings, batch, head, query, key, value, output, lse, dOutput, dQuery, dKey, dValue);
                    break;
                default:
                    BackwardPlain(settings, batch, head, query, key, value, output, lse, dOutput, dQuery, dKey, dValue);
                    break;
            }
        });

    private static void ForwardPlain(in AttentionSettings settings, long batch, long head, HeadView query, HeadView key, HeadView value,
        HeadView output, float* logSumExp)
    {
        var scores = new double[settings.KeyLength];
        for (long i = 0; i < settings.QueryLength; i++)
        {
            double maximum = double.NegativeInfinity;
            for (long j = 0; j < settings.KeyLength; j++)
            {
                scores[j] = Score(settings, i, j, query.Row(batch, head, i), key.Row(batch, head, j));
                maximum = Math.Max(maximum, scores[j]);
            }
            double sum = 0;
            for (long j = 0; j < settings.KeyLength; j++)
                sum += double.IsNegativeInfinity(maximum) ? 0 : Math.Exp(scores[j] - maximum);
            double lse = sum == 0 ? double.NegativeInfinity : maximum + Math.Log(sum);
            if (logSumExp != null)
                logSumExp[i] = (float)lse;
            float* result = output.Row(batch, head, i);
            for (long d = 0; d < settings.HeadSize; d++)
            {
                double element = 0;
                for (long j = 0; j < settings.KeyLength && sum != 0; j++)
                    element += Math.Exp(scores[j] - lse) * DropoutFactor(settings, batch, head, i, j) * value.Row(batch, head, j)[d];
                result[d] = (float)element;
            }
        }
    }

    private static void BackwardPlain(in AttentionSettings settings, long batch, long head, HeadView query, HeadView key, HeadView value,
        HeadView output, float* logSumExp, HeadView dOutput, HeadView dQuery, HeadView dKey, HeadView dValue)
    {
        Clear(settings.QueryLength, settings.HeadSize, dQuery, batch, head);
        Clear(settings.KeyLength, settings.HeadSize, dKey, batch, head);
        Clear(settings.KeyLength, settings.HeadSize, dValue, batch, head);
        for (long i = 0; i < settings.QueryLength; i++)
        {
            if (float.IsNegativeInfinity(logSumExp[i]))
                continue;
            float* q = query.Row(batch, head, i);
            float* dq = dQuery.Row(batch, head, i);
            float* o = output.Row(batch, head, i);
            float* dOut = dOutput.Row(batch, head, i);
            double delta = Dot(settings.HeadSize, o, dOut);
            for (long j = 0; j < settings.KeyLength; j++)
            {
                float* k = key.Row(batch, head, j);
                float* dk = dKey.Row(batch, head, j);
                float* dv = dValue.Row(batch, head, j);
                double probability = Math.Exp(Score(settings, i, j, q, k) - logSumExp[i]);
                double factor = DropoutFactor(settings, batch, head, i, j);
                double dProbability = factor * Dot(settings.HeadSize, dOut, value.Row(batch, head, j));
                double dScore = probability * (dProbability - delta) * settings.Scale;
                for (long d = 0; d < settings.HeadSize; d++)
                {
                    dv[d] += (float)(probability * factor * dOut[d]);
                    dq[d] += (float)(dScore * k[d]);
                    dk[d] += (float)(dScore * q[d]);
                }
            }
        }
    }

    private static double Score(in AttentionSettings settings, long i, long j, float* query, float* key)
    {
        if (j >= settings.VisibleKeys(i))
            return double.NegativeInfinity;
        return Dot(settings.HeadSize, query, key) * settings.Scale;
    }

    private static double DropoutFactor(in AttentionSettings settings, long batch, long head, long i, long j)
    {
        if (settings.DropoutProbability == 0)
            return 1;
        ulong row = (ulong)((batch * settings.Heads + head) * settings.QueryLength + i);
        (uint w0, uint w1, uint w2, uint w3) =
            Philox.Block(settings.DropoutSeed, settings.DropoutOffset + row * Philox.CountersFor(settings.KeyLength) + (ulong)(j / 4));
        uint word = (j % 4) switch { 0 => w0, 1 => w1, 2 => w2, _ => w3 };
        return word < DropoutMask.Threshold(settings.DropoutProbability) ? 0 : 1.0 / (1 - settings.DropoutProbability);
    }

    private static double Dot(long count, float* a, float* b)
    {
        double sum = 0;
        for (long i = 0; i < count; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }

    private static void Clear(long rows, long columns, HeadView view, long batch, long head)
    {
        for (long row = 0; row < rows; row++)
            new Span<float>(view.Row(batch, head, row), checked((int)columns)).Clear();
    }
}
