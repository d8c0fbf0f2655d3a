using System.Text.Json;
using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Web.Library;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>
/// Trains the queued runs, one at a time and in order, on a thread of its own, whether or not a page is open. A run that cannot start yet
/// (its data set is being prepared, the run it waits for is not complete) lets later ones pass. No run's failure ends the queue.
/// </summary>
public sealed class TrainingService(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, RunAnnouncements announcements,
    DatasetAnnouncements datasets, ILogger<TrainingService> logger) : BackgroundService
{
    // A step of a large model can take longer than a shutdown may: then the process ends without waiting for it.
    private static readonly TimeSpan ShutdownPatience = TimeSpan.FromSeconds(2);

    private readonly Channel<bool> _queueChanged =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private volatile CurrentRun? _current;

    /// <summary>Puts a run at the end of the queue. The options must have been checked.</summary>
    /// <param name="afterRunId">A run that must be complete first.</param>
    /// <param name="quickStartId">Joins runs that were made together.</param>
    public async Task<Run> EnqueueAsync(
        DistillationOptions options, CancellationToken cancel, Guid? afterRunId = null, Guid? quickStartId = null)
    {
        Guid? teacherId = options.TeacherId is null ? null : Guid.Parse(options.TeacherId);
        Guid datasetId = Guid.Parse(options.DatasetId);
        Run run = await writer.WriteAsync(async db =>
        {
            string datasetName = (await db.Datasets.SingleAsync(d => d.Id == datasetId, cancel)).Name;
            string? teacherName = (await db.Models.SingleOrDefaultAsync(m => m.Id == teacherId, cancel))?.Name;
            string name = options.Name.Trim();
            if (name == "")
                name = teacherName is null ? $"Training on {datasetName}" : $"{teacherName}, distilled on {datasetName}";
            var added = new Run
            {
                Id = Guid.CreateVersion7(),
                Name = name,
                Kind = teacherId is null ? RunKind.Training : RunKind.Distillation,
                Status = RunStatus.Queued,
                OptionsJson = JsonSerializer.Serialize(options with { Name = name }, WebJson.Options),
                TeacherId = teacherId,
                DatasetId = datasetId,
                AfterRunId = afterRunId,
                QuickStartId = quickStartId,
                QueueOrder = (await db.Runs.MaxAsync(r => (long?)r.QueueOrder, cancel) ?? 0) + 1,
                CreatedAt = DateTime.UtcNow,
            };
            db.Runs.Add(added);
            await db.SaveChangesAsync(cancel);
            return added;
        }, cancel);
        announcements.Announce(run.Id);
        _queueChanged.Writer.TryWrite(true);
        return run;
    }

    /// <summary>Stops the run if it trains, or takes it out of the queue.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It has ended already.</exception>
    public async Task StopRunAsync(Guid id, CancellationToken cancel)
    {
        bool dequeued = await writer.WriteAsync(
            db => db.Runs.Where(run => run.Id == id && run.Status == RunStatus.Queued).ExecuteUpdateAsync(set => set
                .SetProperty(run => run.Status, RunStatus.Stopped)
                .SetProperty(run => run.FinishedAt, DateTime.UtcNow), cancel), cancel) > 0;
        if (dequeued)
        {
            announcements.Announce(id);
            _queueChanged.Writer.TryWrite(true);
            return;
        }
        if (_current is CurrentRun current && current.Id == id)
        {
            current.Stop();
            return;
        }
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Run run = await db.Runs.AsNoTracking().SingleOrDefaultAsync(r => r.Id == id, cancel) ?? throw RunService.NotFound(id);
        throw new ConflictException($"The run '{run.Name}' has ended already ({run.Status}): there is nothing to stop.");
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using IDisposable subscription = datasets.Subscribe(null, () => _queueChanged.Writer.TryWrite(true));
        try
        {
            while (true)
            {
                if (await NextAsync(stoppingToken) is (Run run, Dataset dataset))
                    await TrainAsync(run, dataset, stoppingToken);
                else
                    await _queueChanged.Reader.ReadAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            logger.LogDebug("The training queue is closed");
        }
    }

    private async Task<(Run Run, Dataset Dataset)?> NextAsync(CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        List<Run> queued = await db.Runs.AsNoTracking().Where(run => run.Status == RunStatus.Queued).OrderBy(run => run.QueueOrder)
            .ToListAsync(cancel);
        foreach (Run run in queued)
        {
            Run? before = run.AfterRunId is Guid beforeId
                ? await db.Runs.AsNoTracking().SingleOrDefaultAsync(r => r.Id == beforeId, cancel)
                : null;
            Dataset? dataset = await db.Datasets.AsNoTracking().SingleOrDefaultAsync(d => d.Id == run.DatasetId, cancel);
            if (run.AfterRunId is not null && before is null)
                await FinishAsync(run.Id, RunStatus.Failed, "The run that it waited for was deleted.");
            else if (before is { IsFinal: true } && before.Status != RunStatus.Completed)
            {
                string error = $"The run '{before.Name}' that it waited for did not complete: {before.Status}. {before.Error}".TrimEnd();
                await FinishAsync(run.Id, RunStatus.Failed, error);
            }
            else if (dataset is null)
                await FinishAsync(run.Id, RunStatus.Failed, "Its data set was deleted.");
            else if (dataset.State is DatasetState.Failed or DatasetState.Cancelled)
                await FinishAsync(run.Id, RunStatus.Failed, $"Its data set '{dataset.Name}' could not be prepared: {dataset.Error}");
            else if (before is null or { Status: RunStatus.Completed } && dataset.State == DatasetState.Ready)
                return (run, dataset);
        }
        return null;
    }

    private async Task TrainAsync(Run run, Dataset dataset, CancellationToken shutdown)
    {
        using var current = new CurrentRun(run.Id);
        _current = current;
        try
        {
            int claimed = await writer.WriteAsync(
                db => db.Runs.Where(r => r.Id == run.Id && r.Status == RunStatus.Queued).ExecuteUpdateAsync(set => set
                    .SetProperty(r => r.Status, RunStatus.Running)
                    .SetProperty(r => r.StartedAt, DateTime.UtcNow)), CancellationToken.None);
            if (claimed == 0)
                return; // Stopped or deleted since it was read.
            announcements.Announce(run.Id);

            var session = new TrainingSession(run, dataset, contexts, writer, folder, announcements, logger);
            Task<(RunStatus Status, string? Error)> outcome = StartThread(session, current, shutdown);
            // The thread gets the signal as well; what is waited for here is only how long the process may take to end.
            await Task.WhenAny(outcome, Task.Delay(Timeout.Infinite, shutdown));
            await Task.WhenAny(outcome, Task.Delay(ShutdownPatience, CancellationToken.None));
            if (!outcome.IsCompleted)
                await session.CloseRecordAsync();
            (RunStatus status, string? error) = outcome.IsCompleted ? await outcome : (RunStatus.Interrupted, InterruptedByShutdown);
            await FinishAsync(run.Id, status, error);
        }
        finally
        {
            _current = null;
        }
    }

    private const string InterruptedByShutdown = "The server was shut down while this run was training. Its steps and checkpoints up to "
        + "then are kept.";

    private Task<(RunStatus Status, string? Error)> StartThread(TrainingSession session, CurrentRun current, CancellationToken shutdown)
    {
        var outcome = new TaskCompletionSource<(RunStatus, string?)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() => outcome.SetResult(Execute(session, current, shutdown)))
        {
            Name = "Training",
            IsBackground = true,
            // Pages answer while it computes.
            Priority = ThreadPriority.BelowNormal,
        };
        thread.Start();
        return outcome.Task;
    }

    private (RunStatus Status, string? Error) Execute(TrainingSession session, CurrentRun current, CancellationToken shutdown)
    {
        try
        {
            session.Execute(current.Stopped, shutdown);
            return (RunStatus.Completed, null);
        }
        catch (OperationCanceledException) when (current.Stopped.IsCancellationRequested)
        {
            return (RunStatus.Stopped, null);
        }
        catch (OperationCanceledException) when (shutdown.IsCancellationRequested)
        {
            return (RunStatus.Interrupted, InterruptedByShutdown);
        }
        catch (Exception e)
        {
            // Whatever it is, it is this run's: the queue goes on with the next one.
            logger.LogError(e, "Run {RunId} failed", current.Id);
            return (RunStatus.Failed, Describe(e));
        }
    }

    private static string Describe(Exception e) => e switch
    {
        OutOfMemoryException => $"There is not enough memory: {e.Message} Choose a smaller batch size or context length.",
        ChannelClosedException { InnerException: Exception inner } => $"A step could not be recorded: {inner.Message}",
        InvalidDataException or ArgumentException or IOException or TrainingDivergedException => e.Message,
        _ => $"{e.GetType().Name}: {e.Message}",
    };

    private async Task FinishAsync(Guid id, RunStatus status, string? error)
    {
        await writer.WriteAsync(async db =>
        {
            Run? run = await db.Runs.SingleOrDefaultAsync(r => r.Id == id);
            if (run is null)
                return;
            run.Status = status;
            run.Error = error;
            run.FinishedAt = DateTime.UtcNow;
            db.LogLines.Add(new LogLine { RunId = id, At = DateTime.UtcNow, Text = error is null ? $"{status}." : $"{status}: {error}" });
            await db.SaveChangesAsync();
        });
        logger.LogInformation("Run {RunId}: {Status} {Error}", id, status, error);
        announcements.Announce(id);
    }

    private sealed class CurrentRun(Guid id) : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();

        public Guid Id => id;

        public CancellationToken Stopped => _stop.Token;

        public void Stop()
        {
            try
            {
                _stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended by itself in the same moment, which is what was asked for.
            }
        }

        public void Dispose() => _stop.Dispose();
    }
}
