using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Distillation.Evaluation;

namespace WebDistill.Web.Runs;

/// <summary>
/// Saves the steps of one attempt at a run: what is reported is written in one transaction at most every
/// <see cref="FlushIntervalMilliseconds"/>, and only then announced, so that nothing is shown that a crash could take back.
/// <see cref="Report"/> returns at once unless the database falls <see cref="QueueCapacity"/> steps behind: then it waits, because a slower
/// training is better than a lost number. A full disk is waited for.
/// </summary>
public sealed class RunRecorder : IProgress<StepReport>, IAsyncDisposable
{
    /// <summary>Shortest time between two transactions.</summary>
    public const int FlushIntervalMilliseconds = 200;

    /// <summary>Most steps that wait to be written.</summary>
    public const int QueueCapacity = 4096;

    private static readonly TimeSpan FullDiskRetryDelay = TimeSpan.FromSeconds(1);

    private readonly Run _run;
    private readonly DatabaseWriter _writer;
    private readonly RunAnnouncements _announcements;
    private readonly Func<Perplexity?> _teacherPerplexity;
    private readonly ILogger _logger;
    private readonly DateTime _startedAt = DateTime.UtcNow;
    private readonly CancellationTokenSource _disposing = new();
    private readonly SemaphoreSlim _hurry = new(0);
    private readonly Channel<Entry> _queue =
        Channel.CreateBounded<Entry>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });
    private readonly Task _written;

    /// <param name="run">As it is at the beginning of the attempt.</param>
    /// <param name="teacherPerplexity">Asked at every transaction, so that the teacher's line appears as soon as it is measured.</param>
    public RunRecorder(Run run, DatabaseWriter writer, RunAnnouncements announcements, Func<Perplexity?> teacherPerplexity, ILogger logger)
    {
        _run = run;
        _writer = writer;
        _announcements = announcements;
        _teacherPerplexity = teacherPerplexity;
        _logger = logger;
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
        while (true)
        {
            try
            {
                await _writer.WriteAsync(db => SaveAsync(db, batch));
                return;
            }
            catch (Exception e) when (SqliteDatabase.IsFull(e) && !_disposing.IsCancellationRequested)
            {
                _logger.LogError(e, "The disk is full: {Count} steps of run {RunId} wait to be saved", batch.Count, _run.Id);
                await Task.WhenAny(Task.Delay(FullDiskRetryDelay, _disposing.Token));
            }
        }
    }

    private async Task SaveAsync(WebDistillDb db, List<StepReport> batch)
    {
        StepReport last = batch[^1];
        StepReport? validated = batch.LastOrDefault(report => report.ValidationPerplexity is not null);
        db.StepMetrics.AddRange(batch.Select(report => report.ToMetric(_run.Id, _run.Attempt)));
        Run run = await db.Runs.SingleAsync(r => r.Id == _run.Id);
        run.Step = last.Step;
        run.TotalLoss = last.TotalLoss;
        run.TokensPerSecond = last.TokensPerSecond;
        if (validated is not null)
            (run.ValidationPerplexity, run.ValidationNatsPerToken) = (validated.ValidationPerplexity, validated.ValidationNatsPerToken);
        if (_teacherPerplexity() is Perplexity teacher)
            (run.TeacherPerplexity, run.TeacherNatsPerToken) = (teacher.Value, teacher.NatsPerToken);
        run.TrainedSeconds = _run.TrainedSeconds + (DateTime.UtcNow - _startedAt).TotalSeconds;
        run.FruitlessAttempts = 0;
        await db.SaveChangesAsync();
    }

    private readonly record struct Entry(StepReport? Report, TaskCompletionSource? Flushed);
}
