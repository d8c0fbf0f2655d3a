using System.Threading.Channels;
using WebDistill.Web.Live;

namespace WebDistill.Web.Sweeps;

/// <summary>Looks at the sweeps whenever a run may have reached its rung or its end, and at the start. Pages need not be open.</summary>
public sealed class SweepsWorker(SweepRungs rungs, SweepProposals proposals, RunAnnouncements announcements, ILogger<SweepsWorker> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        using IDisposable subscription = announcements.Subscribe(null, () => bell.Writer.TryWrite(true));
        bell.Writer.TryWrite(true);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await bell.Reader.ReadAsync(stoppingToken);
                await rungs.AdvanceAllAsync(stoppingToken);
                await proposals.AdvanceAllAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // A database that cannot be read or written for a moment, for one: there is another look.
                logger.LogError(e, "The sweeps could not be looked at; trying again");
                bell.Writer.TryWrite(true);
            }
            // A training announces itself several times a second.
            await Task.WhenAny(Task.Delay(Pause, stoppingToken));
        }
    }
}
