using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>Which lines of a run's log.</summary>
/// <param name="Words">Each stands in the text of a line that matches.</param>
/// <param name="Least">Lines that want to be read less are left out.</param>
public sealed record LogQuery(string Words = "", LogSeverity Least = LogSeverity.Information);

/// <summary>The log of a run piece by piece, however long it is: chosen and cut by the database.</summary>
public sealed class RunLog(IDbContextFactory<WebDistillDb> contexts, SharedReads shared)
{
    /// <summary>How many lines match.</summary>
    public Task<int> CountAsync(Guid id, LogQuery query, CancellationToken cancel = default) => shared.ReadAsync(("log lines", id, query), async () =>
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        return await Matching(db, id, query).CountAsync();
    }, cancel);

    /// <summary>Those that match, oldest first: <paramref name="count"/> from the line <paramref name="first"/> on, counted from 0.</summary>
    public async Task<IReadOnlyList<LogLine>> ReadAsync(Guid id, LogQuery query, int first, int count, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await Matching(db, id, query).OrderBy(line => line.Id).Skip(first).Take(count).ToListAsync(cancel);
    }

    private static IQueryable<LogLine> Matching(WebDistillDb db, Guid id, LogQuery query)
    {
        IQueryable<LogLine> lines = db.LogLines.AsNoTracking().Where(line => line.RunId == id);
        if (query.Least != LogSeverity.Information)
        {
            LogSeverity[] wanted = [.. Enum.GetValues<LogSeverity>().Where(severity => severity >= query.Least)];
            lines = lines.Where(line => wanted.Contains(line.Severity));
        }
        foreach (string word in Lists.Words(query.Words))
            lines = lines.Where(line => line.Text.ToUpper().Contains(word));
        return lines;
    }
}
