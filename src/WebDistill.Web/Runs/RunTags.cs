using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;

namespace WebDistill.Web.Runs;

/// <summary>The words that runs are given, to find them again among others.</summary>
public sealed class RunTags(IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, RunAnnouncements announcements)
{
    /// <summary>Longest tag, characters.</summary>
    public const int MaxCharacters = 32;

    /// <summary>Most tags of one run.</summary>
    public const int MaxTags = 20;

    /// <summary>The tags of a text: its words, in small letters.</summary>
    public static IEnumerable<string> Read(string? text) => (text ?? "").Split([' ', ',', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(Normal);

    /// <summary>The problem of a tag; null without one.</summary>
    public static string? Problem(string tag) => tag.Length == 0 ? "A tag is blank. Give it a word."
        : tag.Length > MaxCharacters ? $"The tag '{ForeignText.Quote(tag)}' has {tag.Length} characters, expected at most {MaxCharacters}. Shorten it."
        : tag.Any(c => char.IsWhiteSpace(c) || c == ',') || ForeignText.FirstUnprintable(tag) is not null
            ? $"The tag '{ForeignText.Quote(tag)}' is not one word of visible characters without a comma." : null;

    /// <summary>The tags of a run, by the alphabet.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    public async Task<IReadOnlyList<string>> OfAsync(Guid runId, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        await db.RequireRunAsync(runId, cancel);
        return await db.RunTags.Where(tag => tag.RunId == runId).Select(tag => tag.Tag).OrderBy(tag => tag).ToListAsync(cancel);
    }

    /// <summary>The tags of some runs; a run without any is missing.</summary>
    public async Task<IReadOnlyDictionary<Guid, IReadOnlyList<string>>> OfAsync(IReadOnlyCollection<Guid> runIds, CancellationToken cancel = default)
    {
        if (runIds.Count == 0)
            return new Dictionary<Guid, IReadOnlyList<string>>();
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        List<RunTag> found = await db.RunTags.AsNoTracking().Where(tag => runIds.Contains(tag.RunId)).OrderBy(tag => tag.Tag).ToListAsync(cancel);
        return found.GroupBy(tag => tag.RunId).ToDictionary(run => run.Key, run => (IReadOnlyList<string>)[.. run.Select(tag => tag.Tag)]);
    }

    /// <summary>Every tag that a run has, by the alphabet.</summary>
    public async Task<IReadOnlyList<string>> AllAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.RunTags.Select(tag => tag.Tag).Distinct().OrderBy(tag => tag).ToListAsync(cancel);
    }

    /// <summary>Gives a run these tags and no others.</summary>
    /// <exception cref="NotFoundException">There is no run with that id.</exception>
    /// <exception cref="OptionsInvalidException">One is no tag, or there are too many.</exception>
    public Task<IReadOnlyList<string>> SetAsync(Guid runId, IEnumerable<string> tags, CancellationToken cancel = default) =>
        ChangeAsync([runId], _ => tags, cancel);

    /// <summary>Gives some runs tags beside those that they have.</summary>
    /// <inheritdoc cref="SetAsync"/>
    public Task AddAsync(IReadOnlyCollection<Guid> runIds, IReadOnlyList<string> tags, CancellationToken cancel = default) =>
        ChangeAsync(runIds, own => own.Concat(tags), cancel);

    private async Task<IReadOnlyList<string>> ChangeAsync(
        IReadOnlyCollection<Guid> runIds, Func<IEnumerable<string>, IEnumerable<string>> change, CancellationToken cancel)
    {
        IReadOnlyList<string> last = [];
        await writer.WriteAsync(async db =>
        {
            foreach (Guid runId in runIds)
            {
                await db.RequireRunAsync(runId, cancel);
                List<RunTag> before = await db.RunTags.Where(tag => tag.RunId == runId).ToListAsync(cancel);
                string[] after = Checked(change(before.Select(tag => tag.Tag)));
                db.RunTags.RemoveRange(before.Where(tag => !after.Contains(tag.Tag)));
                db.RunTags.AddRange(after.Except(before.Select(tag => tag.Tag)).Select(tag => new RunTag { RunId = runId, Tag = tag }));
                last = after;
            }
            // All of them or none.
            await db.SaveChangesAsync(cancel);
        }, cancel);
        foreach (Guid runId in runIds)
            announcements.Announce(runId);
        return last;
    }

    private static string[] Checked(IEnumerable<string?> given)
    {
        // null is what JSON calls nothing: no word either.
        string[] tags = [.. given.Select(tag => Normal(tag ?? "")).Distinct().Order(StringComparer.Ordinal)];
        string[] problems = [.. tags.Select(Problem).OfType<string>()];
        if (tags.Length > MaxTags)
            problems = [.. problems, $"There are {tags.Length} tags, expected at most {MaxTags} of one run. Leave some out."];
        return problems.Length == 0 ? tags : throw new OptionsInvalidException("tags", string.Join(" ", problems));
    }

    // One word is one tag, however somebody wrote it.
    private static string Normal(string tag) => tag.Trim().ToLowerInvariant();
}
