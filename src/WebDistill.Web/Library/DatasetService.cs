using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Distillation.QuickStart;
using WebDistill.Distillation.Text;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Library;

/// <summary>Corpora: uploaded in a stream, prepared in the background on threads of their own, previewed, removed.</summary>
public sealed class DatasetService(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, DatasetAnnouncements announcements,
    HostSettings settings, ILogger<DatasetService> logger) : BackgroundService
{
    private const int ConcurrentPreparations = 2;

    private readonly ConcurrentDictionary<Guid, Preparation> _preparations = new();
    private readonly SemaphoreSlim _places = new(ConcurrentPreparations, ConcurrentPreparations);
    private CancellationToken _shutdown;

    /// <summary>Every data set, newest first.</summary>
    public async Task<IReadOnlyList<Dataset>> ListAsync(CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking().OrderByDescending(dataset => dataset.CreatedAt).ToListAsync(cancel);
    }

    /// <summary>One data set.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<Dataset> GetAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking().SingleOrDefaultAsync(dataset => dataset.Id == id, cancel) ?? throw NotFound(id);
    }

    /// <summary>What the preparation is doing; null when none is under way.</summary>
    public DatasetProgress? Progress(Guid id) => _preparations.TryGetValue(id, out Preparation? preparation) ? preparation.Progress : null;

    /// <summary>The statistics of a data set that is ready, else null.</summary>
    public static CorpusStatistics? Statistics(Dataset dataset) =>
        dataset.StatisticsJson is null ? null : JsonSerializer.Deserialize<CorpusStatistics>(dataset.StatisticsJson, WebJson.Options);

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
        string incoming = folder.CreateIncoming();
        try
        {
            (long bytes, string sha256) =
                await Upload.StoreAsync(content, DatasetFiles.Source(incoming), settings.MaxUploadBytes, "file", cancel);
            if (bytes == 0)
                throw new OptionsInvalidException("file", "The file is empty. Upload a text with at least a few documents.");
            return new IncomingText(incoming, bytes, sha256);
        }
        catch
        {
            Directory.Delete(incoming, recursive: true);
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
            if (options.TokenizerModelId is Guid modelId)
                await CheckTokenizerAsync(modelId, problems, cancel);
            if (problems.Count > 0)
                throw new OptionsInvalidException(problems);

            Dataset dataset = new()
            {
                Id = Guid.CreateVersion7(),
                Name = name.Trim(),
                FileName = Names.OfFile(fileName),
                State = DatasetState.Preparing,
                Format = options.Format ?? CorpusFormats.ForFileName(fileName).Name,
                JsonField = options.JsonField,
                TokenizerModelId = options.TokenizerModelId,
                RequestedVocabularySize = options.TokenizerModelId is null
                    ? options.VocabularySize ?? DatasetOptions.DefaultVocabularySize
                    : null,
                ValidationProportion = options.ValidationProportion,
                Bytes = text.Bytes,
                Sha256 = text.Sha256,
                CreatedAt = DateTime.UtcNow,
            };
            folder.Publish(text.Folder, folder.Dataset(dataset.Id));
            await AddAsync(dataset, cancel);
            return dataset;
        }
        catch
        {
            if (Directory.Exists(text.Folder))
                Directory.Delete(text.Folder, recursive: true);
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
        Directory.CreateDirectory(folder.Dataset(dataset.Id));
        await AddAsync(dataset, cancel);
        return dataset;
    }

    /// <summary>Gives up a preparation that is under way; the data set becomes <see cref="DatasetState.Cancelled"/>.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is not being prepared.</exception>
    public async Task CancelAsync(Guid id, CancellationToken cancel = default)
    {
        Dataset dataset = await GetAsync(id, cancel);
        if (dataset.State != DatasetState.Preparing || !_preparations.TryGetValue(id, out Preparation? preparation))
            throw new ConflictException($"The data set '{dataset.Name}' is not being prepared ({dataset.State}): there is nothing to "
                + "cancel.");
        await preparation.Cancellation.CancelAsync();
    }

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
        return await Task.Run(() => StoredFiles.Read($"the data set '{dataset.Name}'", "Delete the data set and upload its text again.", () =>
        {
            string path = folder.Dataset(id);
            BpeTokenizer tokenizer = BpeTokenizer.Load(path);
            using TokenFile train = TokenFile.Open(DatasetFiles.Train(path));
            var previews = new List<PreviewBlock>();
            for (int block = 0; block < blocks; block++)
            {
                long offset = train.TokenCount * block / blocks;
                int[] ids = new int[(int)Math.Min(tokensPerBlock, train.TokenCount - offset)];
                train.Read(offset, ids);
                previews.Add(new PreviewBlock(offset, [.. ids.Select(token => new PreviewToken(token, tokenizer.TokenText(token)))]));
            }
            return previews;
        }), cancel);
    }

    /// <summary>Removes a data set with its files.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">A queued or running run uses it, or it is being prepared.</exception>
    public async Task DeleteAsync(Guid id, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            Dataset dataset = await db.Datasets.SingleOrDefaultAsync(d => d.Id == id, cancel) ?? throw NotFound(id);
            if (dataset.State == DatasetState.Preparing)
                throw new ConflictException($"The data set '{dataset.Name}' is being prepared. Cancel that first.");
            Run? user = await db.Runs.FirstOrDefaultAsync(
                run => run.DatasetId == id && RunLifecycle.NeedTheirFiles.Contains(run.Status), cancel);
            if (user is not null)
                throw new ConflictException($"The run '{user.Name}' uses the data set '{dataset.Name}' ({user.Status}). Stop it first.");
            db.Datasets.Remove(dataset);
            await db.SaveChangesAsync(cancel);
        }, cancel);
        folder.Delete(folder.Dataset(id));
        announcements.Announce(id);
    }

    /// <summary>Takes up the preparations that the end of an earlier process cut off.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _shutdown = stoppingToken;
        await using WebDistillDb db = await contexts.CreateDbContextAsync(stoppingToken);
        foreach (Dataset dataset in await db.Datasets.AsNoTracking().Where(d => d.State == DatasetState.Preparing)
            .ToListAsync(stoppingToken))
            Begin(dataset);
    }

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
        Begin(dataset);
        announcements.Announce(dataset.Id);
    }

    private void Begin(Dataset dataset)
    {
        var preparation = new Preparation(CancellationTokenSource.CreateLinkedTokenSource(_shutdown));
        // Only once: a data set added while an earlier process's are taken up is already there.
        if (_preparations.TryAdd(dataset.Id, preparation))
            _ = Task.Factory.StartNew(() => Run(dataset, preparation), TaskCreationOptions.LongRunning);
    }

    private void Run(Dataset dataset, Preparation preparation)
    {
        try
        {
            _places.Wait(preparation.Cancellation.Token);
            try
            {
                PrepareAndSave(dataset, preparation);
            }
            finally
            {
                _places.Release();
            }
        }
        catch (OperationCanceledException) when (_shutdown.IsCancellationRequested)
        {
            logger.LogInformation("The preparation of data set {DatasetId} is taken up again at the next start", dataset.Id);
        }
        catch (OperationCanceledException)
        {
            Finish(dataset.Id, d =>
            {
                d.State = DatasetState.Cancelled;
                d.Error = "Its preparation was cancelled.";
            });
        }
        catch (Exception e)
        {
            logger.LogWarning(e, "Data set {DatasetId} could not be prepared", dataset.Id);
            Finish(dataset.Id, d =>
            {
                d.State = DatasetState.Failed;
                // People know the text by the name of the file that they uploaded, not by where it is stored.
                string message = folder.Hide(e.Message
                    .Replace(DatasetFiles.Source(folder.Dataset(d.Id)), DatasetFiles.SourceName, StringComparison.Ordinal)
                    .Replace(DatasetFiles.SourceName, d.FileName, StringComparison.Ordinal));
                d.Error = e is InvalidDataException or ArgumentException or IOException ? message : $"{e.GetType().Name}: {message}";
            });
        }
        finally
        {
            _preparations.TryRemove(dataset.Id, out _);
            preparation.Cancellation.Dispose();
            announcements.Announce(dataset.Id);
        }
    }

    private void PrepareAndSave(Dataset dataset, Preparation preparation)
    {
        CancellationToken cancel = preparation.Cancellation.Token;
        string path = folder.Dataset(dataset.Id);
        string source = DatasetFiles.Source(path);
        void Show(string phase, double fraction, long documents = 0, long tokens = 0) =>
            preparation.Show(new DatasetProgress(phase, fraction, documents, tokens), () => announcements.Announce(dataset.Id));

        string? sha256 = dataset.Sha256;
        long bytes = dataset.Bytes;
        if (dataset.GeneratorSeed is int seed)
        {
            Show("Writing stories", 0);
            DurableFile.Write(source, stream => WriteStories(stream, seed, fraction => Show("Writing stories", fraction), cancel));
            using FileStream written = File.OpenRead(source);
            sha256 = Convert.ToHexStringLower(SHA256.HashData(written));
            bytes = written.Length;
        }

        var options = new CorpusOptions { Format = dataset.Format, JsonField = dataset.JsonField,
            ValidationProportion = dataset.ValidationProportion };
        BpeTokenizer tokenizer;
        if (dataset.TokenizerModelId is Guid modelId)
        {
            tokenizer = BpeTokenizer.Load(folder.Model(modelId));
        }
        else
        {
            Show("Training the vocabulary", 0);
            tokenizer = BpeTokenizer.Train(CorpusPreparation.ReadDocuments(source, options), dataset.RequestedVocabularySize!.Value,
                new Reporter<double>(fraction => Show("Training the vocabulary", fraction)), cancel);
        }
        tokenizer.Save(path);

        Show("Tokenising", 0);
        CorpusStatistics statistics =
            CorpusPreparation.Prepare(source, tokenizer, options, DatasetFiles.Train(path), DatasetFiles.Validation(path),
            new Reporter<CorpusProgress>(p =>
                Show("Tokenising", p.BytesTotal == 0 ? 1 : (double)p.BytesRead / p.BytesTotal, p.Documents, p.Tokens)), cancel);
        Finish(dataset.Id, d =>
        {
            d.State = DatasetState.Ready;
            d.Error = null;
            d.Bytes = bytes;
            d.Sha256 = sha256;
            d.TokenizerSha256 = tokenizer.Sha256;
            d.VocabularySize = tokenizer.VocabularySize;
            d.Documents = statistics.Documents;
            d.Tokens = statistics.Tokens;
            d.TrainTokens = statistics.TrainTokens;
            d.ValidationTokens = statistics.ValidationTokens;
            d.StatisticsJson = JsonSerializer.Serialize(statistics, WebJson.Options);
        });
    }

    private void WriteStories(Stream stream, int seed, Action<double> progress, CancellationToken cancel)
    {
        using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            leaveOpen: true) { NewLine = "\n" };
        int written = 0;
        foreach (string story in StoryCorpus.Generate(seed, settings.QuickStartStories))
        {
            cancel.ThrowIfCancellationRequested();
            text.WriteLine(story);
            text.WriteLine();
            if (++written % 1000 == 0)
                progress((double)written / settings.QuickStartStories);
        }
    }

    private void Finish(Guid id, Action<Dataset> change) => writer.Write(db =>
    {
        Dataset dataset = db.Datasets.Single(d => d.Id == id);
        change(dataset);
        db.SaveChanges();
    });

    private async Task CheckTokenizerAsync(Guid modelId, List<OptionProblem> problems, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Model? model = await db.Models.AsNoTracking().SingleOrDefaultAsync(m => m.Id == modelId, cancel);
        if (model is null)
            problems.Add(new("tokenizerModelId", $"There is no model '{modelId}'. Choose one of the list."));
        else if (model.TokenizerSha256 is null)
            problems.Add(new("tokenizerModelId", $"The model '{model.Name}' came without vocab.json and merges.txt. Choose another one, "
                + "or train a vocabulary."));
    }

    private static NotFoundException NotFound(Guid id) => new($"There is no data set {id}; it may have been deleted.");

    // Progress<T> would post to the thread pool and reorder.
    private sealed class Reporter<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }

    private sealed class Preparation(CancellationTokenSource cancellation)
    {
        private const long MillisecondsBetweenAnnouncements = 200;
        private long _announcedAt;

        public CancellationTokenSource Cancellation => cancellation;

        public DatasetProgress Progress { get; private set; } = new("Waiting", 0, 0, 0);

        public void Show(DatasetProgress progress, Action announce)
        {
            bool newPhase = progress.Phase != Progress.Phase;
            Progress = progress;
            long now = Environment.TickCount64;
            if (!newPhase && now - Interlocked.Read(ref _announcedAt) < MillisecondsBetweenAnnouncements)
                return;
            Interlocked.Exchange(ref _announcedAt, now);
            announce();
        }
    }
}

/// <summary>A text that is stored under incoming/ and not yet a data set.</summary>
public sealed record IncomingText(string Folder, long Bytes, string Sha256);
