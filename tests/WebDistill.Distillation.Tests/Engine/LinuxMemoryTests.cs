using WebDistill.Distillation.Engine;

namespace WebDistill.Distillation.Tests.Engine;

/// <summary>Control groups of both versions, by copies of what Linux shows of them.</summary>
public sealed class LinuxMemoryTests : IDisposable
{
    private const long Unlimited = 9_223_372_036_854_771_712;   // version 1 writes no limit as the largest number of whole pages
    private readonly TemporaryFolder _root = new();

    public LinuxMemoryTests() => Write("proc/meminfo", "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:   12000000 kB\n");

    [Fact]
    public void Read_NoGroup_IsTheMachines() => Assert.Equal((16_384_000_000, 12_288_000_000, false), Read());

    [Fact]
    public void Read_Version2_TakesTheSmallestLimitAboveTheProcessAndLeavesOutCaches()
    {
        Write("proc/self/cgroup", "0::/shop.slice/webdistill.service\n");
        Write("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
        Group("sys/fs/cgroup/shop.slice", "memory.max", "4000000000", "memory.current", 3_000_000_000, "inactive_file 500000000\nactive_file 500000000\n");
        Group("sys/fs/cgroup/shop.slice/webdistill.service", "memory.max", "max", "memory.current", 2_000_000_000, "inactive_file 1\n");
        Assert.Equal((4_000_000_000, 2_000_000_000, true), Read());
        Group("sys/fs/cgroup/shop.slice/webdistill.service", "memory.max", "1200000000", "memory.current", 300_000_000, "anon 300000000\n");
        Assert.Equal((1_200_000_000, 900_000_000, true), Read());
    }

    [Fact]
    public void Read_Version1_FindsTheMemoryHierarchyAmongTheOthers()
    {
        Write("proc/self/cgroup", "9:name=systemd:/\n5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n");
        Write("proc/self/mountinfo", """
            31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
            32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
            35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            """);
        Group("sys/fs/cgroup/memory", "memory.limit_in_bytes", $"{Unlimited}", "memory.usage_in_bytes", 5_000_000_000, "");
        Group("sys/fs/cgroup/memory/docker/abc", "memory.limit_in_bytes", "2000000000", "memory.usage_in_bytes", 800_000_000, "inactive_file 7\ntotal_inactive_file 300000000\n");
        Assert.Equal((2_000_000_000, 1_500_000_000, true), Read());
    }

    [Fact]
    public void Read_AContainerThatSeesItsGroupAsTheWholeTree_FindsTheLimitAtTheMount()
    {
        Write("proc/self/cgroup", "4:memory:/docker/abc\n");
        Write("proc/self/mountinfo", "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
        Group("sys/fs/cgroup/memory", "memory.limit_in_bytes", "1000000000", "memory.usage_in_bytes", 1_500_000_000, "");
        Assert.Equal((1_000_000_000, 0, true), Read());
    }

    [Fact]
    public void Read_NoMeminfo_IsSaid()
    {
        File.Delete(_root.File("proc/meminfo"));
        Assert.Contains("MemAvailable", Assert.Throws<InvalidDataException>(() => Read()).Message);
    }

    [Fact]
    public void Read_ThisMachine_HasMemory()
    {
        Machine machine = Machine.Read(7);
        Assert.InRange(machine.MemoryBytes, 100_000_000, long.MaxValue);
        Assert.InRange(machine.FreeMemoryBytes, 1, machine.MemoryBytes);
        Assert.Equal(7, machine.FreeDiskBytes);
    }

    public void Dispose() => _root.Dispose();

    private (long, long, bool) Read() => LinuxMemory.Read(_root.Path);

    private void Group(string folder, string limitFile, string limit, string useFile, long use, string stat)
    {
        Write($"{folder}/{limitFile}", limit + "\n");
        Write($"{folder}/{useFile}", $"{use}\n");
        Write($"{folder}/memory.stat", stat);
    }

    private void Write(string path, string text)
    {
        string file = _root.File(path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
