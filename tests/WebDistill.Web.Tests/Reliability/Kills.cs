using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>
/// The kills of one kind of work: how many (tests/soak sets it, the ordinary run makes a few), at which random moments, and what each of
/// them left compared with what the same work leaves when nothing cuts it.
/// </summary>
internal sealed class Kills
{
    private const int MostMore = 6;

    private readonly string _work;
    private readonly Random _random;
    private readonly List<string> _lines = [];
    private int _identical;

    /// <param name="work">What is cut, as the report calls it.</param>
    /// <param name="ordinarily">Kills in an ordinary test run.</param>
    public Kills(string work, int ordinarily)
    {
        _work = work;
        Count = Number("WEBDISTILL_KILLS") ?? ordinarily;
        Seed = Number("WEBDISTILL_KILL_SEED") ?? Environment.TickCount;
        _random = new Random(Seed);
        Root = Directory.CreateTempSubdirectory("webdistill-");
    }

    /// <summary>How many.</summary>
    public int Count { get; }

    /// <summary>Repeats the moments.</summary>
    public int Seed { get; }

    /// <summary>Whether tests/soak makes them, with the machine to itself.</summary>
    public bool IsSoak { get; } = Number("WEBDISTILL_KILLS") is not null;

    /// <summary>Whether to go on: until all are made, and a few times more while none has <paramref name="hit"/> anything. On a machine that has less to do
    /// than when the duration was measured, all moments can be too late.</summary>
    public bool GoOn(int made, bool hit) => made < Count || !hit && made < Count + MostMore;

    /// <summary>A random moment of work that takes <paramref name="duration"/>; one kill after the other takes a later part of it, and those that come in
    /// addition an earlier and earlier one.</summary>
    public TimeSpan Moment(TimeSpan duration) => duration * (_lines.Count < Count
        ? (_lines.Count + _random.NextDouble()) / Count
        : _random.NextDouble() / (2 << (_lines.Count - Count)));

    /// <summary>The data folder of the server that is killed; kept when something differs.</summary>
    public DirectoryInfo Root { get; }

    /// <summary>Says what one kill left.</summary>
    public void Note<T>(string moment, T expected, T found)
    {
        bool same = Equals(expected, found);
        _identical += same ? 1 : 0;
        _lines.Add($"{_work}, kill {_lines.Count + 1}: {moment}: {(same ? "identical" : $"DIFFERENT {found}, expected {expected}")}");
    }

    /// <summary>Ends the report, and fails when a kill was not made or left anything else than expected.</summary>
    public void Finish()
    {
        _lines.Add($"{_work}: {_lines.Count} kills, {_identical} identical");
        string report = string.Join('\n', _lines);
        if (Environment.GetEnvironmentVariable("WEBDISTILL_KILL_REPORT") is string file)
            File.AppendAllText(file, report + "\n");
        Assert.True(_lines.Count > Count && _identical == _lines.Count - 1, $"Seed {Seed}, files in {Root.FullName}:\n{report}");
        Root.Delete(recursive: true);
    }

    /// <summary>A hash over every file of a folder, with their names.</summary>
    public static string FilesSha256(string folder)
    {
        IEnumerable<string> files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(file => $"{Path.GetRelativePath(folder, file)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))}");
        return TextSha256(string.Join('\n', files));
    }

    /// <summary>A hash of a text.</summary>
    public static string TextSha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static int? Number(string variable) =>
        Environment.GetEnvironmentVariable(variable) is string text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
