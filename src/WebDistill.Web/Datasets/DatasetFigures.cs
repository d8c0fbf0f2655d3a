using WebDistill.Data;
using WebDistill.Distillation.Text;
using WebDistill.Web.Formats;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Datasets;

/// <summary>What several pages say about a data set in the same way.</summary>
public static class DatasetFigures
{
    public static string Address(this Dataset dataset) => $"/datasets/{dataset.Id:N}";

    /// <summary>Whether it holds labelled examples, whose classes a run learns, and not texts.</summary>
    public static bool HoldsExamples(this Dataset dataset) => dataset.LabelledJson is not null;

    /// <summary>Whether its preparation ended without a data set, and can begin again.</summary>
    public static bool CanRetry(this Dataset dataset) => dataset.State is DatasetState.Failed or DatasetState.Cancelled;

    /// <summary>The class of the state's colour.</summary>
    public static string Class(this DatasetState state) => state switch
    {
        DatasetState.Preparing => "running",
        DatasetState.Ready => "completed",
        DatasetState.Failed => "failed",
        _ => "stopped",
    };

    /// <summary>The format in words: "text-lines" is a name for options.</summary>
    public static string FormatText(this Dataset dataset)
    {
        string description = CorpusFormats.Find(dataset.Format).Description.TrimEnd('.');
        return char.ToLowerInvariant(description[0]) + description[1..];
    }

    /// <summary>Size of the text over its tokens.</summary>
    public static double? BytesPerToken(this Dataset dataset) =>
        dataset.Tokens is > 0 and long tokens ? (double)dataset.Bytes / tokens : null;

    /// <summary>Where the vocabulary comes from.</summary>
    /// <param name="models">The names of models that exist, that of its tokenizer among them.</param>
    public static string TokenizerText(this Dataset dataset, IReadOnlyDictionary<Guid, string> models) =>
        dataset.TokenizerModelId is not Guid id ? "trained on it"
        : models.TryGetValue(id, out string? name) ? $"of {name}"
        : "of a model deleted since";

    /// <summary>Where its text is uploaded again with the same options.</summary>
    public static string UploadAgainAddress(this Dataset dataset) => $"/datasets?upload={dataset.Id:N}";

    /// <summary>Whether the data set shall be deleted, naming everything that goes with it.</summary>
    public static Task<bool> ConfirmDeleteAsync(Dialogs dialogs, Dataset dataset) => dialogs.ConfirmAsync(
        $"Delete {dataset.Name}?",
        dataset.Tokens is long tokens
            ? $"Deletes the text, {Figures.BytesText(dataset.Bytes)}, with its vocabulary and its {Figures.Count(tokens)} tokens."
            : $"Deletes the text, {Figures.BytesText(dataset.Bytes)}.",
        $"It goes to the trash, from where it can be taken back.{(dataset.State == DatasetState.Ready ? " Runs trained on it keep their curves and models." : "")}", "Delete");
}
