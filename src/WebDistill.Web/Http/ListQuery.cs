using System.ComponentModel;
using System.Globalization;
using Microsoft.AspNetCore.Mvc;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Http;

/// <summary>Which piece of a list is asked for: <c>?after=&amp;limit=</c>.</summary>
/// <param name="After">The last entry that the client has.</param>
/// <param name="Limit">Most entries of the answer.</param>
internal sealed record ListQuery(
    [property: FromQuery(Name = "after"), Description("The last entry of the piece before: the answer begins with the one that follows it. "
        + "Left out, it begins with the first one.")]
    string? After,
    [property: FromQuery(Name = "limit"), Description("Most entries of the answer, 1 to 1000; 100 when left out.")]
    string? Limit)
{
    /// <summary>What the OpenAPI document says about every list.</summary>
    public const string Description = "One piece of the list, as a JSON array. Where more entries follow, the answer has a header "
        + "Link: <...>; rel=\"next\" (RFC 8288) with the address of the next piece.";

    private int Most => QueryNumber.Read("limit", Limit, Lists.DefaultLimit, 1, Lists.MostLimit);

    /// <summary>Answers with a piece of a list whose entries are named by ids.</summary>
    /// <param name="read">Reads at most so many entries after one.</param>
    /// <param name="id">The id of an entry.</param>
    /// <param name="answer">The entry as the API shows it.</param>
    public Task<IEnumerable<TAnswer>> AnswerAsync<TRow, TAnswer>(
        HttpContext context, Func<Guid?, int, Task<IReadOnlyList<TRow>>> read, Func<TRow, Guid> id, Func<TRow, TAnswer> answer)
    {
        Guid? after = After is null ? null : Guid.TryParse(After, out Guid known) ? known
            : throw new OptionsInvalidException("after", $"The value is '{ForeignText.Quote(After)}', expected the id of an entry of this list.");
        return AnswerAsync(context, limit => read(after, limit), row => id(row).ToString(), answer);
    }

    /// <summary>Answers with a piece of a list whose entries are named by ascending numbers.</summary>
    public Task<IEnumerable<TAnswer>> AnswerAsync<TRow, TAnswer>(
        HttpContext context, Func<long, int, Task<IReadOnlyList<TRow>>> read, Func<TRow, long> number, Func<TRow, TAnswer> answer)
    {
        long after = -1; // A run has a checkpoint of update 0 when it was stopped before the first one.
        if (After is not null && !long.TryParse(After, NumberStyles.None, CultureInfo.InvariantCulture, out after))
            throw new OptionsInvalidException("after", $"The value is '{ForeignText.Quote(After)}', expected a whole number from 0.");
        return AnswerAsync(context, limit => read(after, limit), row => number(row).ToString(CultureInfo.InvariantCulture), answer);
    }

    /// <summary>Answers with a piece of a list whose entries are named by texts and that is at hand whole.</summary>
    /// <param name="kind">What an entry is called in a sentence.</param>
    public Task<IEnumerable<TRow>> AnswerAsync<TRow>(HttpContext context, IReadOnlyList<TRow> rows, Func<TRow, string> name, string kind)
    {
        int begin = After is null ? 0 : rows.ToList().FindIndex(row => name(row) == After) is >= 0 and int place ? place + 1
            : throw Lists.Unknown(After, kind);
        return AnswerAsync(context, limit => Task.FromResult<IReadOnlyList<TRow>>([.. rows.Skip(begin).Take(limit)]), name, row => row);
    }

    private async Task<IEnumerable<TAnswer>> AnswerAsync<TRow, TAnswer>(
        HttpContext context, Func<int, Task<IReadOnlyList<TRow>>> read, Func<TRow, string> place, Func<TRow, TAnswer> answer)
    {
        int most = Most;
        // One more than is shown tells whether there are more.
        IReadOnlyList<TRow> rows = await read(most + 1);
        if (rows.Count > most)
            context.Response.Headers.Link = string.Create(CultureInfo.InvariantCulture,
                $"<{context.Request.PathBase}{context.Request.Path}?after={Uri.EscapeDataString(place(rows[most - 1]))}&limit={most}>; rel=\"next\"");
        return rows.Take(most).Select(answer).ToList();
    }
}
