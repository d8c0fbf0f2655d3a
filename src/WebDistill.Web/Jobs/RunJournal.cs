using System.Text.Json;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Jobs;

/// <summary>
/// What one attempt at a run tells, written into the database: its log, what it is made of, its steps, its checkpoints and its model. While the disk
/// refuses, the training rests in here with its state in memory.
/// </summary>
internal sealed partial class RunJournal : IRunJournal
{
    private readonly Run _run;
    private readonly RunSignals _signals;
    private readonly IDbContextFactory<WebDistillDb> _contexts;
    private readonly DatabaseWriter _writer;
    private readonly DataFolder _folder;
    private readonly RunAnnouncements _announcements;
    private readonly RunLifecycle _lifecycle;
    private readonly StorageHealth _storage;
    private readonly RunGuards _guards;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private SystemSampler? _system;
    private volatile StepRecorder? _recorder;
    private volatile ValidationScore? _teacher;

    /// <param name="run">As it is at the beginning of the attempt.</param>
    public RunJournal(
        Run run, RunSignals signals, IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder,
        RunAnnouncements announcements, RunLifecycle lifecycle, StorageHealth storage, RunGuards guards, TimeProvider time, ILogger logger)
    {
        (_run, _signals, _contexts, _writer, _folder) = (run, signals, contexts, writer, folder);
        (_announcements, _lifecycle, _storage, _guards, _time, _logger) = (announcements, lifecycle, storage, guards, time, logger);
    }

    /// <summary>Writes what is still queued; no step can be recorded afterwards. For the end of the attempt, and from another thread when that does not end
    /// in time.</summary>
    public async Task CloseRecordAsync()
    {
        if (_recorder is StepRecorder recorder)
            await recorder.DisposeAsync();
    }

    /// <inheritdoc/>
    public void Note(int step, string text, bool isWarning = false)
    {
        text = _folder.Hide(text);
        _logger.Log(isWarning ? LogLevel.Warning : LogLevel.Information, "Run {RunId} ({Name}): {Text}", _run.Id, _run.Name, text);
        Write(db => db.LogLines.Add(new LogLine
        {
            RunId = _run.Id, At = DateTime.UtcNow, Severity = isWarning ? LogSeverity.Warning : LogSeverity.Information, Step = step, Text = text,
        }));
        _announcements.Announce(_run.Id);
    }

    /// <inheritdoc/>
    /// <remarks>Writes down what the attempt is made of, and marks the recorded updates that it will make again.</remarks>
    public void Begin(AttemptStart start)
    {
        int superseded = 0;
        string? series = null;
        Write(db =>
        {
            using IDbContextTransaction all = db.Database.BeginTransaction();
            superseded = db.Supersede(_run.Id, start.RecordedSteps);
            StoredSeries? stored = db.Series.Find(_run.Id);
            series = RunSeries.Begin(stored?.Json, [.. start.Series, .. SystemSeries.All]);
            if (stored is null)
                db.Series.Add(new StoredSeries { RunId = _run.Id, Json = series });
            else
                stored.Json = series;
            (int? teacherLayers, long? teacherParameters) = (start.Teacher?.Layers, start.Teacher?.ParameterCount);
            string? dataset = db.Datasets.Where(row => row.Id == _run.DatasetId).Select(row => row.Sha256).SingleOrDefault();
            db.Runs.Where(run => run.Id == _run.Id).ExecuteUpdate(set => set
                .SetProperty(run => run.Step, start.RecordedSteps)
                .SetProperty(run => run.AttemptFromStep, start.RecordedSteps)
                .SetProperty(run => run.ResumeStep, (int?)null)
                .SetProperty(run => run.TotalSteps, start.TotalSteps)
                .SetProperty(run => run.TeacherLayers, teacherLayers)
                .SetProperty(run => run.TeacherParameters, teacherParameters)
                .SetProperty(run => run.StudentLayers, start.Student.Layers)
                .SetProperty(run => run.StudentParameters, start.Student.ParameterCount)
                .SetProperty(run => run.FlopsPerToken, start.Plan.FlopsPerToken)
                .SetProperty(run => run.TeacherSha256, start.Provenance.TeacherSha256)
                .SetProperty(run => run.DatasetSha256, dataset)
                .SetProperty(run => run.TokenizerSha256, start.Provenance.TokenizerSha256)
                .SetProperty(run => run.Engine, start.Provenance.Engine)
                .SetProperty(run => run.Version, start.Provenance.Version));
            RunCheckpoints.List(db, _run.Id, start.Checkpoints);
            db.SaveChanges();
            all.Commit();
        });
        if (superseded > 0)
            Note(start.RecordedSteps, $"{superseded} recorded updates came after the checkpoint: they are made again, and the old records are superseded.");
        Note(start.RecordedSteps, $"Training on {start.Provenance.Engine}: {start.TotalSteps} updates, student of {Figures.Counted(start.Student.Layers, "layer", "layers")} and "
            + $"{start.Student.ParameterCount} parameters, {start.TrainTokens} tokens.");
        Move(from: RunStatus.Preparing, to: RunStatus.Running);
        var recorded = RunSeries.Of(_run, series);
        _recorder = new StepRecorder(
            _run, recorded, _writer, _announcements, _storage, () => _teacher, RestAsync, _time, _signals.Ended);
        _guards.Begin(recorded, start.TotalSteps);
        // Measured now: while it trains, the two would share the machine.
        double peak = MatrixPeak.FlopsPerSecond(StoredOptions.Of(_run).Precision == Precision.BFloat16);
        _system = new SystemSampler(start.Plan.FlopsPerToken, peak, new SystemMeter(_time), _time);
        // Cut between the update and the rest.
        if (start.RecordedSteps >= _run.RestAtStep)
            Rest();
    }

    /// <inheritdoc/>
    public void TeacherMeasured(ValidationScore score) => _teacher = score;

    /// <inheritdoc/>
    public void Sampled(SampleSet samples)
    {
        Write(db =>
        {
            using IDbContextTransaction all = db.Database.BeginTransaction();
            // Those of an attempt that begins anew stand there already.
            db.Samples.Where(sample => sample.RunId == _run.Id && sample.Step == samples.Step).ExecuteDelete();
            db.Samples.AddRange(SampleRows.Of(_run, samples));
            db.SaveChanges();
            all.Commit();
        });
        _announcements.Announce(_run.Id);
    }

    /// <inheritdoc/>
    public void Report(StepReport report)
    {
        report = _system!.Add(report);
        _recorder!.Report(report);
        _recorder.WaitWhileRefused();
        _guards.Updated(report);
        if (report.Step == _run.RestAtStep)
            Rest();
        if (!_guards.AreChanged)
            return;
        Flush();
        _guards.Change();
    }

    // As if somebody had pressed Pause in this very moment: no further update is made, and the state is saved.
    private void Rest()
    {
        _storage.Persist(() => _lifecycle.MoveAsync(_run.Id, run => run.Status == RunStatus.Running ? RunStatus.Pausing : run.Status).GetAwaiter().GetResult(), _signals.Ended);
        _signals.Ask(RunWish.Pause);
    }

    /// <inheritdoc/>
    public void Diagnosed(Diagnosis diagnosis)
    {
        Write(db => db.Diagnoses.Add(new StoredDiagnosis
        {
            RunId = _run.Id, Step = diagnosis.Step, Attempt = _run.Attempt, Json = JsonSerializer.Serialize(diagnosis, WebJson.Measured),
        }));
        _announcements.Announce(_run.Id);
    }

    /// <inheritdoc/>
    public void Flush() => _recorder!.Flush();

    /// <inheritdoc/>
    public void CheckpointsAre(IReadOnlyList<CheckpointManifest> complete) => Write(db => RunCheckpoints.List(db, _run.Id, complete));

    /// <inheritdoc/>
    /// <remarks>Makes a model of the student.</remarks>
    public void Finish(FinishedRun finished)
    {
        CloseRecordAsync().GetAwaiter().GetResult();
        using (WebDistillDb read = _contexts.CreateDbContext())
        {
            // Cut after the model was made and before the run was complete.
            if (read.Models.Any(made => made.RunId == _run.Id && made.WeightsSha256 == finished.WeightsSha256))
                return;
        }
        // A run that was continued makes a model beside its first one: that may be somebody's teacher by now.
        Guid id = Directory.Exists(_folder.Model(_run.Id)) ? Guid.CreateVersion7() : _run.Id;
        CheckpointInfo info = WhenTheDiskTakesIt(finished.Steps, 3 * sizeof(float) * finished.ParameterCount, () => WriteModel(finished, id));
        string name = id == _run.Id ? _run.Name : $"{_run.Name}, {StoredOptions.Of(_run).Schedule.Epochs} epochs";
        Model model = ModelDescription.Create(id, name, info, finished.TokenizerSha256);
        model.Origin = ModelOrigin.Run;
        model.RunId = _run.Id;
        Write(db =>
        {
            db.Models.Add(model);
            Run row = db.Runs.Single(r => r.Id == _run.Id);
            row.StudentModelId = model.Id;
            if (finished.Teacher is ValidationScore teacher)
                row.PutTeacher(teacher);
            if (finished.Student is ValidationScore last)
                row.Put(last);
        });
        Note(finished.Steps, $"The student is the model '{model.Name}' now (SHA-256 {info.WeightsSha256}).");
    }

    private CheckpointInfo WriteModel(FinishedRun finished, Guid id)
    {
        string incoming = _folder.CreateIncoming();
        try
        {
            CheckpointInfo info = finished.Save(incoming, _folder.Files);
            _folder.Publish(incoming, _folder.Model(id));
            return info;
        }
        catch
        {
            _folder.Discard(incoming);
            throw;
        }
    }

    private void Write(Action<WebDistillDb> change) => _storage.Persist(() => _writer.Write(db =>
    {
        change(db);
        db.SaveChanges();
    }), _signals.Ended);
}
