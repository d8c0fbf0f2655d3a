namespace WebDistill.Web.Ui;

/// <summary>Addresses of pages with a choice in them, to which pages of other features lead.</summary>
public static class Addresses
{
    /// <summary>The comparison of some runs.</summary>
    public static string Compare(IEnumerable<Guid> runIds) =>
        string.Join(',', runIds.Select(id => id.ToString("N"))) is { Length: > 0 } list ? $"/compare?runs={list}" : "/compare";

    /// <summary>The runs that have a tag.</summary>
    public static string RunsWith(string tag) => $"/?tag={Uri.EscapeDataString(tag)}";

    /// <summary>The order of a table as its page's address has it: a name, with a minus before it where the greatest comes first.</summary>
    /// <param name="standard">The order of an address that names none, the greatest first.</param>
    /// <returns>Null for that one.</returns>
    public static string? Order<TOrder>(TOrder order, bool descending, TOrder standard) where TOrder : struct, Enum =>
        descending && order.Equals(standard) ? null : $"{(descending ? "-" : "")}{order.ToString().ToLowerInvariant()}";

    /// <summary>What <see cref="Order{TOrder}(TOrder, bool, TOrder)"/> wrote; an order that there is not stands for the standard one.</summary>
    public static (TOrder Order, bool Descending) Order<TOrder>(string? written, TOrder standard) where TOrder : struct, Enum =>
        (Enum.TryParse(written?.TrimStart('-'), ignoreCase: true, out TOrder order) ? order : standard, written is null || written.StartsWith('-'));
}
