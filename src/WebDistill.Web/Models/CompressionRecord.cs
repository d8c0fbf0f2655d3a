using System.Text.Json;
using System.Text.Json.Nodes;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Transforms;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Models;

/// <summary>What a model was made of without training, and what became of it: stands in its folder beside its weights, and goes with them into the download.</summary>
/// <param name="SourceId">The model that was transformed, which may be gone by now.</param>
/// <param name="SourceWeightsSha256">Hash of the weights that were read.</param>
/// <param name="Transform">Name of the transform.</param>
/// <param name="Parameters">All of its parameters.</param>
/// <param name="Validation">Measured before and after; null where there was no text of the model's vocabulary, and of models that predict no tokens.</param>
public sealed record CompressionRecord(
    Guid SourceId, string SourceName, string SourceWeightsSha256, string Transform, JsonObject Parameters, TransformReport Report, CompressionMeasure? Validation)
{
    /// <summary>Its name in a model's folder.</summary>
    public const string FileName = "compression.json";

    // Of a file that somebody else may have written nothing is taken for granted.
    private static readonly JsonSerializerOptions s_complete = new(WebJson.Measured) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>The transform, as people call it; its name where this version knows none of that name.</summary>
    public string Title => TransformCatalogue.All.FirstOrDefault(transform => transform.Name == Transform)?.Title ?? Transform;

    /// <summary>Why no perplexity stands in it where none does.</summary>
    public string Unmeasured(ModelHead head) => head switch
    {
        ModelHead.Classes => OfClasses,
        ModelHead.None => "No perplexity was measured: the model predicts no tokens.",
        _ => "No perplexity was measured: there was no prepared text of its vocabulary with a held-out part.",
    };

    /// <summary>What is measured of models with classes.</summary>
    public const string OfClasses = "Nothing is measured yet of models with classes: they have no perplexity. Their accuracy on a labelled data set is told by /api/models/ID/classes?dataset=ID.";

    /// <summary>That of a folder; null where it has none.</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static CompressionRecord? Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize<CompressionRecord>(File.ReadAllBytes(path), s_complete)
                ?? throw new InvalidDataException($"{FileName} holds null, expected a record of a compression.");
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{FileName} is no record of a compression: {problem.Message}", problem);
        }
    }

    /// <summary>Writes it, whole or not at all.</summary>
    public void Write(string folder, FileLayer files) =>
        DurableFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, WebJson.Measured), files);
}

/// <summary>A perplexity before and after.</summary>
/// <param name="Figure">Perplexity, or masked perplexity.</param>
/// <param name="DatasetName">Whose held-out tokens it is of.</param>
/// <param name="Tokens">That were read, from the first one on.</param>
/// <param name="Context">Tokens of a window.</param>
public sealed record CompressionMeasure(string Figure, Guid DatasetId, string DatasetName, long Tokens, int Context, Perplexity Before, Perplexity After);
