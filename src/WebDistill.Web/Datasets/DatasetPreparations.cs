using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Datasets;

/// <summary>
/// Prepares data sets in the background, on threads of their own: from a stored text to tokens. On a full disk a preparation waits and goes
/// on by itself; any other failure is the data set's end, and is written down as soon as the database takes it. Whatever happens, it can be
/// cancelled.
/// </summary>
public sealed class DatasetPreparations(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, DatasetAnnouncements announcements,
    StorageHealth storage, OutcomeWriter outcomes, HostSettings settings, ILogger<DatasetPreparations> logger) : BackgroundService
{
    private const int ConcurrentPreparations = 2;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<Guid, Preparation> _preparations = new();
    private readonly SemaphoreSlim _places = new(ConcurrentPreparations, ConcurrentPreparations);
    private CancellationToken _shutdown;

    /// <summary>What the preparation is doing; null when none is under way.</summary>
    public DatasetProgress? Progress(Guid id) => _preparations.TryGetValue(id, out Preparation? preparation) ? preparation.Progress : null;

    /// <summary>Begins to prepare a data set whose row says Preparing.</summary>
    public void Begin(Dataset dataset)
    {
        var preparation = new Preparation(CancellationTokenSource.CreateLinkedTokenSource(_shutdown));
        // Only once: a data set added while an earlier process's are taken up is already there.
        if (_preparations.TryAdd(dataset.Id, preparation))
            // Lets no exception out: there is nobody to hear of it.
            _ = RunAsync(dataset, preparation);
    }

    /// <summary>
    /// Gives up a preparation; the data set becomes <see cref="DatasetState.Cancelled"/>. Where its row says Preparing and nothing prepares it, the
    /// row alone changes: no state is one from which nobody gets out.
    /// </summary>
    /// <returns>False when its row does not say Preparing.</returns>
    public async Task<bool> TryCancelAsync(Guid id, CancellationToken cancel)
    {
        if (_preparations.TryGetValue(id, out Preparation? preparation))
        {
            await preparation.CancelAsync();
            return true;
        }
        bool isCancelled = await writer.WriteAsync(async db =>
        {
            // One that begins in this moment is found by its own end.
            if (await db.Datasets.SingleOrDefaultAsync(d => d.Id == id && d.State == DatasetState.Preparing, cancel) is not Dataset row)
                return false;
            Cancelled(row);
            await db.SaveChangesAsync(cancel);
            return true;
        }, cancel);
        announcements.Announce(id);
        return isCancelled;
    }

    /// <summary>Takes up the preparations that the end of an earlier process cut off.</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _shutdown = stoppingToken;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using WebDistillDb db = await contexts.CreateDbContextAsync(stoppingToken);
                foreach (Dataset dataset in await db.Datasets.AsNoTracking().Where(d => d.State == DatasetState.Preparing)
                    .ToListAsync(stoppingToken))
                    Begin(dataset);
                return;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                logger.LogError(e, "The data sets to prepare could not be read; trying again in {Delay}", RetryDelay);
                await Task.WhenAny(Task.Delay(RetryDelay, stoppingToken));
            }
        }
    }

    private async Task RunAsync(Dataset dataset, Preparation preparation)
    {
        try
        {
            Action<Dataset> end = await Task.Factory.StartNew(
                () => Outcome(dataset, preparation), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await outcomes.WriteAsync($"data set {dataset.Id}", () => SaveAsync(dataset.Id, end), _shutdown,
                reason => Show(dataset, preparation, new DatasetProgress(PreparationStage.WaitingToSave, 1, Reason: reason)));
        }
        catch (Exception e)
        {
            // Only the end of the process gets here: the row still says Preparing, which is what the next start goes by.
            logger.LogInformation(e, "The preparation of data set {DatasetId} is taken up again at the next start", dataset.Id);
        }
        finally
        {
            _preparations.TryRemove(dataset.Id, out _);
            announcements.Announce(dataset.Id);
        }
    }

    /// <summary>Prepares, waiting for room on the disk, and returns what the data set becomes.</summary>
    /// <exception cref="OperationCanceledException">The process ends.</exception>
    private Action<Dataset> Outcome(Dataset dataset, Preparation preparation)
    {
        try
        {
            _places.Wait(preparation.Ended);
            try
            {
                for (TimeSpan pause = RetryDelay; ; pause = pause * 2 > LongestPause ? LongestPause : pause * 2)
                {
                    try
                    {
                        storage.RequireRoom();
                        return Prepare(dataset, preparation);
                    }
                    catch (Exception e) when (storage.Explain(e) is { } refused && !preparation.Ended.IsCancellationRequested)
                    {
                        storage.Note(refused);
                        WaitForBetterTimes(dataset, preparation, refused, pause);
                    }
                }
            }
            finally
            {
                _places.Release();
            }
        }
        catch (Exception) when (_shutdown.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception) when (preparation.Ended.IsCancellationRequested)
        {
            return Cancelled;
        }
        catch (Exception e)
        {
            logger.LogWarning(e, "Data set {DatasetId} could not be prepared", dataset.Id);
            // People know the text by the name of the file that they uploaded, not by where it is stored.
            string[] parts = e.Message.Replace(DatasetFiles.Source(folder.Dataset(dataset.Id)), DatasetFiles.SourceName, StringComparison.Ordinal).Split(DatasetFiles.SourceName);
            string message = folder.Hide(string.Join(dataset.FileName, dataset.HeldOutFileName is string heldOut
                ? parts.Select(part => part.Replace(DatasetFiles.HeldOutName, heldOut, StringComparison.Ordinal)) : parts));
            return row => (row.State, row.Error) =
                (DatasetState.Failed, e is InvalidDataException or ArgumentException or IOException ? message : $"{e.GetType().Name}: {message}");
        }
    }

    private static void Cancelled(Dataset row) => (row.State, row.Error) = (DatasetState.Cancelled, "Its preparation was cancelled.");

    // What was written is removed by now: what is free was not enough, unless it is more than tokens of four bytes can take, and the tables of examples.
    private void WaitForBetterTimes(Dataset dataset, Preparation preparation, StorageRefusedException refused, TimeSpan pause)
    {
        const long margin = 1 << 24;
        long enough = Math.Min(folder.FreeBytes + DiskReserve.LeastBytes, (dataset.HoldsExamples() ? 2 : 1) * sizeof(int) * dataset.Bytes + margin);
        Show(dataset, preparation, new DatasetProgress(PreparationStage.WaitingForDisk, Reason: refused.Message));
        do
        {
            preparation.Ended.WaitHandle.WaitOne(pause);
            preparation.Ended.ThrowIfCancellationRequested();
            storage.Look();
        }
        while (refused.IsFull ? storage.IsFull || folder.FreeBytes < enough : storage.Problem is not null);
    }

    private Task SaveAsync(Guid id, Action<Dataset> end) => writer.WriteAsync(async db =>
    {
        // Deleted, or cancelled before this could be heard: then that is its end.
        if (await db.Datasets.SingleOrDefaultAsync(d => d.Id == id && d.State == DatasetState.Preparing) is not Dataset row)
            return;
        end(row);
        await db.SaveChangesAsync();
    });

    private void Show(Dataset dataset, Preparation preparation, DatasetProgress progress) =>
        preparation.Show(progress, () => announcements.Announce(dataset.Id));

    private Action<Dataset> Prepare(Dataset dataset, Preparation preparation)
    {
        if (dataset.Labelled() is LabelledOptions labelled)
            return PrepareExamples(dataset, labelled, preparation);
        CancellationToken cancel = preparation.Ended;
        string path = folder.Dataset(dataset.Id);
        string source = DatasetFiles.Source(path);
        string? sha256 = dataset.Sha256;
        long bytes = dataset.Bytes;
        if (dataset.GeneratorSeed is int seed)
        {
            Show(dataset, preparation, new(PreparationStage.Writing));
            DurableFile.Write(source, stream =>
                WriteStories(stream, seed, fraction => Show(dataset, preparation, new(PreparationStage.Writing, fraction)), cancel), folder.Files);
            using FileStream written = File.OpenRead(source);
            sha256 = Convert.ToHexStringLower(SHA256.HashData(written));
            bytes = written.Length;
        }

        CorpusOptions options = DatasetDocuments.Options(dataset);
        TextTokenizer tokenizer = WriteTokenizer(dataset, preparation, () => CorpusPreparation.ReadDocuments(source, options));
        Show(dataset, preparation, new(PreparationStage.Tokenising));
        CorpusStatistics statistics = CorpusPreparation.Prepare(
            source, tokenizer, options, DatasetFiles.Train(path), DatasetFiles.Validation(path), folder.Files,
            new Reporter<CorpusProgress>(p => Show(dataset, preparation, new(PreparationStage.Tokenising,
                p.BytesTotal == 0 ? 1 : (double)p.BytesRead / p.BytesTotal, p.Documents, p.Tokens))), cancel);
        return row =>
        {
            row.State = DatasetState.Ready;
            row.Error = null;
            row.Bytes = bytes;
            row.Sha256 = sha256;
            row.TokenizerSha256 = tokenizer.Vocabulary.Sha256;
            row.VocabularySize = tokenizer.Vocabulary.Size;
            row.Documents = statistics.Documents;
            row.Tokens = statistics.Tokens;
            row.TrainTokens = statistics.TrainTokens;
            row.ValidationTokens = statistics.ValidationTokens;
            row.StatisticsJson = JsonSerializer.Serialize(statistics, WebJson.Options);
        };
    }

    private Action<Dataset> PrepareExamples(Dataset dataset, LabelledOptions options, Preparation preparation)
    {
        string path = folder.Dataset(dataset.Id), source = DatasetFiles.Source(path);
        // Before the vocabulary, which takes longer: a column of something else than classes is refused at once.
        Show(dataset, preparation, new(PreparationStage.FindingClasses));
        LabelledClasses classes = LabelledClasses.Find(source, options, preparation.Ended);
        TextTokenizer tokenizer = WriteTokenizer(dataset, preparation, () => LabelledReader.ReadTexts(source, options));
        Show(dataset, preparation, new(PreparationStage.Tokenising));
        LabelledStatistics statistics = LabelledPreparation.Prepare(source, dataset.HeldOutFileName is null ? null : DatasetFiles.HeldOut(path), dataset.ValidationProportion, classes, options, tokenizer,
            DatasetFiles.Train(path), DatasetFiles.Validation(path), folder.Files,
            new Reporter<LabelledProgress>(p => Show(dataset, preparation, new(PreparationStage.Tokenising, p.Fraction, p.Examples, p.Tokens))), preparation.Ended);
        return row =>
        {
            row.State = DatasetState.Ready;
            row.Error = null;
            row.TokenizerSha256 = tokenizer.Vocabulary.Sha256;
            row.VocabularySize = tokenizer.Vocabulary.Size;
            row.Describe(statistics);
        };
    }

    /// <summary>The tokenizer of a data set, a model's or one trained on its texts, written to its folder.</summary>
    private TextTokenizer WriteTokenizer(Dataset dataset, Preparation preparation, Func<IEnumerable<string>> texts)
    {
        TextTokenizer tokenizer;
        if (dataset.TokenizerModelId is Guid modelId)
        {
            tokenizer = TokenizerKinds.Load(folder.Model(modelId));
        }
        else
        {
            Show(dataset, preparation, new(PreparationStage.TrainingVocabulary));
            tokenizer = Gpt2Tokenizer.Train(texts(), dataset.RequestedVocabularySize!.Value,
                new Reporter<double>(fraction => Show(dataset, preparation, new(PreparationStage.TrainingVocabulary, fraction))), preparation.Ended);
        }
        tokenizer.Save(folder.Dataset(dataset.Id), folder.Files);
        return tokenizer;
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

    // Progress<T> would post to the thread pool and reorder.
    private sealed class Reporter<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }

    private sealed class Preparation(CancellationTokenSource cancellation)
    {
        private const long MillisecondsBetweenAnnouncements = 200;
        private long _announcedAt;

        // The source is not disposed: who cancels may hold it when the preparation has just ended.
        public CancellationToken Ended { get; } = cancellation.Token;

        public DatasetProgress Progress { get; private set; } = DatasetProgress.None;

        public Task CancelAsync() => cancellation.CancelAsync();

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
