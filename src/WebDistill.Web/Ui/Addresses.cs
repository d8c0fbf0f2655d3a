namespace WebDistill.Web.Ui;

/// <summary>Addresses of pages with a choice in them, to which pages of other features lead.</summary>
public static class Addresses
{
    /// <summary>The comparison of some runs.</summary>
    public static string Compare(IEnumerable<Guid> runIds) =>
        string.Join(',', runIds.Select(id => id.ToString("N"))) is { Length: > 0 } list ? $"/compare?runs={list}" : "/compare";
}
