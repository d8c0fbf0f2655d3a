using System.CommandLine;
using TorchSharp.Kernels;

namespace WebDistill.Benchmarks.Kernels;

/// <summary><c>gemm</c>: matrix products of GPT-2's shapes beside the processor's peak.</summary>
internal static unsafe class GemmCommand
{
    private const double SecondsPerShape = 1.0;

    private static readonly (string Name, bool TransA, bool TransB, int N, int K)[] s_shapes =
    [
        ("c_attn forward", false, false, 2304, 768),
        ("c_proj forward", false, false, 768, 768),
        ("c_fc forward", false, false, 3072, 768),
        ("mlp c_proj forward", false, false, 768, 3072),
        ("head chunk", false, true, 50257, 768),
        ("head input gradient", false, false, 768, 50257),
        ("c_fc input gradient", false, true, 768, 3072),
        ("mlp c_proj input gradient", false, true, 3072, 768),
        ("c_attn input gradient", false, true, 768, 2304),
    ];

    public static Command Create()
    {
        var rows = new Option<int>("--rows") { Description = "tokens", DefaultValueFactory = _ => 1024 };
        var command = new Command("gemm", "GFLOP/s of GPT-2's matrix products (NN, NT, TN) beside the measured peak.") { rows };
        command.SetAction(result => Run(result.GetValue(rows)));
        return command;
    }

    private static void Run(int rows)
    {
        double peak = MachineLimits.PeakFlopsPerSecond(WorkerPool.ThreadCount);
        foreach ((string name, bool transA, bool transB, int n, int k) in s_shapes)
            Measure(name, transA, transB, Math.Max(n, k) > 50000 ? Math.Min(rows, 256) : rows, n, k, peak);
        // Weight gradients: inputs transposed times output gradients, the tokens as depth.
        Measure("c_attn weight gradient", true, false, 768, 2304, rows, peak);
        Measure("c_proj weight gradient", true, false, 768, 768, rows, peak);
        Measure("c_fc weight gradient", true, false, 768, 3072, rows, peak);
        Measure("mlp c_proj weight gradient", true, false, 3072, 768, rows, peak);
        Measure("embedding gradient", true, false, 50257, 768, Math.Min(rows, 256), peak);
    }

    private static void Measure(string name, bool transA, bool transB, long m, long n, long k, double peak)
    {
        float* a = Random(m * k), b = Random(k * n), c = Random(m * n);
        long lda = transA ? m : k, ldb = transB ? k : n;
        List<double> seconds = Timing.Repeated(SecondsPerShape, () => Gemm.Run(transA, transB, m, n, k, a, lda, b, ldb, c, n));
        double flops = 2.0 * m * n * k, median = flops / Report.Median(seconds);
        Report.Line(new
        {
            Benchmark = "gemm", name, Layout = $"{(transA ? 'T' : 'N')}{(transB ? 'T' : 'N')}", m, n, k, Threads = WorkerPool.ThreadCount,
            GflopsPerSecondMedian = Report.Rounded(median / 1e9),
            GflopsPerSecondBest = Report.Rounded(flops / seconds.Min() / 1e9),
            PeakGflopsPerSecond = Report.Rounded(peak / 1e9),
            FractionOfPeak = Report.Rounded(median / peak),
        });
        BufferPool.Return(a);
        BufferPool.Return(b);
        BufferPool.Return(c);
    }

    internal static float* Random(long count)
    {
        float* values = BufferPool.RentFloats(count);
        var random = new Random(1);
        for (long i = 0; i < count; i++)
            values[i] = random.NextSingle() - 0.5f;
        return values;
    }
}
