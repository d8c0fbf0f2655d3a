using System.Collections.Concurrent;
using System.Numerics;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;

namespace WebDistill.Web.Runs;

/// <summary>
/// The total loss of runs in a few points, for the table of runs. What was read is kept for all who look: a run is read again only
/// when its line has a new point, and all such runs of about the same length in one query.
/// </summary>
public sealed class Sparklines(IDbContextFactory<WebDistillDb> contexts)
{
    /// <summary>Most points of a line: as many as its picture has pixels.</summary>
    public const int MostPoints = 104;

    // At a point of 8 bytes, 3 MB.
    private const int MostLines = 4096;

    private readonly ConcurrentDictionary<Guid, (Extent Extent, IReadOnlyList<double> Points)> _lines = [];

    /// <summary>Updates between two points of a run that has recorded <paramref name="steps"/>: a power of two, so that few different
    /// ones occur, and a longer run keeps half of the points that it has.</summary>
    public static int Stride(int steps) => (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, (steps + MostPoints - 1) / MostPoints));

    /// <summary>The lines of some runs, evenly spaced over what each has recorded; a run that has recorded nothing has none.</summary>
    public async Task<IReadOnlyDictionary<Guid, IReadOnlyList<double>>> OfAsync(
        IReadOnlyList<Run> runs, CancellationToken cancel = default)
    {
        Run[] changed = [.. runs.Where(run =>
            run.Step > 0 && (!_lines.TryGetValue(run.Id, out var known) || known.Extent != Extent.Of(run)))];
        if (changed.Length > 0)
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
            foreach (IGrouping<int, Run> alike in changed.GroupBy(run => Stride(run.Step)))
                await ReadAsync(db, alike.Key, [.. alike], cancel);
        }
        var lines = new Dictionary<Guid, IReadOnlyList<double>>();
        foreach (Run run in runs.Where(run => run.Step > 0))
        {
            if (_lines.TryGetValue(run.Id, out var line))
                lines[run.Id] = line.Points;
        }
        // Also those of runs deleted since. A line is read again by whoever shows its run next.
        if (_lines.Count > MostLines)
            _lines.Clear();
        return lines;
    }

    private async Task ReadAsync(WebDistillDb db, int stride, Run[] runs, CancellationToken cancel)
    {
        Guid[] ids = [.. runs.Select(run => run.Id)];
        // The steps by name, not by a condition on all of them: each is one look into the key.
        int[] steps = [.. Enumerable.Range(1, runs.Max(run => run.Step) / stride).Select(i => i * stride)];
        var found = await db.StepRows
            .Where(row => ids.Contains(row.RunId) && steps.Contains(row.Step))
            .OrderBy(row => row.Step)
            .Select(row => new { row.RunId, row.TotalLoss })
            .ToListAsync(cancel);
        ILookup<Guid, double> points = found.ToLookup(point => point.RunId, point => point.TotalLoss);
        foreach (Run run in runs)
            _lines[run.Id] = (Extent.Of(run), [.. points[run.Id]]);
    }

    // What a line depends on: it changes when a point is added or an attempt begins, not with every update.
    private readonly record struct Extent(int Attempt, int From, int Spacing, int Count)
    {
        public static Extent Of(Run run) => new(run.Attempt, run.AttemptFromStep, Stride(run.Step), run.Step / Stride(run.Step));
    }
}
