using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Losses;

namespace WebDistill.Distillation.Training;

/// <summary>The catalogue of what is sampled of the process and the machine while a run trains. To add a number: one entry here, and its value in <see cref="Values"/>.</summary>
public static class SystemSeries
{
    /// <summary>The tab that shows them.</summary>
    public const string Tab = "system";

    /// <summary>Operations per second that the run makes, divided by those of a matrix product (<see cref="MatrixPeak"/>).</summary>
    public static StepSeries PeakShare { get; } = Sampled("matrixPeakShare", "Share of the matrix peak", "%", "systemPeak", 5, factor: 100);

    private static readonly StepSeries
        s_processCpu = Sampled("processCpuShare", "Processor", "%, of all cores", "systemCpu", 2, "This process", 100),
        s_machineCpu = Sampled("machineCpuShare", "Processor", "%, of all cores", "systemCpu", 7, "Whole machine", 100),
        s_processMemory = Sampled("processMemoryBytes", "Memory", "GB", "systemMemory", 2, "This process, resident", 1e-9),
        s_machineUsed = Sampled("machineMemoryUsedBytes", "Memory", "GB", "systemMemory", 7, "Machine, in use", 1e-9),
        s_machineMemory = Sampled("machineMemoryBytes", "Memory", "GB", "systemMemory", 4, "Machine, all", 1e-9),
        s_gpu = Sampled("gpuBusyShare", "GPU", "% of the time", "systemGpu", 6, factor: 100),
        s_gpuUsed = Sampled("gpuMemoryUsedBytes", "GPU memory", "GB", "systemGpuMemory", 6, "In use", 1e-9),
        s_gpuMemory = Sampled("gpuMemoryBytes", "GPU memory", "GB", "systemGpuMemory", 4, "All", 1e-9);

    /// <summary>What is sampled on this machine, in the order in which it is shown.</summary>
    public static IReadOnlyList<StepSeries> All { get; } = [PeakShare, s_processCpu, s_machineCpu, s_processMemory, s_machineUsed, s_machineMemory, .. Device.IsCuda ? new[] { s_gpu, s_gpuUsed, s_gpuMemory } : []];

    /// <summary>The numbers of a moment; what the system does not say is missing.</summary>
    public static IEnumerable<(StepSeries Series, double Value)> Values(SystemUse use)
    {
        (StepSeries Series, double? Value)[] all =
        [
            (s_processCpu, use.ProcessCpuShare), (s_machineCpu, use.MachineCpuShare), (s_processMemory, use.ProcessBytes), (s_machineUsed, use.MachineUsedBytes), (s_machineMemory, use.MachineBytes),
            (s_gpu, use.GpuBusyShare), (s_gpuUsed, use.Gpu is { } gpu ? gpu.TotalBytes - gpu.FreeBytes : null), (s_gpuMemory, use.Gpu?.TotalBytes),
        ];
        return all.Where(one => one.Value is not null).Select(one => (one.Series, one.Value!.Value));
    }

    private static StepSeries Sampled(string name, string title, string unit, string chart, int colour, string? label = null, double factor = 1) => new()
    {
        Name = name, Title = title, Label = label, Unit = unit, Chart = chart, Colour = colour, Format = SeriesFormat.Compact, Factor = factor, Cadence = SeriesCadence.Measured, Tab = Tab,
        IsCompared = false,
    };
}
