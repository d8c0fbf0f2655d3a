using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;

namespace WebDistill.Web.Storage;

/// <summary>A piece of a long list, as a page shows it.</summary>
/// <param name="First">Rows before the first one.</param>
/// <param name="Total">Rows of the whole list.</param>
public sealed record Slice<T>(IReadOnlyList<T> Rows, int First, int Total);

/// <summary>
/// Long lists in pieces: the API goes on after the last row it has answered with, so that nothing is skipped or shown twice while rows come and
/// go; a page counts from the beginning, so that it can say how many there are. Neither reads more rows than it shows.
/// </summary>
internal static class Lists
{
    /// <summary>Rows of an answer of the API where none are asked for.</summary>
    public const int DefaultLimit = 100;

    /// <summary>Most rows of an answer of the API.</summary>
    public const int MostLimit = 1000;

    /// <summary>Rows that a page shows, and entries that a list to choose from offers, at once.</summary>
    public const int PageRows = 50;

    /// <summary>Newest first.</summary>
    public static IOrderedQueryable<T> NewestFirst<T>(this IQueryable<T> rows) where T : class, IListed =>
        rows.OrderByDescending(row => row.CreatedAt).ThenByDescending(row => row.Id);

    /// <summary>Newest first, or oldest first.</summary>
    public static IOrderedQueryable<T> ByAge<T>(this IQueryable<T> rows, bool newestFirst) where T : class, IListed =>
        newestFirst ? rows.NewestFirst() : rows.OrderBy(row => row.CreatedAt).ThenBy(row => row.Id);

    /// <summary>In the order of a property, rows that are equal in it newest first.</summary>
    public static IOrderedQueryable<T> OrderedBy<T, TKey>(this IQueryable<T> rows, Expression<Func<T, TKey>> key, bool descending) where T : class, IListed =>
        (descending ? rows.OrderByDescending(key) : rows.OrderBy(key)).ThenByDescending(row => row.CreatedAt).ThenByDescending(row => row.Id);

    /// <summary>The newest rows that are older than <paramref name="after"/>, newest first; from the newest one without it.</summary>
    /// <param name="kind">What a row is called in a sentence.</param>
    /// <exception cref="OptionsInvalidException">There is no row <paramref name="after"/>.</exception>
    public static async Task<IReadOnlyList<T>> AfterAsync<T>(
        this IQueryable<T> rows, Guid? after, int limit, string kind, CancellationToken cancel) where T : class, IListed
    {
        IQueryable<T> older = rows;
        if (after is Guid id)
        {
            DateTime at = await rows.Where(row => row.Id == id).Select(row => (DateTime?)row.CreatedAt).SingleOrDefaultAsync(cancel)
                ?? throw Unknown($"{id}", kind);
            // Not "at < a or (at = a and id < b)": an index is entered at a single place only with a bound that always holds.
            older = rows.Where(row => row.CreatedAt <= at && (row.CreatedAt < at || row.Id < id));
        }
        return await older.NewestFirst().Take(limit).ToListAsync(cancel);
    }

    /// <summary>Up to <see cref="PageRows"/> rows from the row <paramref name="first"/> on; the last ones where the list is shorter by now.</summary>
    public static async Task<Slice<T>> SliceAsync<T>(this IOrderedQueryable<T> rows, int first, CancellationToken cancel)
    {
        int total = await rows.CountAsync(cancel);
        first = Math.Max(0, Math.Min(first, (total - 1) / PageRows * PageRows));
        return new Slice<T>(await rows.Skip(first).Take(PageRows).ToListAsync(cancel), first, total);
    }

    /// <summary>The words of a filter, in capitals; a row matches when each is found in it.</summary>
    public static string[] Words(string filter) => filter.ToUpperInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The refusal of a place in a list that is not there.</summary>
    public static OptionsInvalidException Unknown(string after, string kind) => new("after",
        $"There is no {kind} '{ForeignText.Quote(after)}'; it may have been deleted. Leave 'after' out to begin at the first one.");
}
