using System.CommandLine;
using TorchSharp.Kernels;

namespace WebDistill.Benchmarks.Kernels;

/// <summary><c>kernels</c>: the kernels that memory bounds, at GPT-2's sizes, beside the measured bandwidth.</summary>
internal static unsafe class KernelsCommand
{
    private const int Width = 768, Inner = 3072, Heads = 12, HeadSize = 64, Vocabulary = 50257;
    private const double SecondsPerKernel = 1;

    public static Command Create()
    {
        var rows = new Option<int>("--rows") { Description = "tokens", DefaultValueFactory = _ => 1024 };
        var command = new Command("kernels", "Time and bytes/s of the memory-bound kernels beside the measured read bandwidth.") { rows };
        command.SetAction(result => Run(result.GetValue(rows)));
        return command;
    }

    private static void Run(int rows)
    {
        double bandwidth = MachineLimits.ReadBytesPerSecond(WorkerPool.ThreadCount);
        long wide = (long)rows * Inner, narrow = (long)rows * Width;
        const long Parameters = 82_000_000;
        float* x = GemmCommand.Random(wide), y = GemmCommand.Random(wide), z = GemmCommand.Random(wide);
        float* weight = GemmCommand.Random(Inner), bias = GemmCommand.Random(Inner), rowsA = GemmCommand.Random(rows),
            rowsB = GemmCommand.Random(rows);

        void Time(string name, double bytes, Action body) => Measure(name, rows, bytes, bandwidth, body);

        Time("layer norm forward", 8.0 * narrow, () => LayerNorm.Forward(rows, Width, x, weight, bias, 1e-5f, y, rowsA, rowsB));
        Time("layer norm backward", 12.0 * narrow,
            () => LayerNorm.Backward(rows, Width, x, y, weight, rowsA, rowsB, z, weight + Width, bias + Width));
        Time("gelu forward", 8.0 * wide, () => Gelu.Forward(wide, x, y, GeluApproximation.Tanh));
        Time("gelu backward", 12.0 * wide, () => Gelu.Backward(wide, x, y, z, GeluApproximation.Tanh));
        Time("dropout", 8.0 * narrow, () => Dropout.Run(narrow, x, 0.1f, 1, 0, y));
        Time("bias gradient", 4.0 * wide, () => ColumnSum.Run(rows, Inner, x, Inner, bias));

        foreach (float probability in new[] { 0f, 0.1f })
        {
            var settings = new AttentionSettings
            {
                Batch = 1, Heads = Heads, QueryLength = rows, KeyLength = rows, HeadSize = HeadSize, Scale = 0.125f, Causal = true,
                DropoutProbability = probability, DropoutSeed = 1,
            };
            HeadView Third(float* data, int third) => new(data + third * Width, 0, HeadSize, 3 * Width);
            float* output = y, lse = GemmCommand.Random((long)rows * Heads);
            string suffix = probability == 0 ? "" : ", dropout 0.1";
            Time("attention forward" + suffix, 16.0 * narrow, () => Attention.Forward(settings, Third(x, 0), Third(x, 1), Third(x, 2),
                new HeadView(output, 0, HeadSize, Width), lse));
            Time("attention backward" + suffix, 32.0 * narrow, () => Attention.Backward(settings, Third(x, 0), Third(x, 1), Third(x, 2),
                new HeadView(output, 0, HeadSize, Width), lse, new HeadView(output, 0, HeadSize, Width), Third(z, 0), Third(z, 1),
                Third(z, 2)));
            BufferPool.Return(lse);
        }
        foreach (nint buffer in new[] { (nint)x, (nint)y, (nint)z, (nint)weight, (nint)bias, (nint)rowsA, (nint)rowsB })
            BufferPool.Return((void*)buffer);
        BufferPool.Trim();

        float* p = GemmCommand.Random(Parameters), g = GemmCommand.Random(Parameters), m = GemmCommand.Random(Parameters),
            v = BufferPool.RentFloats(Parameters, zero: true);
        long step = 0;
        Time("AdamW, 82M parameters", 28.0 * Parameters,
            () => AdamW.Update(Parameters, p, g, m, v, new AdamWSettings(1e-4, 0.9, 0.98, 1e-6, 0, ++step)));
        foreach (nint buffer in new[] { (nint)p, (nint)g, (nint)m, (nint)v })
            BufferPool.Return((void*)buffer);
        BufferPool.Trim();
        Head(Math.Min(rows, 256), bandwidth);
    }

    /// <summary>The head without its matrix products cannot be had: width 8 makes them small.</summary>
    private static void Head(int rows, double bandwidth)
    {
        const int SmallWidth = 8;
        float* student = GemmCommand.Random((long)rows * SmallWidth), teacher = GemmCommand.Random((long)rows * SmallWidth);
        float* embedding = GemmCommand.Random((long)Vocabulary * SmallWidth), gradient = GemmCommand.Random((long)rows * SmallWidth);
        long[] targets = new long[rows];
        fixed (long* pinned = targets)
        {
            var arguments = new DistillationHeadArguments
            {
                Rows = rows, StudentWidth = SmallWidth, TeacherWidth = SmallWidth, VocabularySize = Vocabulary, StudentHidden = student,
                StudentEmbedding = embedding, TeacherHidden = teacher, TeacherEmbedding = embedding, Targets = pinned, Temperature = 2,
                WantDistillation = true, DistillationScale = 1, WantCausalLm = true, CausalLmScale = 1, StudentHiddenGradient = gradient,
            };
            Measure("distillation head, width 8", rows, 4.0 * 5 * rows * Vocabulary, bandwidth, () => DistillationHead.Run(arguments));
        }
    }

    private static void Measure(string name, int rows, double bytes, double bandwidth, Action body)
    {
        body();
        List<double> seconds = Timing.Repeated(SecondsPerKernel, body);
        double median = Report.Median(seconds);
        Report.Line(new
        {
            Benchmark = "kernel", name, rows, Threads = WorkerPool.ThreadCount,
            MicrosecondsMedian = Report.Rounded(1e6 * median), MicrosecondsBest = Report.Rounded(1e6 * seconds.Min()),
            GigabytesPerSecond = Report.Rounded(bytes / median / 1e9),
            ReadGigabytesPerSecond = Report.Rounded(bandwidth / 1e9),
        });
    }
}
