using WebDistill.Web.Storage;

namespace WebDistill.Web.Ui;

/// <summary>What a list to choose from offers, out of more that may exist.</summary>
/// <param name="Groups">The entries, under headings.</param>
/// <param name="Total">How many match, those that are not offered included.</param>
public sealed record Offer(IReadOnlyList<OfferGroup> Groups, int Total)
{
    /// <summary>Entries without a heading.</summary>
    public static Offer Of<T>(Slice<T> found, Func<T, (string Value, string Label)> entry) =>
        new([new OfferGroup(null, [.. found.Rows.Select(entry)])], found.Total);

    /// <summary>What is left out, and how it is found; null where nothing is.</summary>
    public string? Remark { get; init; }

    /// <summary>How many are offered.</summary>
    public int Count => Groups.Sum(group => group.Entries.Count);

    /// <summary>What an entry is called; null when it is not offered.</summary>
    public string? Find(string value) => Groups.SelectMany(group => group.Entries).FirstOrDefault(entry => entry.Value == value).Label;
}

/// <summary>Entries that stand together.</summary>
/// <param name="Label">What they have in common; null for nothing.</param>
/// <param name="Entries">What is chosen, and how it is called.</param>
public sealed record OfferGroup(string? Label, IReadOnlyList<(string Value, string Label)> Entries);
