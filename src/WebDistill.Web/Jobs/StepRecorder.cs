using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Jobs;

/// <summary>
/// Saves the steps of one attempt at a run: what is reported is written in one transaction at most every
/// <see cref="FlushIntervalMilliseconds"/>, and only then announced, so that nothing is shown that a crash could take back.
/// <see cref="Report"/> returns at once unless the database falls <see cref="QueueCapacity"/> steps behind: then it waits, because a slower
/// training is better than a lost number. While the disk refuses, the steps wait in memory.
/// </summary>
public sealed class StepRecorder : IProgress<StepReport>, IAsyncDisposable
{
    /// <summary>Shortest time between two transactions.</summary>
    public const int FlushIntervalMilliseconds = 200;

    /// <summary>Most steps that wait to be written.</summary>
    public const int QueueCapacity = 4096;

    private static readonly TimeSpan RefusalRetryDelay = TimeSpan.FromSeconds(1);

    private readonly Run _run;
    private readonly RunSeries _series;
    private readonly DatabaseWriter _writer;
    private readonly RunAnnouncements _announcements;
    private readonly Func<ValidationScore?> _teacher;
    private readonly StorageHealth _storage;
    private readonly Func<StorageRefusedException?, Task<bool>> _rests;
    private readonly CancellationToken _ended;
    private readonly ManualResetEventSlim _accepted = new(true);
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly CancellationTokenSource _disposing = new();
    private readonly SemaphoreSlim _hurry = new(0);
    private readonly Channel<Entry> _queue =
        Channel.CreateBounded<Entry>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });
    private readonly Task _written;

    /// <param name="run">As it is at the beginning of the attempt.</param>
    /// <param name="teacher">What was measured of the teacher. Asked at every transaction, so that the teacher's line appears as soon as it is measured.</param>
    /// <param name="rests">Told while the disk refuses, and with null when it has taken the steps; says whether that is written down.</param>
    /// <param name="time">Its monotonic clock measures how long the run trains: the wall clock may be set meanwhile.</param>
    /// <param name="ended">With it signalled a refusal is not waited for: what cannot be written at once is given up.</param>
    public StepRecorder(
        Run run, RunSeries series, DatabaseWriter writer, RunAnnouncements announcements, StorageHealth storage, Func<ValidationScore?> teacher,
        Func<StorageRefusedException?, Task<bool>> rests, TimeProvider time, CancellationToken ended)
    {
        _run = run;
        _series = series;
        _writer = writer;
        _announcements = announcements;
        _teacher = teacher;
        (_storage, _rests, _ended) = (storage, rests, ended);
        (_time, _startedAt) = (time, time.GetTimestamp());
        _written = Task.Run(WriteAsync);
    }

    /// <summary>Takes one step's numbers; called on the training thread.</summary>
    /// <exception cref="ChannelClosedException">An earlier step could not be written (the inner exception says why), or the recorder is
    /// disposed.</exception>
    public void Report(StepReport value) => Enqueue(new Entry(value, null));

    /// <summary>Returns when every step that was reported is on the disk; called on the training thread.</summary>
    /// <exception cref="ChannelClosedException">As for <see cref="Report"/>.</exception>
    public void Flush()
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new Entry(null, flushed));
        _hurry.Release();
        // Whatever ends the writing ends the wait: then the next Report says why.
        Task.WhenAny(flushed.Task, _written).GetAwaiter().GetResult();
        if (!flushed.Task.IsCompleted)
            throw new ChannelClosedException(_written.Exception?.GetBaseException());
    }

    /// <summary>Returns at once, or when the disk takes steps again, or when the run is to end; called on the training thread.</summary>
    public void WaitWhileRefused() => WaitHandle.WaitAny([_accepted.WaitHandle, _ended.WaitHandle, _disposing.Token.WaitHandle]);

    /// <summary>Writes what is still queued. Throws what a transaction threw.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _disposing.CancelAsync();
        await _written;
    }

    private void Enqueue(Entry entry)
    {
        if (!_queue.Writer.TryWrite(entry))
            _queue.Writer.WriteAsync(entry).AsTask().GetAwaiter().GetResult();
    }

    private async Task WriteAsync()
    {
        try
        {
            List<StepReport> batch = [];
            List<TaskCompletionSource> waiting = [];
            while (await _queue.Reader.WaitToReadAsync())
            {
                while (batch.Count < QueueCapacity && _queue.Reader.TryRead(out Entry entry))
                {
                    if (entry.Report is not null)
                        batch.Add(entry.Report);
                    if (entry.Flushed is not null)
                        waiting.Add(entry.Flushed);
                }
                if (batch.Count > 0)
                {
                    await SaveAsync(batch);
                    batch.Clear();
                    _announcements.Announce(_run.Id);
                }
                waiting.ForEach(flushed => flushed.SetResult());
                waiting.Clear();
                // Ended early by a flush, and when the run ends, so that its last steps do not wait.
                await Task.WhenAny(_hurry.WaitAsync(FlushIntervalMilliseconds), _queue.Reader.Completion);
            }
        }
        catch (Exception e)
        {
            // Closes the queue to the training thread: its next Report throws, and the run fails instead of training on unrecorded.
            _queue.Writer.TryComplete(e);
            throw;
        }
    }

    private async Task SaveAsync(List<StepReport> batch)
    {
        while (!_ended.IsCancellationRequested && !_disposing.IsCancellationRequested)
        {
            StorageRefusedException? refused = await TryAsync(batch);
            if (refused is null)
            {
                batch = [];
                if (_accepted.IsSet || await _rests(null))
                {
                    _accepted.Set();
                    return;
                }
            }
            else
            {
                _storage.Note(refused);
                _accepted.Reset();
                await _rests(refused);
            }
            using var over = CancellationTokenSource.CreateLinkedTokenSource(_disposing.Token, _ended);
            await Task.WhenAny(Task.Delay(RefusalRetryDelay, over.Token));
            _storage.Look();
        }
        if (batch.Count > 0)
            await _writer.WriteAsync(db => SaveAsync(db, batch));
    }

    private async Task<StorageRefusedException?> TryAsync(List<StepReport> batch)
    {
        if (batch.Count == 0)
            return null;
        try
        {
            _storage.RequireRoom();
            await _writer.WriteBulkAsync(db => SaveAsync(db, batch));
            return null;
        }
        catch (Exception e) when (_storage.Explain(e) is { } refused)
        {
            return refused;
        }
    }

    private async Task SaveAsync(WebDistillDb db, List<StepReport> batch)
    {
        StepReport last = batch[^1];
        db.StepRows.AddRange(batch.Select(report => _series.Row(report, _run.Id, _run.Attempt)));
        db.Measurements.AddRange(batch.SelectMany(report => _series.Measurements(report, _run.Id, _run.Attempt)));
        Run run = await db.Runs.SingleAsync(r => r.Id == _run.Id);
        run.Step = last.Step;
        run.TotalLoss = last.TotalLoss;
        run.TokensPerSecond = last[LoopSeries.TokensPerSecond.Name];
        if (batch.Select(StoredScores.ScoreOf).LastOrDefault(score => score is not null) is ValidationScore validated)
            run.Put(validated);
        if (_teacher() is ValidationScore teacher)
        {
            run.PutTeacher(teacher);
            foreach ((StepSeries series, double value) in LoopSeries.OfTeacher(teacher))
                await KeepOnceAsync(db, series, value);
        }
        run.TrainedSeconds = _run.TrainedSeconds + _time.GetElapsedTime(_startedAt).TotalSeconds;
        run.FruitlessAttempts = 0;
        await db.SaveChangesAsync();
    }

    // An earlier transaction or attempt may have written it already.
    private async Task KeepOnceAsync(WebDistillDb db, StepSeries series, double value)
    {
        Measurement? known = await db.Measurements.FindAsync(_run.Id, series.Name, 0);
        if (known is null)
            db.Measurements.Add(known = new Measurement { RunId = _run.Id, Name = series.Name });
        (known.Attempt, known.Value) = (_run.Attempt, value);
    }

    private readonly record struct Entry(StepReport? Report, TaskCompletionSource? Flushed);
}
