using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Text;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Datasets;

/// <summary>A document, as far as a page shows it.</summary>
/// <param name="Index">Its place among the documents, from 0.</param>
/// <param name="Characters">How long it is.</param>
/// <param name="Text">Its beginning.</param>
public sealed record DocumentPreview(long Index, int Characters, string Text)
{
    /// <summary>Characters of a document that are shown.</summary>
    public const int MostCharacters = 600;

    /// <summary>The preview of a document.</summary>
    public static DocumentPreview Of(long index, string document) =>
        new(index, document.Length, Beginning(document));

    /// <summary>A text as far as it is shown.</summary>
    internal static string Beginning(string text) => text.Length <= MostCharacters ? text : text[..(MostCharacters - 1)].TrimEnd() + "…";
}

/// <summary>What the beginning of a file would become.</summary>
/// <param name="Format">The format it is read as.</param>
/// <param name="Documents">The first documents.</param>
/// <param name="Read">Documents in what was read.</param>
/// <param name="Bytes">Bytes that were read.</param>
/// <param name="EndsInside">Whether the last of them goes on beyond those.</param>
/// <param name="LooksWrapped">Whether its lines seem to end where a printed line was full.</param>
public sealed record FilePreview(
    string Format, IReadOnlyList<DocumentPreview> Documents, int Read, int Bytes, bool EndsInside, bool LooksWrapped);

/// <summary>What a data set is used for.</summary>
/// <param name="Runs">Runs that learn from it, newest first.</param>
/// <param name="Models">Models that those runs made.</param>
/// <param name="SameText">Other data sets of the same text.</param>
public sealed record DatasetUsers(
    IReadOnlyList<Run> Runs, IReadOnlyList<(Guid Id, string Name)> Models, IReadOnlyList<Dataset> SameText);

/// <summary>The documents of texts, stored or not yet sent, and what uses them.</summary>
public sealed class DatasetDocuments(IDbContextFactory<WebDistillDb> contexts, DataFolder folder)
{
    /// <summary>Bytes of a file's beginning that a preview reads.</summary>
    public const int PreviewBytes = 1 << 16;

    /// <summary>Documents that a preview shows.</summary>
    public const int PreviewDocuments = 5;

    private const int MostUsers = 50;

    /// <summary>What the beginning of a file becomes with some options.</summary>
    /// <param name="head">Its first <see cref="PreviewBytes"/>, or all of it.</param>
    /// <exception cref="OptionsInvalidException">An option cannot be used, or the bytes are not text of the format.</exception>
    public static FilePreview Preview(string fileName, ReadOnlyMemory<byte> head, bool isWholeFile, DatasetOptions options)
    {
        if (options.Validate() is { Count: > 0 } problems)
            throw new OptionsInvalidException(problems);
        CorpusFormat format = options.Format is string name ? CorpusFormats.Find(name) : CorpusFormats.ForFileName(fileName);
        try
        {
            CorpusSample sample = CorpusSample.Read(fileName, head, isWholeFile,
                new CorpusOptions { Format = format.Name, JsonField = options.JsonField, UnwrapLines = options.UnwrapLines });
            return new FilePreview(format.Name, [.. sample.Documents.Take(PreviewDocuments).Select((document, i) => DocumentPreview.Of(i, document))],
                sample.Documents.Count, sample.Bytes, sample.EndsInside, sample.LooksWrapped);
        }
        catch (InvalidDataException e)
        {
            throw new OptionsInvalidException("file", e.Message);
        }
    }

    /// <summary>Some documents of a stored text, read from its beginning.</summary>
    /// <exception cref="ConflictException">It holds labelled examples.</exception>
    /// <exception cref="FilesGoneException">The text is gone or damaged.</exception>
    public Task<IReadOnlyList<DocumentPreview>> ReadAsync(Dataset dataset, long first, int count, CancellationToken cancel = default) => dataset.HoldsExamples()
        ? throw new ConflictException($"The data set '{dataset.Name}' holds examples with classes and no documents: read its examples.")
        : Task.Run(() => StoredFiles.Read<IReadOnlyList<DocumentPreview>>($"the data set '{dataset.Name}'", "Delete the data set and upload its text again.", () =>
        {
            string source = DatasetFiles.Source(folder.Dataset(dataset.Id));
            if (!File.Exists(source))
                throw new FileNotFoundException(null, source);
            List<DocumentPreview> documents = [];
            long index = 0;
            // What is held out changes nothing here, and what is stored of it may be no number.
            foreach (string document in CorpusPreparation.ReadDocuments(source, Options(dataset) with { ValidationProportion = 0 }))
            {
                cancel.ThrowIfCancellationRequested();
                if (index++ < first)
                    continue;
                documents.Add(DocumentPreview.Of(index - 1, document));
                if (documents.Count == count)
                    break;
            }
            return documents;
        }), cancel);

    /// <summary>How a data set's text is read and split.</summary>
    internal static CorpusOptions Options(Dataset dataset) => new()
    {
        Format = dataset.Format, JsonField = dataset.JsonField, UnwrapLines = dataset.UnwrapLines, ValidationProportion = dataset.ValidationProportion,
    };

    /// <summary>What uses a data set; of runs the newest 50.</summary>
    public async Task<DatasetUsers> UsersAsync(Dataset dataset, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        List<Run> runs = await db.Runs.AsNoTracking().Where(run => run.DatasetId == dataset.Id).NewestFirst().Take(MostUsers).ToListAsync(cancel);
        Guid[] made = [.. runs.Select(run => run.StudentModelId).OfType<Guid>()];
        var models = await db.Models.AsNoTracking().Where(model => made.Contains(model.Id)).NewestFirst()
            .Select(model => new { model.Id, model.Name }).ToListAsync(cancel);
        List<Dataset> sameText = dataset.Sha256 is null ? [] : await db.Datasets.AsNoTracking()
            .Where(other => other.Sha256 == dataset.Sha256 && other.Id != dataset.Id).NewestFirst().Take(MostUsers).ToListAsync(cancel);
        return new DatasetUsers(runs, [.. models.Select(model => (model.Id, model.Name))], sameText);
    }
}
