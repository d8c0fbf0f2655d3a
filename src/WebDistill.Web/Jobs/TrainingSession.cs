using System.Diagnostics;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Hosting;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Jobs;

/// <summary>
/// One attempt at a run, from its files or its last checkpoint to its model, on the thread that calls <see cref="Execute"/> and on no
/// other: tensors belong to the thread that made them.
/// </summary>
internal sealed partial class TrainingSession
{
    private readonly Run _run;
    private readonly RunOptions _options;
    private readonly RunSignals _signals;
    private readonly IDbContextFactory<WebDistillDb> _contexts;
    private readonly DatabaseWriter _writer;
    private readonly DataFolder _folder;
    private readonly RunAnnouncements _announcements;
    private readonly RunLifecycle _lifecycle;
    private readonly StorageHealth _storage;
    private readonly Func<Machine> _machine;
    private readonly Action? _makeRoom;
    private readonly ILogger _logger;
    private readonly CheckpointStore _store;
    private volatile StepRecorder? _recorder;
    private long _savedAt = Stopwatch.GetTimestamp();
    private int? _savedStep;
    private volatile bool _isSaved;
    private int _step;
    private string? _series;

    public TrainingSession(
        Run run, RunSignals signals, IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder,
        RunAnnouncements announcements, RunLifecycle lifecycle, StorageHealth storage, Func<Machine> machine, Action? makeRoom, ILogger logger)
    {
        (_run, _signals, _contexts, _writer, _folder) = (run, signals, contexts, writer, folder);
        (_announcements, _lifecycle, _storage, _machine, _makeRoom, _logger) = (announcements, lifecycle, storage, machine, makeRoom, logger);
        _options = RunService.Options(run);
        _store = folder.CheckpointsOf(run.Id);
    }

    /// <summary>Trains to the end and makes a model of the student.</summary>
    /// <exception cref="OperationCanceledException">Somebody wants something else, or the process ends; the state reached is
    /// saved.</exception>
    public void Execute()
    {
        Dataset dataset = ReadDataset();
        string corpus = _folder.Dataset(dataset.Id);
        using TokenFile train = TokenFile.Open(DatasetFiles.Train(corpus));
        using TokenFile? validation = dataset.ValidationTokens > 0 ? TokenFile.Open(DatasetFiles.Validation(corpus)) : null;
        TrainingProvenance provenance = DescribeOrigin(corpus, train, validation);
        TextTokenizer tokenizer = Gpt2Tokenizer.Load(corpus);

        string? start = FindStart(provenance);
        if (RoomForRun.Require(_options, train, start, _folder, FirstModel, _store, _machine, _makeRoom) is string shortage)
            Log(shortage, LogSeverity.Warning);
        using TextModel? teacher = _run.TeacherId is Guid teacherId ? ModelFiles.Load(_folder.Model(teacherId)) : null;
        using TextModel student = CreateStudent(teacher, train, start);
        _signals.Ended.ThrowIfCancellationRequested();
        using var trainer = new Trainer(_options, teacher, student, train, validation);
        if (start is not null)
            TrainingCheckpoint.Restore(start, trainer);
        BeginAttempt(teacher, trainer, train, dataset, provenance);
        Move(from: RunStatus.Preparing, to: RunStatus.Running);
        Train(trainer, tokenizer, provenance);
        SaveModel(trainer, tokenizer);
    }

    /// <summary>Closes the record from another thread, when this one does not end in time: no step can be recorded afterwards.</summary>
    public async Task CloseRecordAsync()
    {
        if (_recorder is StepRecorder recorder)
            await recorder.DisposeAsync();
    }

    /// <summary>Whether the state reached is that of a checkpoint.</summary>
    public bool IsSaved => _isSaved;

    /// <summary>A sentence about the last complete checkpoint, for the message of a failure.</summary>
    /// <remarks>Told when something is wrong already: that the disk cannot be read either must not hide it.</remarks>
    public string LastGoodState()
    {
        try
        {
            return DescribeLast();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $" Its checkpoints cannot be read: {e.Message}";
        }
    }

    private string DescribeLast() => _store.List() is [.., CheckpointManifest last]
        ? string.Create(CultureInfo.InvariantCulture, $" The last complete checkpoint is that of update {last.Step}: resume from it, or "
            + $"branch a new run from it with other options.")
        : " There is no checkpoint yet: clone the run and change its options.";

    private void Log(string text) => Log(text, LogSeverity.Information);

    private void Log(string text, LogSeverity severity)
    {
        _logger.Log(severity == LogSeverity.Information ? LogLevel.Information : LogLevel.Warning,
            "Run {RunId} ({Name}): {Text}", _run.Id, _run.Name, text);
        Write(db =>
            db.LogLines.Add(new LogLine { RunId = _run.Id, At = DateTime.UtcNow, Severity = severity, Step = _step, Text = text }));
        _announcements.Announce(_run.Id);
    }

    private Dataset ReadDataset()
    {
        using WebDistillDb db = _contexts.CreateDbContext();
        return db.Datasets.AsNoTracking().SingleOrDefault(dataset => dataset.Id == _run.DatasetId)
            ?? throw new InvalidDataException("Its data set was deleted. Clone the run with another one.");
    }

    private TrainingProvenance DescribeOrigin(string corpus, TokenFile train, TokenFile? validation)
    {
        string? teacherSha256 = null;
        if (_run.TeacherId is Guid teacherId)
        {
            using SafetensorsFile weights = SafetensorsFile.OpenModel(_folder.Model(teacherId));
            teacherSha256 = weights.ComputeSha256(_signals.Ended);
        }
        return new TrainingProvenance(
            teacherSha256, FileHash.Sha256(DatasetFiles.Train(corpus)), validation is null ? null : FileHash.Sha256(DatasetFiles.Validation(corpus)),
            train.TokenizerSha256, Device.Name, ProductVersion.Text);
    }

    /// <summary>The checkpoint to go on from, checked to the last byte; null starts from the beginning.</summary>
    private string? FindStart(TrainingProvenance provenance)
    {
        _store.CleanUp();
        string? start;
        if (_run.ResumeStep is int chosen)
        {
            start = _store.Folder(chosen);
            TrainingCheckpoint.Verify(start);
            foreach (int later in _store.RemoveAfter(chosen))
                Log($"The checkpoint of update {later} is removed: the run goes on from update {chosen}.");
        }
        else
        {
            start = _store.Newest(out IReadOnlyList<DamagedCheckpoint> damaged)?.Folder;
            foreach (DamagedCheckpoint checkpoint in damaged)
            {
                _store.SetAside(checkpoint);
                Log($"The checkpoint {checkpoint.Name} is damaged and passed over: {_folder.Hide(checkpoint.Problem)}", LogSeverity.Warning);
            }
        }
        if (start is null)
        {
            if (_run.Step > 0)
                Log("There is no complete checkpoint: the run begins anew.", LogSeverity.Warning);
            return null;
        }
        (TrainingState state, RunOptions saved, TrainingProvenance origin) = TrainingCheckpoint.ReadState(start);
        provenance.RequireSameAs(origin);
        IReadOnlyList<OptionProblem> problems = TrainingCheckpoint.CheckContinuation(saved, _options);
        if (problems.Count > 0)
            throw new InvalidDataException(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")));
        _step = state.Step;
        _savedStep = state.Unreported is null ? state.Step : null;
        _isSaved = true;
        Log($"Goes on from the checkpoint of update {state.Step}.");
        if (origin.Engine != provenance.Engine)
            Log($"The checkpoint was saved on {origin.Engine}, the run goes on on {provenance.Engine}: the results may differ in the last "
                + "digits from those of an uninterrupted run.", LogSeverity.Warning);
        return start;
    }

    /// <summary>The folder of the model whose weights the student begins with; null when it begins otherwise.</summary>
    private string? FirstModel => CheckpointInit.ModelOf(_options) is Guid id ? _folder.Model(id) : null;

    private TextModel CreateStudent(TextModel? teacher, TokenFile train, string? start)
    {
        if (start is not null)
        {
            using TextModel saved = ModelFiles.Load(start);
            return StudentInits.Create(
                _options with { StudentInitialisation = CheckpointInit.InitName }, teacher, train.VocabularySize, saved, train.EndOfTextId);
        }
        using TextModel? first = FirstModel is string model ? ModelFiles.Load(model) : null;
        return StudentInits.Create(_options, teacher, train.VocabularySize, first, train.EndOfTextId);
    }

    /// <summary>Writes down what the attempt is made of, and marks the recorded updates that it will make again.</summary>
    private void BeginAttempt(TextModel? teacher, Trainer trainer, TokenFile train, Dataset dataset, TrainingProvenance provenance)
    {
        Architecture student = trainer.Student.Architecture;
        RunPlan plan = RunPlan.Compute(_options, teacher?.Architecture, student, train);
        int recorded = trainer.State.Unreported is { } unreported ? unreported.Step - 1 : trainer.CompletedSteps;
        int superseded = 0;
        IReadOnlyList<CheckpointManifest> complete = _store.List();
        Write(db =>
        {
            using IDbContextTransaction all = db.Database.BeginTransaction();
            superseded = db.Supersede(_run.Id, recorded);
            StoredSeries? stored = db.Series.Find(_run.Id);
            _series = RunSeries.Begin(stored?.Json, trainer.Series);
            if (stored is null)
                db.Series.Add(new StoredSeries { RunId = _run.Id, Json = _series });
            else
                stored.Json = _series;
            db.Runs.Where(run => run.Id == _run.Id).ExecuteUpdate(set => set
                .SetProperty(run => run.Step, recorded)
                .SetProperty(run => run.AttemptFromStep, recorded)
                .SetProperty(run => run.ResumeStep, (int?)null)
                .SetProperty(run => run.TotalSteps, trainer.TotalSteps)
                .SetProperty(run => run.TeacherLayers, teacher == null ? null : teacher.Architecture.Layers)
                .SetProperty(run => run.TeacherParameters, teacher == null ? null : teacher.Architecture.ParameterCount)
                .SetProperty(run => run.StudentLayers, student.Layers)
                .SetProperty(run => run.StudentParameters, student.ParameterCount)
                .SetProperty(run => run.FlopsPerToken, plan.FlopsPerToken)
                .SetProperty(run => run.TeacherSha256, provenance.TeacherSha256)
                .SetProperty(run => run.DatasetSha256, dataset.Sha256)
                .SetProperty(run => run.TokenizerSha256, provenance.TokenizerSha256)
                .SetProperty(run => run.Engine, provenance.Engine)
                .SetProperty(run => run.Version, provenance.Version));
            RunCheckpoints.List(db, _run.Id, complete);
            db.SaveChanges();
            all.Commit();
        });
        if (superseded > 0)
            Log($"{superseded} recorded updates came after the checkpoint: they are made again, and the old records are superseded.");
        Log($"Training on {provenance.Engine}: {trainer.TotalSteps} updates, student of {student.Layers} layers and "
            + $"{student.ParameterCount} parameters, {train.TokenCount} tokens.");
    }

    private void Train(Trainer trainer, TextTokenizer tokenizer, TrainingProvenance provenance)
    {
        var recorder = new StepRecorder(
            _run, RunSeries.Of(_run, _series), _writer, _announcements, _storage, () => trainer.TeacherValidationPerplexity, RestAsync, TimeProvider.System, _signals.Ended);
        _recorder = recorder;
        try
        {
            trainer.Run(recorder, LogAtUpdate, AfterUpdate, _signals.Ended);
            SaveCheckpoint();
        }
        catch (OperationCanceledException) when (_signals.Ended.IsCancellationRequested)
        {
            if (trainer.CompletedSteps > 0)
                SaveCheckpoint();
            throw;
        }
        finally
        {
            recorder.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }

        void LogAtUpdate(string text)
        {
            _step = trainer.CompletedSteps;
            Log(text);
        }

        void AfterUpdate(Trainer _)
        {
            _step = trainer.CompletedSteps;
            _isSaved = false;
            recorder.WaitWhileRefused();
            bool bySteps = _options.CheckpointIntervalSteps > 0 && _step % _options.CheckpointIntervalSteps == 0;
            bool byTime = _options.CheckpointIntervalMinutes > 0
                && Stopwatch.GetElapsedTime(_savedAt).TotalMinutes >= _options.CheckpointIntervalMinutes;
            if (bySteps || byTime)
                SaveCheckpoint();
        }

        void SaveCheckpoint()
        {
            _step = trainer.CompletedSteps;
            if (_savedStep == _step)
                return;
            _isSaved = false;
            // First the rows, then the checkpoint: one that is newer than its rows would leave a gap in the curves.
            recorder.Flush();
            WhenTheDiskTakesIt(trainer, () => _store.Save(_step, folder =>
                TrainingCheckpoint.Write(folder, trainer, tokenizer, _options, provenance, _folder.Files)));
            _savedAt = Stopwatch.GetTimestamp();
            _savedStep = trainer.State.Unreported is null ? _step : null;
            _isSaved = true;
            IReadOnlyList<int> removed = WhenTheDiskTakesIt(trainer, () => _store.Prune(CheckpointRetention.Of(_options)));
            IReadOnlyList<CheckpointManifest> complete = _store.List();
            Write(db => RunCheckpoints.List(db, _run.Id, complete));
            Log($"Checkpoint saved after update {_step}."
                + (removed.Count == 0 ? "" : $" Removed by the rule of retention: {string.Join(", ", removed)}."));
        }
    }

    private void SaveModel(Trainer trainer, TextTokenizer tokenizer)
    {
        using (WebDistillDb read = _contexts.CreateDbContext())
        {
            // Cut after the model was made and before the run was complete.
            string weights = _store.List()[^1].WeightsSha256;
            if (read.Models.Any(made => made.RunId == _run.Id && made.WeightsSha256 == weights))
                return;
        }
        // A run that was continued makes a model beside its first one: that may be somebody's teacher by now.
        Guid id = Directory.Exists(_folder.Model(_run.Id)) ? Guid.CreateVersion7() : _run.Id;
        CheckpointInfo info = WhenTheDiskTakesIt(trainer, () => WriteModel(trainer, tokenizer, id));
        string name = id == _run.Id ? _run.Name : $"{_run.Name}, {_options.Epochs} epochs";
        Model model = ModelDescription.Create(id, name, info, tokenizer.Vocabulary.Sha256);
        model.Origin = ModelOrigin.Run;
        model.RunId = _run.Id;
        Write(db =>
        {
            db.Models.Add(model);
            Run row = db.Runs.Single(r => r.Id == _run.Id);
            row.StudentModelId = model.Id;
            if (trainer.TeacherValidationPerplexity is Perplexity ofTeacher)
                (row.TeacherPerplexity, row.TeacherNatsPerToken) = (ofTeacher.Value, ofTeacher.NatsPerToken);
            if (trainer.LastValidationPerplexity is Perplexity last)
                (row.ValidationPerplexity, row.ValidationNatsPerToken) = (last.Value, last.NatsPerToken);
        });
        Log($"The student is the model '{model.Name}' now (SHA-256 {info.WeightsSha256}).");
    }

    private CheckpointInfo WriteModel(Trainer trainer, TextTokenizer tokenizer, Guid id)
    {
        string incoming = _folder.CreateIncoming();
        try
        {
            CheckpointInfo info = ModelFiles.Save(trainer.Student, incoming, _folder.Files);
            tokenizer.Save(incoming, _folder.Files);
            _folder.Publish(incoming, _folder.Model(id));
            return info;
        }
        catch
        {
            _folder.Discard(incoming);
            throw;
        }
    }
}
