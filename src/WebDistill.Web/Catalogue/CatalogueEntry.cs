using System.Text.Json.Nodes;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Catalogue;

/// <summary>Everything that a run can be made of.</summary>
/// <param name="Families">Kinds of models.</param>
/// <param name="Tasks">What is learned.</param>
/// <param name="Losses">Terms of the objective.</param>
/// <param name="Teachers">Who teaches, alone or together.</param>
/// <param name="Students">What a student begins with; that which takes layers of a teacher changes a model's structure.</param>
/// <param name="BatchSources">What is read, and how it is cut.</param>
/// <param name="Compressions">What compresses a student while it trains.</param>
/// <param name="Transforms">What makes a model of a model without training.</param>
/// <param name="Missing">What must be stored before the examples can be posted: where it is missing, an example names it in its place. Empty when nothing is.</param>
public sealed record CatalogueResponse(
    IReadOnlyList<CatalogueEntry> Families, IReadOnlyList<CatalogueEntry> Tasks, IReadOnlyList<CatalogueEntry> Losses, IReadOnlyList<CatalogueEntry> Teachers,
    IReadOnlyList<CatalogueEntry> Students, IReadOnlyList<CatalogueEntry> BatchSources, IReadOnlyList<CatalogueEntry> Compressions, IReadOnlyList<CatalogueTransform> Transforms, IReadOnlyList<string> Missing);

/// <summary>What makes a model of a model without training.</summary>
/// <param name="Knobs">Its parameters.</param>
/// <param name="Address">Where the example is posted, with a model of this library; null where it has none.</param>
/// <param name="Example">A complete body.</param>
public sealed record CatalogueTransform(
    string Name, string Title, string Text, string Formula, string Source, IReadOnlyList<CatalogueKnob> Knobs, string? Address, JsonObject Example);

/// <summary>One of them.</summary>
/// <param name="Text">What it does and when it is the right choice.</param>
/// <param name="Formula">Null where nothing is computed.</param>
/// <param name="Knobs">The options that are its own.</param>
/// <param name="Example">A body of <c>POST /api/runs</c> that uses it, with a model and a text of this library, and 20 updates long.</param>
public sealed record CatalogueEntry(string Name, string Title, string Text, string? Formula, string Source, IReadOnlyList<CatalogueKnob> Knobs, JsonObject Example);

/// <summary>An option as it is described wherever it stands.</summary>
/// <param name="Path">As <c>POST /api/runs</c> nests it.</param>
/// <param name="Choices">Null where anything in the bounds can be said.</param>
/// <param name="Default">What holds where nothing is said; null where it follows from the models.</param>
public sealed record CatalogueKnob(
    string Path, string Label, string What, string? Usual, string? Unit, string Kind, IReadOnlyList<string>? Choices, double? Minimum, double? Maximum, JsonNode? Default)
{
    /// <summary>Of an option.</summary>
    /// <param name="defaults">Options of which each has its default.</param>
    public static CatalogueKnob Of(OptionField field, JsonObject defaults) => new(
        field.Path, field.Label, field.What, field.Usual, field.Unit, field.Kind.ToString(), field.Choices,
        double.IsFinite(field.Minimum) ? field.Minimum : null, double.IsFinite(field.Maximum) ? field.Maximum : null, field.In(defaults)?.DeepClone());
}
