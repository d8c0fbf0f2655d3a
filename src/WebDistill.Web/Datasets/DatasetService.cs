using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Datasets;

/// <summary>Corpora and labelled examples: uploaded in a stream, prepared by <see cref="DatasetPreparations"/>, previewed, removed.</summary>
public sealed class DatasetService(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, DatasetPreparations preparations,
    DatasetAnnouncements announcements, StorageHealth storage, TrashFolder trash, Func<Machine> machine,
    HostSettings settings)
{
    /// <summary>Data sets, newest first: the newest ones, or those that follow another one.</summary>
    /// <inheritdoc cref="Lists.AfterAsync"/>
    public async Task<IReadOnlyList<Dataset>> ListAsync(
        Guid? after = null, int limit = Lists.DefaultLimit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking().AfterAsync(after, limit, "data set", cancel);
    }

    /// <summary>One data set.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<Dataset> GetAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking().SingleOrDefaultAsync(dataset => dataset.Id == id, cancel) ?? throw NotFoundException.Of("data set", id);
    }

    /// <summary>What the preparation is doing; null when none is under way.</summary>
    public DatasetProgress? Progress(Guid id) => preparations.Progress(id);

    /// <summary>The statistics of a text that is ready, else null.</summary>
    public static CorpusStatistics? Statistics(Dataset dataset) =>
        dataset.StatisticsJson is null || dataset.HoldsExamples() ? null : JsonSerializer.Deserialize<CorpusStatistics>(dataset.StatisticsJson, WebJson.Options);

    /// <summary>
    /// Writes <paramref name="content"/> to the disk as it comes, however long it is, then prepares it in the background. Returns when the
    /// text is stored; until then nothing of it is visible, and an upload that breaks off leaves nothing.
    /// </summary>
    /// <param name="fileName">Suggests the format by its extension and is shown to people; never used as a path.</param>
    /// <exception cref="OptionsInvalidException">An option is out of range, or the file is empty or too large.</exception>
    public async Task<Dataset> CreateAsync(
        string name, string fileName, Stream content, DatasetOptions options, CancellationToken cancel = default)
    {
        IncomingText text = await ReceiveAsync(content, cancel);
        return await CreateAsync(name, fileName, text, options, cancel);
    }

    /// <summary>
    /// The first half of <see cref="CreateAsync(string, string, Stream, DatasetOptions, CancellationToken)"/>: stores the text under
    /// incoming/.
    /// </summary>
    /// <exception cref="OptionsInvalidException">The file is empty or too large.</exception>
    public async Task<IncomingText> ReceiveAsync(Stream content, CancellationToken cancel)
    {
        storage.RequireRoom();
        string incoming = folder.CreateIncoming();
        try
        {
            (long bytes, string sha256) =
                await Upload.StoreAsync(content, DatasetFiles.Source(incoming), folder.Files, settings.MaxUploadBytes, "file", cancel);
            if (bytes == 0)
                throw new OptionsInvalidException("file", "The file is empty. Upload a text with at least a few documents.");
            return new IncomingText(incoming, bytes, sha256);
        }
        catch
        {
            folder.Discard(incoming);
            throw;
        }
    }

    /// <summary>Stores a file of held-out examples beside the one that is trained on. On failure both are removed.</summary>
    /// <param name="fileName">Shown to people; never used as a path.</param>
    /// <exception cref="OptionsInvalidException">The file is empty or too large.</exception>
    public async Task<IncomingText> ReceiveHeldOutAsync(IncomingText text, string fileName, Stream content, CancellationToken cancel)
    {
        try
        {
            (long bytes, _) = await Upload.StoreAsync(content, DatasetFiles.HeldOut(text.Folder), folder.Files, settings.MaxUploadBytes, "heldOut", cancel);
            return bytes > 0 ? text with { Bytes = text.Bytes + bytes, HeldOutFileName = Names.OfFile(fileName) }
                : throw new OptionsInvalidException("heldOut", "The file is empty. Upload held-out examples, or hold out a share of the file.");
        }
        catch
        {
            folder.Discard(text.Folder);
            throw;
        }
    }

    /// <summary>
    /// The second half: makes a data set of a stored text and prepares it in the background. On failure the text is removed.
    /// </summary>
    /// <exception cref="OptionsInvalidException">The name or an option cannot be used.</exception>
    public async Task<Dataset> CreateAsync(
        string name, string fileName, IncomingText text, DatasetOptions options, CancellationToken cancel)
    {
        try
        {
            List<OptionProblem> problems = [.. options.Validate()];
            if (Names.Problem("name", name) is OptionProblem nameProblem)
                problems.Add(nameProblem);
            if (text.HeldOutFileName is not null && options.Labelled is null)
                problems.Add(new("heldOut", "A file of held-out examples is uploaded, and the data set is a text, of which the end is held out. Leave it out, or upload examples with classes."));
            else if (text.HeldOutFileName is not null && options.ValidationProportion != 0)
                problems.Add(new("validationProportion", $"A held-out file and a held-out share of {options.ValidationProportion} are both given. Leave one of them out."));
            if (options.TokenizerModelId is Guid modelId)
                await CheckTokenizerAsync(modelId, options.Labelled, problems, cancel);
            if (ProblemOfRoom(text.Bytes, options) is string noRoom)
                problems.Add(new("file", noRoom));
            if (problems.Count > 0)
                throw new OptionsInvalidException(problems);

            Dataset dataset = new()
            {
                Id = Guid.CreateVersion7(),
                Name = name.Trim(),
                FileName = Names.OfFile(fileName),
                State = DatasetState.Preparing,
                Format = options.Labelled?.Format ?? options.Format ?? CorpusFormats.ForFileName(fileName).Name,
                LabelledJson = options.Labelled is null ? null : JsonSerializer.Serialize(options.Labelled, WebJson.Options),
                HeldOutFileName = text.HeldOutFileName,
                JsonField = options.JsonField,
                UnwrapLines = options.UnwrapLines,
                TokenizerModelId = options.TokenizerModelId,
                RequestedVocabularySize = options.TokenizerModelId is null
                    ? options.VocabularySize ?? DatasetOptions.DefaultVocabularySize
                    : null,
                ValidationProportion = options.ValidationProportion,
                Bytes = text.Bytes,
                Sha256 = text.Sha256,
                CreatedAt = DateTime.UtcNow,
            };
            if (options.Labelled is not null)
                new StoredExamples(dataset.FileName, dataset.HeldOutFileName, dataset.ValidationProportion, options.Labelled).Write(text.Folder, folder.Files);
            folder.Publish(text.Folder, folder.Dataset(dataset.Id));
            await AddAsync(dataset, cancel);
            return dataset;
        }
        catch
        {
            folder.Discard(text.Folder);
            throw;
        }
    }

    /// <summary>A data set of generated stories, written and prepared in the background.</summary>
    public async Task<Dataset> CreateGeneratedAsync(string name, int seed, int vocabularySize, double validationProportion,
        CancellationToken cancel)
    {
        Dataset dataset = new()
        {
            Id = Guid.CreateVersion7(),
            Name = name,
            FileName = "stories.txt",
            State = DatasetState.Preparing,
            Format = "text-paragraphs",
            JsonField = "text",
            RequestedVocabularySize = vocabularySize,
            ValidationProportion = validationProportion,
            GeneratorSeed = seed,
            CreatedAt = DateTime.UtcNow,
        };
        folder.Files.CreateFolder(folder.Dataset(dataset.Id));
        await AddAsync(dataset, cancel);
        return dataset;
    }

    /// <summary>Gives up a preparation that is under way; the data set becomes <see cref="DatasetState.Cancelled"/>.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is not being prepared.</exception>
    public async Task CancelAsync(Guid id, CancellationToken cancel = default)
    {
        Dataset dataset = await GetAsync(id, cancel);
        if (!await preparations.TryCancelAsync(id, cancel))
            throw new ConflictException($"The data set '{dataset.Name}' is not being prepared ({dataset.State}): there is nothing to "
                + "cancel.");
    }

    /// <summary>The tokenizer of a data set that is ready, in words.</summary>
    public string Tokenizer(Dataset dataset) => TokenizerKinds.Describe(folder.Dataset(dataset.Id)).Description;

    /// <summary>Pieces of the training split, evenly spaced over it, token by token.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is not ready.</exception>
    /// <exception cref="FilesGoneException">Its tokens are gone or damaged.</exception>
    public async Task<IReadOnlyList<PreviewBlock>> PreviewAsync(
        Guid id, int blocks = 3, int tokensPerBlock = 128, CancellationToken cancel = default)
    {
        Dataset dataset = await GetAsync(id, cancel);
        if (dataset.State != DatasetState.Ready)
            throw new ConflictException($"The data set '{dataset.Name}' is not ready ({dataset.State}). A preview needs its tokens.");
        return await Task.Run(() => StoredFiles.Read($"the data set '{dataset.Name}'", "Delete the data set and upload its text again.",
            () => DatasetTokens.Pieces(folder.Dataset(id), blocks, tokensPerBlock)), cancel);
    }

    /// <summary>Where a data set's text stands, and what its file was called.</summary>
    /// <param name="heldOut">The file of held-out examples in its place.</param>
    /// <exception cref="NotFoundException">There is none with that id, or nothing was held out in a file of its own.</exception>
    /// <exception cref="FilesGoneException">Its text is gone.</exception>
    public async Task<(string Path, string FileName)> TextAsync(Guid id, bool heldOut = false, CancellationToken cancel = default)
    {
        Dataset dataset = await GetAsync(id, cancel);
        string name = !heldOut ? dataset.FileName : dataset.HeldOutFileName
            ?? throw new NotFoundException($"The data set '{dataset.Name}' was made of one file: there is none of held-out examples.");
        string source = heldOut ? DatasetFiles.HeldOut(folder.Dataset(id)) : DatasetFiles.Source(folder.Dataset(id));
        return StoredFiles.Read($"the data set '{dataset.Name}'", "Upload its text again.",
            () => File.Exists(source) ? (source, name) : throw new FileNotFoundException(null, source));
    }

    /// <summary>
    /// Makes another data set of the same text with other options: a model's vocabulary, above all, so that the model can teach on it. Labelled
    /// examples keep their columns.
    /// </summary>
    /// <param name="name">Its name; null takes the one of this data set, with what it is for.</param>
    /// <param name="options">Without a format it is read as it was.</param>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="OptionsInvalidException">The name or an option cannot be used.</exception>
    /// <exception cref="FilesGoneException">Its text is gone.</exception>
    public async Task<Dataset> TokeniseAgainAsync(Guid id, string? name, DatasetOptions options, CancellationToken cancel = default)
    {
        Dataset dataset = await GetAsync(id, cancel);
        options = options with { Labelled = dataset.Labelled() };
        List<OptionProblem> problems = [.. options.Validate()];
        if (dataset.HoldsExamples() && options.Format is string format && format != dataset.Format)
            problems.Add(new("format", $"The columns of its examples were chosen as '{dataset.Format}'. Leave the format out, or upload the file again."));
        string? model = options.TokenizerModelId is Guid modelId ? await CheckTokenizerAsync(modelId, options.Labelled, problems, cancel) : null;
        if (problems.Count > 0)
            throw new OptionsInvalidException(problems);
        await using FileStream text = await OpenAsync(heldOut: false);
        IncomingText incoming = await ReceiveAsync(text, cancel);
        if (dataset.HeldOutFileName is string heldOutName)
        {
            await using FileStream heldOut = await OpenAsync(heldOut: true);
            incoming = await ReceiveHeldOutAsync(incoming, heldOutName, heldOut, cancel);
        }
        name ??= Names.OfFile(model is null ? $"{dataset.Name}, another vocabulary" : $"{dataset.Name}, tokens of {model}");
        return await CreateAsync(name, dataset.FileName, incoming, options with { Format = options.Format ?? dataset.Format }, cancel);

        async Task<FileStream> OpenAsync(bool heldOut) => File.OpenRead((await TextAsync(id, heldOut, cancel)).Path);
    }

    /// <summary>Prepares a data set again whose preparation failed or was cancelled, with the same options.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is ready, or being prepared.</exception>
    public async Task<Dataset> RetryAsync(Guid id, CancellationToken cancel = default)
    {
        Dataset again = await writer.WriteAsync(async db =>
        {
            Dataset dataset = await db.Datasets.SingleOrDefaultAsync(d => d.Id == id, cancel) ?? throw NotFoundException.Of("data set", id);
            if (dataset.State is not (DatasetState.Failed or DatasetState.Cancelled))
                throw new ConflictException($"The data set '{dataset.Name}' is {dataset.State}: only one that failed or was cancelled is prepared again.");
            if (preparations.Progress(id) is not null)
                throw new ConflictException($"The preparation of the data set '{dataset.Name}' is just ending. Try again in a moment.");
            (dataset.State, dataset.Error) = (DatasetState.Preparing, null);
            await db.SaveChangesAsync(cancel);
            return dataset;
        }, cancel);
        preparations.Begin(again);
        announcements.Announce(id);
        return again;
    }

    /// <summary>Removes every data set whose preparation failed or was cancelled, with its files.</summary>
    /// <returns>How many.</returns>
    public async Task<int> RemoveFailedAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Guid[] failed = await db.Datasets.Where(dataset => dataset.State == DatasetState.Failed || dataset.State == DatasetState.Cancelled)
            .Select(dataset => dataset.Id).ToArrayAsync(cancel);
        foreach (Guid id in failed)
            await DeleteAsync(id, cancel);
        return failed.Length;
    }

    /// <summary>Gives a data set another name; what was measured on it is found under that one from then on.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="OptionsInvalidException">The name is blank, too long or not printable.</exception>
    public async Task RenameAsync(Guid id, string name, CancellationToken cancel = default)
    {
        Names.Check("name", name);
        string given = name.Trim();
        await writer.WriteAsync(async db =>
        {
            Dataset dataset = await db.Datasets.SingleOrDefaultAsync(d => d.Id == id, cancel) ?? throw NotFoundException.Of("data set", id);
            dataset.Name = given;
            await using IDbContextTransaction all = await db.Database.BeginTransactionAsync(cancel);
            await db.Evaluations.Where(e => e.DatasetId == id).ExecuteUpdateAsync(set => set.SetProperty(e => e.SourceName, given), cancel);
            await db.SaveChangesAsync(cancel);
            await all.CommitAsync(cancel);
        }, cancel);
        announcements.Announce(id);
    }

    /// <summary>Removes a data set with its files.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">A queued or running run uses it, or it is being prepared.</exception>
    public async Task DeleteAsync(Guid id, CancellationToken cancel = default)
    {
        await storage.DeleteAsync(() => RemoveAsync(id, cancel), folder.Dataset(id));
        announcements.Announce(id);
    }

    /// <summary>The same into the trash.</summary>
    /// <returns>Its name there, to take it back; null where the disk is full, and it is gone for good.</returns>
    /// <inheritdoc cref="DeleteAsync"/>
    public async Task<string?> DeleteToTrashAsync(Guid id, CancellationToken cancel = default)
    {
        string? name = await storage.DeleteToTrashAsync(async () => await RemoveAsync(id, cancel), StoredKind.Dataset, id, trash);
        announcements.Announce(id);
        return name;
    }

    /// <summary>Takes back a data set that <see cref="DeleteToTrashAsync"/> put into the trash under that name.</summary>
    /// <exception cref="NotFoundException">It is not there any more.</exception>
    public async Task UndoDeleteAsync(Guid id, string inTrash)
    {
        await trash.TakeBackAsync(inTrash);
        announcements.Announce(id);
    }

    private async Task<Dataset> RemoveAsync(Guid id, CancellationToken cancel) => await writer.WriteAsync(async db =>
    {
        Dataset dataset = await db.Datasets.SingleOrDefaultAsync(d => d.Id == id, cancel) ?? throw NotFoundException.Of("data set", id);
        if (dataset.State == DatasetState.Preparing)
            throw new ConflictException($"The data set '{dataset.Name}' is being prepared. Cancel that first.");
        Run? user = await db.Runs.FirstOrDefaultAsync(
            run => run.DatasetId == id && Run.StatusesThatNeedFiles.Contains(run.Status), cancel);
        if (user is not null)
            throw new ConflictException($"The run '{user.Name}' uses the data set '{dataset.Name}' ({user.Status}). Stop it first.");
        db.Datasets.Remove(dataset);
        await db.SaveChangesAsync(cancel);
        return dataset;
    }, cancel);

    private async Task AddAsync(Dataset dataset, CancellationToken cancel)
    {
        try
        {
            await writer.WriteAsync(async db =>
            {
                db.Datasets.Add(dataset);
                await db.SaveChangesAsync(cancel);
            }, cancel);
        }
        catch
        {
            folder.Delete(folder.Dataset(dataset.Id));
            throw;
        }
        preparations.Begin(dataset);
        announcements.Announce(dataset.Id);
    }

    /// <summary>Why a text cannot be tokenised here; null when there is room for as many tokens as it can have.</summary>
    private string? ProblemOfRoom(long textBytes, DatasetOptions options)
    {
        int vocabularySize = options.VocabularySize ?? DatasetOptions.DefaultVocabularySize;
        long free = machine().FreeDiskBytes;
        long most = options.Labelled is null ? CorpusPreparation.MostTokenBytes(textBytes, vocabularySize) : LabelledPreparation.MostBytes(textBytes, vocabularySize);
        return most <= free ? null
            : $"Its tokens can take {Machine.BytesInWords(most)} (text of {Machine.BytesInWords(textBytes)}, a token for every byte at most), and "
                + $"{Machine.BytesInWords(free)} of the disk are free. Make room, or upload less text.";
    }

    /// <returns>What the model is called; null where there is a problem.</returns>
    private async Task<string?> CheckTokenizerAsync(Guid modelId, LabelledOptions? labelled, List<OptionProblem> problems, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Model? model = await db.Models.AsNoTracking().SingleOrDefaultAsync(m => m.Id == modelId, cancel);
        if (model is null)
            problems.Add(new("tokenizerModelId", $"There is no model '{modelId}'. Choose one of the list."));
        else if (model.TokenizerSha256 is null)
            problems.Add(new("tokenizerModelId", $"The model '{model.Name}' came without the files of a tokenizer ({TokenizerKinds.FilesInWords}). Choose another one, "
                + "or train a vocabulary."));
        else if (labelled?.SecondColumn is not null && LabelledPreparation.ProblemOfPairs(StoredFiles.Read($"the model '{model.Name}'", "Import it again.",
            () => TokenizerKinds.Load(folder.Model(modelId)).Vocabulary)) is string noPairs)
            problems.Add(new("tokenizerModelId", noPairs));
        return model?.Name;
    }
}
