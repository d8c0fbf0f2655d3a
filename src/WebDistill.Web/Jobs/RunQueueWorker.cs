using WebDistill.Data;
using WebDistill.Web.Datasets;
using WebDistill.Web.Hosting;
using WebDistill.Web.Models;

namespace WebDistill.Web.Jobs;

/// <summary>Trains the queued runs, one at a time and in order, whether or not a page is open. No run's failure ends the queue.</summary>
public sealed class RunQueueWorker(
    RunQueue queue, RunLauncher launcher, ModelCache models, DatasetAnnouncements datasets, Shutdown end, ILogger<RunQueueWorker> logger)
    : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using IDisposable subscription = datasets.Subscribe(null, queue.Wake);
        // The first sign of the end, not this service's turn to stop, which comes when the open pages are closed: the state is saved
        // meanwhile.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, end.Begun);
        CancellationToken shutdown = ended.Token;
        while (!shutdown.IsCancellationRequested)
        {
            try
            {
                if (await queue.NextAsync(shutdown) is Run run)
                    await launcher.TrainAsync(run.Id, models.FreeUnused);
                else
                    await queue.ChangedAsync(shutdown);
            }
            catch (OperationCanceledException) when (shutdown.IsCancellationRequested)
            {
                logger.LogDebug("The training queue is closed");
            }
            catch (Exception e)
            {
                // A database that cannot be read or written for a moment, for one: the queue waits for better times and does not end.
                logger.LogError(e, "The training queue could not go on; trying again in {Delay}", RetryDelay);
                await Task.WhenAny(Task.Delay(RetryDelay, shutdown));
            }
        }
    }
}
