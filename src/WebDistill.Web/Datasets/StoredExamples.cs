using System.Text.Json;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Datasets;

/// <summary>How the labelled examples of a folder are read, as a file in it says: a folder that is taken back without its row is whole.</summary>
/// <param name="FileName">What the file of examples was called.</param>
/// <param name="HeldOutFileName">What the file of held-out ones was called; null without one.</param>
/// <param name="HeldOutShare">Of each class, where there is none.</param>
public sealed record StoredExamples(string FileName, string? HeldOutFileName, double HeldOutShare, LabelledOptions Options)
{
    /// <summary>Reads the file.</summary>
    /// <exception cref="InvalidDataException">It is missing or damaged.</exception>
    public static StoredExamples Read(string folder)
    {
        string path = DatasetFiles.Examples(folder);
        if (!File.Exists(path))
            throw new InvalidDataException($"{Path.GetFileName(path)} is missing; expected the file that says how its examples are read.");
        try
        {
            if (JsonSerializer.Deserialize<StoredExamples>(File.ReadAllText(path), WebJson.Options) is { FileName: not null, Options: not null } stored && stored.Options.Validate().Count == 0)
                return stored;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{Path.GetFileName(path)} cannot be read: {e.Message}", e);
        }
        throw new InvalidDataException($"{Path.GetFileName(path)} does not say how its examples are read; expected a file name and options.");
    }

    /// <summary>Writes the file.</summary>
    public void Write(string folder, FileLayer files) => DurableFile.WriteText(DatasetFiles.Examples(folder), JsonSerializer.Serialize(this, WebJson.Options), files);
}
