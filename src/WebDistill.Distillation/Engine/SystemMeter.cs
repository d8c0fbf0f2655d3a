using System.Globalization;

namespace WebDistill.Distillation.Engine;

/// <summary>How much of the machine this process and all others take; null where this system does not say.</summary>
/// <param name="ProcessCpuShare">Of all processors' time since the reading before, 0 to 1, that of this process.</param>
/// <param name="MachineCpuShare">The same of all processes.</param>
/// <param name="ProcessBytes">Resident memory of this process.</param>
/// <param name="MachineUsedBytes">Memory that somebody uses; caches that the system gives up on demand are none.</param>
/// <param name="MachineBytes">Memory that there is: the machine's, or a smaller limit of a control group.</param>
/// <param name="GpuBusyShare">Share of the last moment, 0 to 1, in which the GPU that tensors live on computed.</param>
/// <param name="Gpu">Its memory.</param>
public sealed record SystemUse(
    double? ProcessCpuShare, double? MachineCpuShare, long ProcessBytes, long MachineUsedBytes, long MachineBytes, double? GpuBusyShare, GpuMemory? Gpu);

/// <summary>Reads what the process and the machine take: on Linux from /proc, elsewhere what .NET says, which knows no other processes' time.</summary>
public sealed class SystemMeter
{
    private static readonly Lazy<NvidiaManagement?> s_management = new(() => Device.IsCuda ? NvidiaManagement.Open(NvidiaManagement.LibraryName, NvidiaDriver.PciAddress()) : null);

    private readonly TimeProvider _time;
    private readonly string _root;
    private readonly Func<TimeSpan> _processTime;
    private long _at;
    private TimeSpan _process;
    private (long Busy, long All)? _machine;

    /// <summary>Shares are counted from now on.</summary>
    public SystemMeter(TimeProvider time) : this(time, "/", () => Environment.CpuUsage.TotalTime)
    {
    }

    /// <param name="root">Where proc/ stands: "/", or a copy of it.</param>
    /// <param name="processTime">The processors' time that this process has taken so far.</param>
    internal SystemMeter(TimeProvider time, string root, Func<TimeSpan> processTime)
    {
        (_time, _root, _processTime) = (time, root, processTime);
        (_at, _process, _machine) = (time.GetTimestamp(), processTime(), MachineTime());
    }

    /// <summary>What is taken now, and has been since the reading before.</summary>
    public SystemUse Read()
    {
        long at = _time.GetTimestamp();
        TimeSpan process = _processTime();
        (long Busy, long All)? machine = MachineTime();
        double processors = _time.GetElapsedTime(_at, at).TotalSeconds * Environment.ProcessorCount;
        double? ofProcess = processors > 0 ? Math.Clamp((process - _process).TotalSeconds / processors, 0, 1) : null;
        double? ofMachine = machine is var (busy, all) && _machine is var (busyBefore, allBefore) && all > allBefore
            ? Math.Clamp((double)(busy - busyBefore) / (all - allBefore), 0, 1) : null;
        (_at, _process, _machine) = (at, process, machine);
        Machine now = Machine.Read(freeDiskBytes: 0);
        return new SystemUse(
            ofProcess, ofMachine, Environment.WorkingSet, Math.Max(0, now.MemoryBytes - now.FreeMemoryBytes), now.MemoryBytes, s_management.Value?.BusyShare(), now.Gpu);
    }

    // The first line of /proc/stat (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in user's.
    private (long Busy, long All)? MachineTime()
    {
        string file = Path.Combine(_root, "proc/stat");
        if (!OperatingSystem.IsLinux() || !File.Exists(file))
            return null;
        string[] words = File.ReadLines(file).First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is not ["cpu", .. string[] counts] || counts.Length < 5)
            throw new InvalidDataException($"/proc/stat begins with '{string.Join(' ', words)}', expected 'cpu' and at least five numbers.");
        long[] ticks = [.. counts.Take(8).Select(text => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture))];
        long all = ticks.Sum();
        return (all - ticks[3] - ticks[4], all);
    }
}
