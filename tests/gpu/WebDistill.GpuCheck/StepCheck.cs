using System.Diagnostics;
using TorchSharp;
using WebDistill.Benchmarks;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using Device = WebDistill.Distillation.Engine.Device;

namespace WebDistill.GpuCheck;

/// <summary><c>step</c>: the product's training step, a student of half the layers, dropout 0.1.</summary>
internal static class StepCheck
{
    /// <summary>Rows with which the memory of a row is found out, and the share of what is free that all rows may then take.</summary>
    private const int ProbeRows = 4, Warmup = 3;
    private const double ShareOfFreeMemory = 0.9;

    /// <param name="batch">Rows of a step; null for as many as the memory of the GPU holds.</param>
    public static int Run(string teacherName, Numbers numbers, int? batch, int context, int steps)
    {
        LibTorch.Load();
        numbers.Apply();
        Gpt2Config teacher = StepWorkload.Teacher(teacherName);
        int layers = teacher.Layers / 2;
        using var workload = new StepWorkload(teacher, layers, batch ?? ProbeRows, context, dropout: true,
            numbers == Numbers.BFloat16 ? Precision.BFloat16 : Precision.Float32);
        if (batch is null)
            workload.Batch = Fill(workload);
        StepReport last = Steps(workload, Warmup);
        double firstLoss = last.TotalLoss;
        // Timed as a whole: a step returns while the GPU still works at its update.
        long started = Stopwatch.GetTimestamp();
        last = Steps(workload, steps);
        if (Device.IsCuda)
            torch.cuda.synchronize();
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds / steps, tokens = (double)workload.Batch * context;
        Report.Line(new
        {
            Check = "step", Teacher = teacherName, StudentLayers = layers, Numbers = numbers.ToString(), workload.Batch, context, steps,
            Engine = Device.Name,
            TokensPerSecond = Report.Rounded(tokens / seconds),
            TeraflopsPerSecond = Report.Rounded(StepWorkload.StepFlops(teacher, layers, workload.Batch, context) / seconds / 1e12),
            LossAfterWarmup = firstLoss, LossAtTheEnd = last.TotalLoss,
            // libtorch keeps what it once took from the device: what is in use now was the most.
            DevicePeakMebibytes = UsedBytes() >> 20,
            PeakResidentMebibytes = Report.PeakResidentBytes >> 20,
        });
        return 0;
    }

    /// <summary>Rows that the GPU's memory holds: from what the second of two small batches takes more than the first.</summary>
    private static int Fill(StepWorkload workload)
    {
        if (Device.GpuMemory is null)
            throw new PlatformNotSupportedException($"Batch 'fill' asks how much memory the GPU has, and libtorch computes on {Device.Name}. Name a number of rows.");
        Steps(workload, 1);
        long used = UsedBytes()!.Value;
        workload.Batch = 4 * ProbeRows;
        Steps(workload, 1);
        long more = Math.Max(1, UsedBytes()!.Value - used) / (3 * ProbeRows), free = Device.GpuMemory!.FreeBytes;
        return 4 * ProbeRows + (int)Math.Min(4096, ShareOfFreeMemory * free / more) / ProbeRows * ProbeRows;
    }

    private static long? UsedBytes() => Device.GpuMemory is { } memory ? memory.TotalBytes - memory.FreeBytes : null;

    private static StepReport Steps(StepWorkload workload, int count)
    {
        StepReport report = workload.Step();
        for (int i = 1; i < count; i++)
            report = workload.Step();
        return report;
    }
}
