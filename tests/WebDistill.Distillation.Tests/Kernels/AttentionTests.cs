using TorchSharp;
using WebDistill.Distillation.Kernels;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Tests.Kernels;

public sealed unsafe class AttentionTests : KernelTests
{
    [Theory, MemberData(nameof(SetNames))]
    public void ForwardAndBackward_LengthsAroundTheTiles_EqualLibtorchIn64Bits(string set)
    {
        foreach ((long length, long size) in new (long, long)[]
        {
            (1, 1), (1, 16), (2, 8), (3, 5), (4, 17), (5, 3), (6, 64), (7, 33), (8, 8), (31, 33), (33, 20), (63, 16), (64, 64), (65, 16), (127, 32), (130, 5),
        })
            foreach (float dropout in new[] { 0, 0.3f })
                Compare(set, length, length, size, dropout);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void ForwardAndBackward_EveryHeadSize_EqualLibtorchIn64Bits(string set)
    {
        for (long size = 1; size <= 70; size++)
            Compare(set, 13, 13, size, 0.1f);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void ForwardAndBackward_QueriesAtTheEndOfTheKeys_EqualLibtorchIn64Bits(string set)
    {
        foreach ((long queries, long keys) in new (long, long)[] { (1, 7), (3, 5), (6, 13), (33, 40), (127, 131) })
            Compare(set, queries, keys, 24, 0.2f);
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Forward_NaNQuery_GivesNaNInItsRowOnly(string set)
    {
        Use(set);
        foreach (long rows in new[] { 3L, 20L })
        {
            var settings = new AttentionSettings { Batch = 1, Heads = 1, QueryLength = rows, KeyLength = rows, HeadSize = 8, Scale = 1 };
            float* q = Random(rows * 8, 1), k = Random(rows * 8, 2), o = Rent(rows * 8), lse = Rent(rows);
            q[8 + 3] = float.NaN;
            HeadView View(float* data) => new(data, 0, 0, 8);
            Attention.Forward(settings, View(q), View(k), View(k), View(o), lse);
            for (long i = 0; i < rows * 8; i++)
                Assert.Equal(i / 8 == 1, float.IsNaN(o[i]));
        }
    }

    [Theory, MemberData(nameof(SetNames))]
    public void ForwardAndBackward_OperandsThatEndWhereMemoryEnds_ReadNothingBeyond(string set)
    {
        if (!OperatingSystem.IsLinux())
            return;   // the guard below is made with Linux's calls
        Use(set);
        foreach ((long length, long size) in new (long, long)[] { (1, 3), (5, 7), (13, 17), (65, 33) })
        {
            long count = length * size;
            using MemoryEdge q = new(count), k = new(count), v = new(count), o = new(count), lse = new(length), dq = new(count), dk = new(count), dv = new(count);
            var settings = new AttentionSettings { Batch = 1, Heads = 1, QueryLength = length, KeyLength = length, HeadSize = size, Scale = 1, Causal = true };
            HeadView View(MemoryEdge edge) => new(edge.Data, count, count, size);
            Attention.Forward(settings, View(q), View(k), View(v), View(o), lse.Data);
            Attention.Backward(settings, View(q), View(k), View(v), View(o), lse.Data, View(o), View(dq), View(dk), View(dv));
            Assert.Equal(1, o.Data[count - 1], 1e-5f);
        }
    }

    [Theory, MemberData(nameof(SetNames))]
    public void Run_WithoutDropout_EqualsTheComposedOne(string set)
    {
        Use(set);
        const long rows = 2, length = 37, heads = 3, width = 24;
        float* data = Random(rows * length * 3 * width, 1), weights = Random(rows * length * width, 2);
        Tensor qkv = Exact(data, rows, length, 3 * width).to(ScalarType.Float32).requires_grad_();
        Tensor exact = Exact(data, rows, length, 3 * width).requires_grad_();
        Tensor actual = CausalAttention.Run(qkv, heads, 0), expected = CausalAttention.Compose(exact, heads, 0);
        (actual * Exact(weights, rows, length, width).to(ScalarType.Float32)).sum().backward();
        (expected * Exact(weights, rows, length, width)).sum().backward();
        AssertClose(expected, actual, 2e-5, "output");
        AssertClose(exact.grad!, qkv.grad!, 2e-5, "gradient");
    }

    [Fact]
    public void Run_SameStateOfTheGenerator_SameDropoutForAnyThreadCount()
    {
        Tensor qkv = Exact(Random(2 * 40 * 48, 1), 2, 40, 48).to(ScalarType.Float32);
        Tensor state = get_rng_state();
        WorkerPool.ThreadCount = 1;
        Tensor first = CausalAttention.Run(qkv, 2, 0.5);
        Tensor other = CausalAttention.Run(qkv, 2, 0.5);
        set_rng_state(state);
        WorkerPool.ThreadCount = 3;
        Assert.True(first.eq(CausalAttention.Run(qkv, 2, 0.5)).all().item<bool>());
        Assert.False(first.eq(other).all().item<bool>());
    }

    /// <summary>Causal attention of the last <paramref name="queries"/> positions, and its gradients, against the formula by libtorch.</summary>
    private void Compare(string set, long queries, long keys, long size, float dropout)
    {
        const long b = 2, h = 2;
        Use(set);
        var settings = new AttentionSettings
        {
            Batch = b, Heads = h, QueryLength = queries, KeyLength = keys, HeadSize = size, Scale = 1 / MathF.Sqrt(size), Causal = true,
            CausalOffset = keys - queries, DropoutProbability = dropout, DropoutSeed = 77, DropoutOffset = 5,
        };
        // Queries, keys and values interleaved in one block of rows, as a fused projection leaves them; results position by position.
        long width = 3 * h * size;
        float* mixed = Random(b * keys * width, 1), weights = Random(b * queries * h * size, 2);
        float* o = Rent(b * queries * h * size), lse = Rent(b * h * queries);
        float* dq = Rent(b * queries * h * size), dk = Rent(b * keys * h * size), dv = Rent(b * keys * h * size);
        HeadView Mixed(long third) => new(mixed + third * h * size, keys * width, size, width);
        HeadView Rows(float* data, long rows) => new(data, rows * h * size, size, h * size);
        Attention.Forward(settings, Mixed(0), Mixed(1), Mixed(2), Rows(o, queries), lse);
        Attention.Backward(settings, Mixed(0), Mixed(1), Mixed(2), Rows(o, queries), lse, Rows(weights, queries), Rows(dq, queries), Rows(dk, keys),
            Rows(dv, keys));

        using DisposeScope scope = NewDisposeScope();
        Tensor all = Exact(mixed, b, keys, 3, h, size);
        Tensor q = all.select(2, 0).narrow(1, 0, queries).clone().requires_grad_();
        Tensor k = all.select(2, 1).clone().requires_grad_(), v = all.select(2, 2).clone().requires_grad_();
        Tensor scores = q.transpose(1, 2).matmul(k.transpose(1, 2).transpose(-2, -1)) * settings.Scale;
        Tensor hidden = ones(queries, keys, dtype: ScalarType.Bool).triu(keys - queries + 1);
        scores = scores.masked_fill(hidden, double.NegativeInfinity);
        Tensor probabilities = scores.softmax(-1) * Kept(settings);
        Tensor expected = probabilities.matmul(v.transpose(1, 2)).transpose(1, 2);
        (expected * Exact(weights, b, queries, h, size)).sum().backward();
        string what = $"{set} of {queries} queries, {keys} keys, size {size}, dropout {dropout}";
        AssertClose(expected, o, 2e-5, "output, " + what);
        AssertClose(scores.logsumexp(-1), lse, 2e-5, "log-sum-exp, " + what);
        AssertClose(q.grad!, dq, 4e-5, "dQuery, " + what);
        AssertClose(k.grad!, dk, 4e-5, "dKey, " + what);
        AssertClose(v.grad!, dv, 4e-5, "dValue, " + what);
    }

    /// <summary>[B, H, queries, keys]: 0 where the generator's word drops the weight, else 1 / (1 - p).</summary>
    private static Tensor Kept(AttentionSettings settings)
    {
        var factors = new double[settings.Batch * settings.Heads * settings.QueryLength * settings.KeyLength];
        for (long i = 0; i < factors.Length; i++)
        {
            (long row, long key) = (i / settings.KeyLength, i % settings.KeyLength);
            var (w0, w1, w2, w3) = Philox.Block(settings.DropoutSeed,
                settings.DropoutOffset + (ulong)row * Philox.CountersFor(settings.KeyLength) + (ulong)(key / 4));
            uint word = new[] { w0, w1, w2, w3 }[key % 4];
            factors[i] = word < DropoutMask.Threshold(settings.DropoutProbability) ? 0 : 1.0 / (1 - settings.DropoutProbability);
        }
        return tensor(factors, [settings.Batch, settings.Heads, settings.QueryLength, settings.KeyLength]);
    }
}
