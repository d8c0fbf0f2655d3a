using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.AspNetCore.SignalR;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using WebDistill.Data;
using WebDistill.Web.Security;

namespace WebDistill.Web.Live;

/// <summary>
/// The live wire, at /hubs/curves. The database is the buffer: one query serves history, live rows and reconnection, so that a client
/// that names the last step it has gets every later one exactly once. A client that reads slowly slows nobody but itself.
/// </summary>
public sealed class CurvesHub(
    IDbContextFactory<WebDistillDb> contexts, SharedReads shared, RunAnnouncements announcements, OpenWatches watches,
    IHostApplicationLifetime lifetime, IOptions<JsonHubProtocolOptions> protocol) : Hub
{
    /// <summary>Most rows of one message.</summary>
    public const int RowsPerMessage = 2000;

    /// <summary>
    /// Streams the steps of a run after <paramref name="afterStep"/>, first the recorded ones, then each as it is saved, and a message
    /// without rows when only the status changed or a guard saw something. Ends when the run has ended and all its rows are sent, when the server stops, and after a
    /// message with another attempt than the client's: what the client has is superseded then, and it reads the history anew.
    /// </summary>
    /// <exception cref="HubException">There is no such run, or this client watches as many as it may.</exception>
    /// <param name="attempt">The attempt that the client's rows belong to; 0 when it has none.</param>
    public async IAsyncEnumerable<StepMessage> Watch(
        Guid runId, int afterStep, int attempt, [EnumeratorCancellation] CancellationToken cancel)
    {
        using IDisposable watch = watches.Begin(Context.GetHttpContext() is HttpContext http ? ClientAddress.Of(http) : Context.ConnectionId);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel, lifetime.ApplicationStopping);
        Channel<bool> doorbell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        // Subscribed before the first read: what is saved in between rings, and is found by the next read.
        using IDisposable subscription = announcements.Subscribe(runId, () => doorbell.Writer.TryWrite(true));
        RunStatus? told = null;
        long alert = 0;
        while (!ended.IsCancellationRequested)
        {
            StepMessage message = await ReadAsync(runId, afterStep, cancel);
            if (message.Attempt != attempt && afterStep > 0)
            {
                yield return message.Rows == 0 ? message : await ReadAsync(runId, int.MaxValue, cancel);
                yield break;
            }
            attempt = message.Attempt;
            if (message.Rows > 0 || message.Status != told || message.LastAlert != alert)
                yield return message;
            (told, alert) = (message.Status, message.LastAlert);
            if (message.Rows > 0)
                afterStep = message.LastStep;
            if (message.Rows == RowsPerMessage)
                continue;
            if (message.IsFinal || !await RingAsync(doorbell.Reader, ended.Token))
                yield break;
        }
    }

    // Those who watch a run live have all seen the same step: one query serves them, and one writing out of its rows.
    private Task<StepMessage> ReadAsync(Guid runId, int afterStep, CancellationToken cancel) =>
        shared.ReadAsync(("steps", runId, afterStep), async () =>
        {
            await using WebDistillDb db = await contexts.CreateDbContextAsync();
            // The status is read before the rows: a run gets its final status after its last row, so no row can follow.
            (Run run, RunSeries series) = await RunSeries.FindAsync(db, runId, CancellationToken.None)
                ?? throw new HubException($"There is no run {runId}; it may have been deleted.");
            List<StepRow> steps = await db.StepRows.AsNoTracking()
                .Where(row => row.RunId == runId && row.Step > afterStep)
                .OrderBy(row => row.Step)
                .Take(RowsPerMessage)
                .ToListAsync();
            int last = steps.Count > 0 ? steps[^1].Step : 0;
            List<Measurement> measured = await db.Measurements.AsNoTracking()
                .Where(one => one.RunId == runId && (one.Step == 0 || (one.Step > afterStep && one.Step <= last)))
                .ToListAsync();
            long alert = await db.Alerts.Where(one => one.RunId == runId).MaxAsync(one => (long?)one.Id) ?? 0;
            return StepMessage.Of(run, series, steps, measured, alert, describes: afterStep == 0, protocol.Value.PayloadSerializerOptions);
        }, cancel);

    private static async Task<bool> RingAsync(ChannelReader<bool> doorbell, CancellationToken ended)
    {
        try
        {
            return await doorbell.ReadAsync(ended);
        }
        catch (OperationCanceledException)
        {
            return false; // The client left or the server stops: both end the stream, neither is an error.
        }
    }
}
