using System.Collections.Concurrent;
using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// The floating-point operations per second that this machine reaches in a product of two square matrices on the device and the threads that train: 2 n³ divided by the
/// time of the fastest of some products. Measured once per process and type of number, in a quarter of a second, when it is asked for first.
/// </summary>
public static class MatrixPeak
{
    // Large enough that more rows are not faster, small enough for a moment.
    private const int RowsOnProcessor = 1024, RowsOnGpu = 4096, MostProducts = 12;
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);

    private static readonly ConcurrentDictionary<ScalarType, Lazy<double>> s_measured = new();

    /// <summary>Operations per second with numbers of 32 bits, or with bfloat16.</summary>
    public static double FlopsPerSecond(bool isBFloat16)
    {
        ScalarType type = isBFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        return s_measured.GetOrAdd(type, _ => new Lazy<double>(() => Measure(type))).Value;
    }

    private static double Measure(ScalarType type)
    {
        LibTorch.Load();
        int rows = Device.IsCuda ? RowsOnGpu : RowsOnProcessor;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        // Counted, not drawn: the stream of random numbers is that of a run.
        Tensor left = arange(rows * rows, dtype: ScalarType.Float32, device: Device.Default).remainder(7).reshape(rows, rows).to(type), right = left.t().contiguous();
        Multiply();
        double best = double.PositiveInfinity;
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < MostProducts && (i == 0 || Stopwatch.GetElapsedTime(began) < s_patience); i++)
        {
            long start = Stopwatch.GetTimestamp();
            Multiply();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return 2.0 * rows * rows * rows / best;

        void Multiply()
        {
            left.matmul(right).Dispose();
            if (Device.IsCuda)
                cuda.synchronize();
        }
    }
}
