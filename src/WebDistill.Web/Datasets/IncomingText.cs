namespace WebDistill.Web.Datasets;

/// <summary>A text, or labelled examples, that is stored under incoming/ and not yet a data set.</summary>
/// <param name="Bytes">Of all its files.</param>
/// <param name="Sha256">Of the text, or the file of examples to train on.</param>
/// <param name="HeldOutFileName">What the file of held-out examples was called; null without one.</param>
public sealed record IncomingText(string Folder, long Bytes, string Sha256, string? HeldOutFileName = null);
