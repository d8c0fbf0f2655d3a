using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;

namespace WebDistill.Web.Runs;

/// <summary>
/// Saves the steps of one run: what is reported is written in one transaction at most every <see cref="FlushIntervalMilliseconds"/>, and
/// only then announced, so that nothing is shown that a crash could take back. <see cref="Report"/> returns at once unless the database
/// falls <see cref="QueueCapacity"/> steps behind: then it waits, because a slower training is better than a lost number.
/// </summary>
public sealed class RunRecorder : IProgress<StepReport>, IAsyncDisposable
{
    /// <summary>Shortest time between two transactions.</summary>
    public const int FlushIntervalMilliseconds = 200;

    /// <summary>Most steps that wait to be written.</summary>
    public const int QueueCapacity = 4096;

    private readonly Guid _runId;
    private readonly DatabaseWriter _writer;
    private readonly RunAnnouncements _announcements;
    private readonly Func<double?> _teacherPerplexity;
    private readonly Channel<StepReport> _queue =
        Channel.CreateBounded<StepReport>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });
    private readonly Task _written;

    /// <param name="teacherPerplexity">Asked at every transaction, so that the teacher's line appears as soon as it is measured.</param>
    public RunRecorder(Guid runId, DatabaseWriter writer, RunAnnouncements announcements, Func<double?> teacherPerplexity)
    {
        _runId = runId;
        _writer = writer;
        _announcements = announcements;
        _teacherPerplexity = teacherPerplexity;
        _written = Task.Run(WriteAsync);
    }

    /// <summary>Takes one step's numbers; called on the training thread.</summary>
    /// <exception cref="ChannelClosedException">An earlier step could not be written (the inner exception says why), or the recorder is
    /// disposed.</exception>
    public void Report(StepReport value)
    {
        if (!_queue.Writer.TryWrite(value))
            _queue.Writer.WriteAsync(value).AsTask().GetAwaiter().GetResult();
    }

    /// <summary>Writes what is still queued. Throws what a transaction threw.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _written;
    }

    private async Task WriteAsync()
    {
        try
        {
            var batch = new List<StepReport>();
            while (await _queue.Reader.WaitToReadAsync())
            {
                while (batch.Count < QueueCapacity && _queue.Reader.TryRead(out StepReport? report))
                    batch.Add(report);
                await SaveAsync(batch);
                batch.Clear();
                _announcements.Announce(_runId);
                // Ended early when the run ends, so that its last steps do not wait.
                await Task.WhenAny(Task.Delay(FlushIntervalMilliseconds), _queue.Reader.Completion);
            }
        }
        catch (Exception e)
        {
            // Closes the queue to the training thread: its next Report throws, and the run fails instead of training on unrecorded.
            _queue.Writer.TryComplete(e);
            throw;
        }
    }

    private Task SaveAsync(List<StepReport> batch) => _writer.WriteAsync(async db =>
    {
        StepReport last = batch[^1];
        double? validation = batch.LastOrDefault(report => report.ValidationPerplexity is not null)?.ValidationPerplexity;
        db.StepMetrics.AddRange(batch.Select(report => report.ToMetric(_runId)));
        Run run = await db.Runs.SingleAsync(r => r.Id == _runId);
        run.Step = last.Step;
        run.TotalLoss = last.TotalLoss;
        run.TokensPerSecond = last.TokensPerSecond;
        run.ValidationPerplexity = validation ?? run.ValidationPerplexity;
        run.TeacherPerplexity = _teacherPerplexity() ?? run.TeacherPerplexity;
        await db.SaveChangesAsync();
    });
}
