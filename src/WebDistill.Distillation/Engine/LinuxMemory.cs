using System.Globalization;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// Linux's memory as this process may use it: the machine's, and the limits of the control groups that it is in, version 1 and 2. Swap is
/// not counted: a training that swaps does not get on.
/// </summary>
internal static class LinuxMemory
{
    /// <summary>Memory that can be had at most, what of it is free now, and whether a control group is what limits it. Bytes.</summary>
    /// <param name="root">Where proc/ and sys/ stand: "/", or a copy of them.</param>
    /// <exception cref="InvalidDataException">There is no proc/meminfo with MemTotal and MemAvailable.</exception>
    public static (long Total, long Free, bool Limited) Read(string root)
    {
        Dictionary<string, long> machine = ReadFigures(Path.Combine(root, "proc/meminfo"), kibibytes: true);
        if (!machine.TryGetValue("MemTotal", out long total) || !machine.TryGetValue("MemAvailable", out long free))
            throw new InvalidDataException("/proc/meminfo has no MemTotal and MemAvailable; expected both, as every Linux since 3.14 has.");
        bool limited = false;
        foreach ((long limit, long used) in Groups(root))
        {
            limited |= limit < total;
            total = Math.Min(total, limit);
            free = Math.Min(free, Math.Max(0, limit - used));
        }
        return (total, free, limited);
    }

    /// <summary>Limit and use of every control group with a limit, from the process's own to the outermost one that it can see.</summary>
    private static IEnumerable<(long Limit, long Used)> Groups(string root)
    {
        foreach (string[] line in Lines(Path.Combine(root, "proc/self/cgroup")).Select(line => line.Split(':', 3)).Where(parts => parts.Length == 3))
        {
            bool isUnified = line[0] == "0" && line[1] == "";
            if (!isUnified && !line[1].Split(',').Contains("memory"))
                continue;
            if (Mount(root, isUnified) is not (string group, string mountPoint))
                continue;
            // What is mounted is the part of the tree below `group`; a container may see its own group as the whole tree.
            string own = line[2] == group || !line[2].StartsWith(group.TrimEnd('/') + "/", StringComparison.Ordinal) ? "" : line[2][group.TrimEnd('/').Length..];
            string top = Inside(root, mountPoint);
            for (string folder = Path.TrimEndingDirectorySeparator(Inside(top, own)); ; folder = Path.GetDirectoryName(folder)!)
            {
                if (Limit(folder, isUnified) is (long limit, long used))
                    yield return (limit, used);
                if (folder.Length <= Path.TrimEndingDirectorySeparator(top).Length)
                    break;
            }
        }
    }

    private static (long Limit, long Used)? Limit(string folder, bool isUnified)
    {
        long? limit = Number(Path.Combine(folder, isUnified ? "memory.max" : "memory.limit_in_bytes"));
        long? used = Number(Path.Combine(folder, isUnified ? "memory.current" : "memory.usage_in_bytes"));
        if (limit is null || used is null)
            return null;
        // Pages of files are given up on demand.
        Dictionary<string, long> figures = ReadFigures(Path.Combine(folder, "memory.stat"), kibibytes: false);
        string prefix = isUnified ? "" : "total_";
        long cache = figures.GetValueOrDefault(prefix + "inactive_file") + figures.GetValueOrDefault(prefix + "active_file");
        return (limit.Value, Math.Max(0, used.Value - cache));
    }

    /// <summary>Which group a hierarchy's mount shows, and where: /proc/self/mountinfo of proc(5).</summary>
    private static (string Group, string MountPoint)? Mount(string root, bool isUnified)
    {
        foreach (string line in Lines(Path.Combine(root, "proc/self/mountinfo")))
        {
            string[] halves = line.Split(" - ", 2);
            string[] place = halves[0].Split(' '), kind = halves.Length == 2 ? halves[1].Split(' ') : [];
            if (place.Length >= 5 && kind.Length >= 3
                && (isUnified ? kind[0] == "cgroup2" : kind[0] == "cgroup" && kind[2].Split(',').Contains("memory")))
                return (place[3], place[4]);
        }
        return null;
    }

    private static string Inside(string root, string path) => Path.Combine(root, path.TrimStart('/'));

    // "max" and other words are no number: no limit.
    private static long? Number(string path) =>
        Lines(path) is [string text, ..] && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : null;

    private static Dictionary<string, long> ReadFigures(string path, bool kibibytes)
    {
        var figures = new Dictionary<string, long>();
        foreach (string line in Lines(path))
        {
            string[] words = line.Split([' ', ':'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long value))
                figures[words[0]] = kibibytes ? value * 1024 : value;
        }
        return figures;
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return []; // Such a hierarchy, group or figure does not exist here.
        }
    }
}
