using WebDistill.Distillation.Engine;

namespace WebDistill.Distillation.Tests.Engine;

/// <summary>What the machine is said to take, by copies of what Linux shows of it.</summary>
public sealed class SystemMeterTests : IDisposable
{
    private readonly TemporaryFolder _root = new();
    private readonly HandClock _clock = new();
    private TimeSpan _processTime = TimeSpan.FromSeconds(3);

    public SystemMeterTests() => Directory.CreateDirectory(_root.File("proc"));

    [Fact]
    public void Read_TwoMoments_AreTheShareInBetween()
    {
        if (!OperatingSystem.IsLinux())
            return;
        // user nice system idle iowait irq softirq steal, and guests, which user holds already.
        Write("cpu  100 0 50 800 50 0 0 0 100 0\ncpu0 1 1 1 1\n");
        var meter = Meter();
        Write("cpu  160 10 70 860 90 4 3 3 160 0\n");
        _clock.Pass(TimeSpan.FromSeconds(2));
        _processTime += TimeSpan.FromSeconds(1.5 * Environment.ProcessorCount);
        SystemUse use = meter.Read();
        Assert.Equal(0.5, use.MachineCpuShare!.Value, 12);
        Assert.Equal(0.75, use.ProcessCpuShare!.Value, 12);
        // From there on, not from the beginning.
        Write("cpu  160 10 70 960 90 4 3 3\n");
        _clock.Pass(TimeSpan.FromSeconds(1));
        use = meter.Read();
        Assert.Equal((0.0, 0.0), (use.MachineCpuShare, use.ProcessCpuShare));
    }

    [Fact]
    public void Read_AtOnce_KnowsNoShare()
    {
        Write("cpu  100 0 50 800 50 0 0 0\n");
        SystemUse use = Meter().Read();
        Assert.Equal((null, null), (use.MachineCpuShare, use.ProcessCpuShare));
    }

    [Fact]
    public void Read_NoSuchFile_SaysTheRest()
    {
        var meter = Meter();
        _clock.Pass(TimeSpan.FromSeconds(1));
        SystemUse use = meter.Read();
        Assert.Null(use.MachineCpuShare);
        Assert.Equal(0, use.ProcessCpuShare);
        Assert.True(use.ProcessBytes > 1 << 20 && use.MachineBytes > use.ProcessBytes && use.MachineUsedBytes > 0 && use.MachineUsedBytes <= use.MachineBytes, use.ToString());
    }

    [Fact]
    public void Read_FileThatIsNone_IsRefusedByItsName()
    {
        if (!OperatingSystem.IsLinux())
            return;
        Write("something else\n");
        Assert.StartsWith("/proc/stat begins with 'something else'", Assert.Throws<InvalidDataException>(Meter).Message);
    }

    [Fact]
    public void Management_WithoutItsLibrary_IsNotThere() => Assert.Null(NvidiaManagement.Open("libwebdistill-none.so.1", "00000000:00:00.0"));

    [Fact]
    public void Management_LibraryThatIsAnother_IsNotThere() => Assert.Null(NvidiaManagement.Open(OperatingSystem.IsWindows() ? "kernel32.dll" : OperatingSystem.IsMacOS() ? "libSystem.dylib" : "libc.so.6", "00000000:00:00.0"));

    private SystemMeter Meter() => new(_clock, _root.Path, () => _processTime);

    private void Write(string text) => _root.Write("proc/stat", text);

    public void Dispose() => _root.Dispose();

    private sealed class HandClock : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Pass(TimeSpan time) => _now += time.Ticks;
    }
}
