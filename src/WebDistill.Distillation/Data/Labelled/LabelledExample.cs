namespace WebDistill.Distillation.Data.Labelled;

/// <summary>A text, or a pair of texts, with the class that it belongs to.</summary>
/// <param name="Text">The text; of a pair the first.</param>
/// <param name="Second">The second text of a pair; null of a single text.</param>
/// <param name="Label">The name of its class, without white space at its ends.</param>
/// <param name="Line">The line of the file at which it begins, from 1.</param>
public readonly record struct LabelledExample(string Text, string? Second, string Label, long Line);
