namespace WebDistill.Web.Ui;

/// <summary>A bar of a <see cref="Histogram"/>.</summary>
/// <param name="Value">Its height; null where there is nothing to measure.</param>
/// <param name="Range">What falls into it, with its unit.</param>
/// <param name="Words">Its value, with its unit.</param>
/// <param name="Label">What stands under it; null under most of many.</param>
/// <param name="IsSecond">Whether the label gives way where there is little room.</param>
public sealed record HistogramBar(double? Value, string Range, string Words, string? Label = null, bool IsSecond = false);
