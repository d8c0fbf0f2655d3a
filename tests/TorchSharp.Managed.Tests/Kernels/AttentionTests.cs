using TorchSharp.Kernels;

namespace TorchSharp.Managed.Tests.Kernels;

public sealed unsafe class AttentionTests : KernelTests
{
    [Theory, MemberData(nameof(FastSetNames))]
    public void ForwardAndBackward_EveryLengthAndHeadSize_EqualsPlain(string set)
    {
        foreach ((long queries, long keys, long size) in new (long, long, long)[]
        {
            (1, 1, 1), (1, 7, 16), (3, 5, 8), (4, 4, 17), (5, 5, 3), (6, 13, 64), (8, 8, 8), (31, 31, 33), (33, 40, 20), (64, 64, 64),
                (65, 65, 16), (127, 131, 32), (130, 130, 5),
        })
            foreach (bool causal in new[] { false, true })
                Compare(set, new AttentionSettings { Batch = 2, Heads = 2, QueryLength = queries, KeyLength = keys, HeadSize = size,
                    Causal = causal, CausalOffset = keys - queries });
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void ForwardAndBackward_Masks_EqualsPlain(string set)
    {
        const long batch = 2, heads = 2, queries = 21, keys = 37;
        float* additive = Random(batch * queries * keys, 9);
        byte* allowed = (byte*)Indices(batch * keys, 256, 10);
        for (long i = 0; i < batch * keys; i++)
            allowed[i] = (byte)(i % 3 == 0 ? 0 : 1);
        for (long i = 0; i < keys; i++)
            additive[i] = float.NegativeInfinity;
        foreach (bool causal in new[] { false, true })
        {
            var settings = new AttentionSettings { Batch = batch, Heads = heads, QueryLength = queries, KeyLength = keys, HeadSize = 24,
                Causal = causal };
            Compare(set, settings with { Mask = new AttentionMask(additive, null, queries * keys, 0, keys, 1) });
            Compare(set, settings with { Mask = new AttentionMask(null, allowed, keys, 0, 0, 1) });
        }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void ForwardAndBackward_Dropout_EqualsPlain(string set)
    {
        foreach (long queries in new[] { 2L, 70L })
            Compare(set, new AttentionSettings
            {
                Batch = 2, Heads = 3, QueryLength = queries, KeyLength = 70, HeadSize = 16, Causal = true, CausalOffset = 70 - queries,
                DropoutProbability = 0.3f, DropoutSeed = 77, DropoutOffset = 5,
            });
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Backward_AgreesWithFiniteDifferences(string set)
    {
        Use(set);
        var settings = new AttentionSettings { Batch = 1, Heads = 1, QueryLength = 6, KeyLength = 6, HeadSize = 4, Scale = 0.5f,
            Causal = true };
        const long count = 6 * 4;
        float* q = Random(count, 1), k = Random(count, 2), v = Random(count, 3), weights = Random(count, 4);
        float* o = Rent(count), lse = Rent(6), dq = Rent(count), dk = Rent(count), dv = Rent(count);
        HeadView View(float* data) => new(data, count, count, 4);
        Attention.Forward(settings, View(q), View(k), View(v), View(o), lse);
        Attention.Backward(settings, View(q), View(k), View(v), View(o), lse, View(weights), View(dq), View(dk), View(dv));
        Simd.Active = InstructionSet.Plain;
        double Loss()
        {
            Attention.Forward(settings, View(q), View(k), View(v), View(o), null);
            double sum = 0;
            for (long i = 0; i < count; i++)
                sum += (double)o[i] * weights[i];
            return sum;
        }
        foreach ((nint data, nint gradient) in new[] { ((nint)q, (nint)dq), ((nint)k, (nint)dk), ((nint)v, (nint)dv) })
            for (long i = 0; i < count; i++)
            {
                float kept = ((float*)data)[i];
                ((float*)data)[i] = kept + 1e-2f;
                double up = Loss();
                ((float*)data)[i] = kept - 1e-2f;
                double down = Loss();
                ((float*)data)[i] = kept;
                Assert.Equal((up - down) / 2e-2, ((float*)gradient)[i], 1e-3);
            }
    }

    [Theory, MemberData(nameof(FastSetNames))]
    public void Forward_NaNQuery_GivesNaNInItsRowOnly(string set)
    {
        Use(set);
        foreach (long rows in new[] { 3L, 20L })
        {
            var settings = new AttentionSettings { Batch = 1, Heads = 1, QueryLength = rows, KeyLength = rows, HeadSize = 8, Scale = 1 };
            float* q = Random(rows * 8, 1), k = Random(rows * 8, 2), o = Rent(rows * 8);
            q[8 + 3] = float.NaN;
            HeadView View(float* data) => new(data, 0, 0, 8);
            Attention.Forward(settings, View(q), View(k), View(k), View(o), null);
            for (long i = 0; i < rows * 8; i++)
                Assert.Equal(i / 8 == 1, float.IsNaN(o[i]));
        }
    }

    [Fact]
    public void Forward_QueryThatSeesNothing_IsZeroWithZeroGradient()
    {
        const long rows = 9;
        byte* allowed = (byte*)Indices(rows * rows, 2, 1);
        new Span<byte>(allowed, (int)(rows * rows)).Fill(1);
        new Span<byte>(allowed, (int)rows).Clear();
        foreach (string set in FastSets.Select(s => s.ToString()).Append("Plain"))
        {
            Use(set);
            var settings = new AttentionSettings { Batch = 1, Heads = 1, QueryLength = rows, KeyLength = rows, HeadSize = 4, Scale = 1,
                Mask = new(null, allowed, 0, 0, rows, 1) };
            float* q = Random(rows * 4, 1), o = Rent(rows * 4), lse = Rent(rows), dq = Rent(rows * 4), dk = Rent(rows * 4),
                dv = Rent(rows * 4);
            HeadView View(float* data) => new(data, 0, 0, 4);
            Attention.Forward(settings, View(q), View(q), View(q), View(o), lse);
            Attention.Backward(settings, View(q), View(q), View(q), View(o), lse, View(q), View(dq), View(dk), View(dv));
            Assert.Equal(float.NegativeInfinity, lse[0]);
            for (int i = 0; i < 4; i++)
                Assert.Equal((0f, 0f), (o[i], dq[i]));
            for (int i = 0; i < rows * 4; i++)
                Assert.True(float.IsFinite(dk[i]) && float.IsFinite(dv[i]) && float.IsFinite(o[i]));
        }
    }

    private void Compare(string set, AttentionSettings settings)
    {
        settings.Scale = 1 / MathF.Sqrt(settings.HeadSize);
        (long b, long h, long tq, long tk, long d) = (settings.Batch, settings.Heads, settings.QueryLength, settings.KeyLength,
            settings.HeadSize);
        // Queries, keys and values interleaved in one block of rows, as a fused projection leaves them; results head by head.
        long width = 3 * h * d, queryCount = b * h * tq * d, keyCount = b * h * tk * d;
        float* mixed = Random(b * Math.Max(tq, tk) * width, 1), dOutput = Random(queryCount, 2);
        HeadView Mixed(long third) => new(mixed + third * h * d, Math.Max(tq, tk) * width, d, width);
        HeadView Rows(float* data, long rows) => new(data, rows * h * d, d, h * d);
        var results = new List<nint>();
        foreach (string name in new[] { "Plain", set })
        {
            Use(name);
            float* o = Rent(queryCount), lse = Rent(b * h * tq), dq = Rent(queryCount), dk = Rent(keyCount), dv = Rent(keyCount);
            Attention.Forward(settings, Mixed(0), Mixed(1), Mixed(2), Rows(o, tq), lse);
            Attention.Backward(settings, Mixed(0), Mixed(1), Mixed(2), Rows(o, tq), lse, Rows(dOutput, tq), Rows(dq, tq), Rows(dk, tk),
                Rows(dv, tk));
            results.AddRange([(nint)o, (nint)lse, (nint)dq, (nint)dk, (nint)dv]);
        }
        long[] lengths = [queryCount, b * h * tq, queryCount, keyCount, keyCount];
        string[] names = ["output", "log-sum-exp", "dQuery", "dKey", "dValue"];
        for (int i = 0; i < 5; i++)
            AssertClose(lengths[i], (float*)results[i], (float*)results[i + 5], 2e-5,
                $"{set} {names[i]} of {tq} queries, {tk} keys, size {d}, causal {settings.Causal}");
    }
}
