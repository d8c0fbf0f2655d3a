using System.Threading.Channels;
using WebDistill.Data;
using WebDistill.Web.Components.Controls;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Notifications;

/// <summary>What a webhook is told about a run.</summary>
/// <param name="Event">"run.running", "run.paused", "run.stopped", "run.completed", "run.failed" or "run.interrupted".</param>
/// <param name="At">When it happened, UTC.</param>
/// <param name="Run">The run as it was then.</param>
public sealed record WebhookMessage(string Event, DateTime At, WebhookRun Run)
{
    /// <summary>The message of a change; null for those that nobody waits for.</summary>
    public static WebhookMessage? Of(RunEvent change) => change.Run.Status is RunStatus.Running or RunStatus.Paused or RunStatus.Stopped
        or RunStatus.Completed or RunStatus.Failed or RunStatus.Interrupted
        ? new WebhookMessage($"run.{change.Run.Status.ToString().ToLowerInvariant()}", DateTime.UtcNow, WebhookRun.Of(change.Run))
        : null;
}

/// <summary>A run as a webhook is told of it.</summary>
public sealed record WebhookRun(
    Guid Id, string Name, RunStatus Status, int Step, int TotalSteps, double? ValidationPerplexity, double? ValidationNatsPerToken,
    double? TeacherPerplexity, double? TeacherNatsPerToken, string? Error)
{
    /// <summary>The figures of a run.</summary>
    public static WebhookRun Of(Run run) => new(
        run.Id, run.Name, run.Status, run.Step, run.TotalSteps, run.ValidationPerplexity, run.Validation()?.NatsPerToken,
        run.TeacherPerplexity, run.Teacher()?.NatsPerToken, run.Error);
}

/// <summary>
/// Sends a JSON message to Notifications:WebhookUrl at every change of a run that somebody may wait for. In order, from a queue of its own:
/// nothing waits for the receiver. One that does not answer with success is asked again, after 1, 2, 4, 8 and 16 seconds; then the message
/// is given up and logged.
/// </summary>
public sealed class Webhook : BackgroundService
{
    /// <summary>Most messages that wait; beyond, the oldest are given up.</summary>
    public const int QueueCapacity = 256;

    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastWordPatience = TimeSpan.FromMilliseconds(500);

    private readonly Uri? _url;
    private readonly IDisposable? _subscription;
    private readonly ILogger<Webhook> _logger;
    private readonly HttpClient _http = new() { Timeout = AnswerPatience };
    private readonly Channel<WebhookMessage> _queue;
    private readonly TimeSpan _firstDelay;
    private readonly Shutdown _shutdown;

    /// <summary>Listens from now on: what happens before the host has started is told too.</summary>
    public Webhook(HostSettings settings, RunEvents events, Shutdown shutdown, ILogger<Webhook> logger)
        : this(settings.WebhookUrl, events, shutdown, logger, TimeSpan.FromSeconds(1))
    {
    }

    internal Webhook(Uri? url, RunEvents events, Shutdown shutdown, ILogger<Webhook> logger, TimeSpan firstDelay)
    {
        _shutdown = shutdown;
        _url = url;
        _logger = logger;
        _firstDelay = firstDelay;
        _queue = Channel.CreateBounded<WebhookMessage>(
            new BoundedChannelOptions(QueueCapacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true },
            dropped => logger.LogWarning("The webhook is {Capacity} messages behind: {Event} of run {RunId} is given up",
                QueueCapacity, dropped.Event, dropped.Run.Id));
        _subscription = url is null ? null : events.Subscribe(change =>
        {
            if (WebhookMessage.Of(change) is WebhookMessage message)
                _queue.Writer.TryWrite(message);
        });
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (WebhookMessage message in _queue.Reader.ReadAllAsync(stoppingToken))
                await DeliverAsync(message, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            _logger.LogDebug("The webhook is closed");
        }
    }

    private async Task DeliverAsync(WebhookMessage message, CancellationToken stopping)
    {
        const int attempts = 6;
        for (int attempt = 1; ; attempt++)
        {
            string problem;
            try
            {
                using HttpResponseMessage answer = await _http.PostAsJsonAsync(_url, message, WebJson.Measured, stopping);
                if (answer.IsSuccessStatusCode)
                    return;
                problem = $"it answered {(int)answer.StatusCode}";
            }
            // Whatever it is: an exception that got out would end the whole server.
            catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
            {
                problem = e is OperationCanceledException ? $"no answer in {AnswerPatience.TotalSeconds} s" : e.Message;
            }
            // The host alone: an address may carry a secret.
            if (attempt == attempts)
            {
                _logger.LogError("The webhook at {Host} was not told of {Event} of run {RunId}: {Problem}. Given up after {Attempts} attempts",
                    _url!.Host, message.Event, message.Run.Id, problem, attempts);
                return;
            }
            TimeSpan delay = _firstDelay * Math.Pow(2, attempt - 1);
            _logger.LogWarning("The webhook at {Host} was not told of {Event} of run {RunId}: {Problem}. Again in {Delay}",
                _url!.Host, message.Event, message.Run.Id, problem, delay);
            await Task.Delay(delay, stopping);
        }
    }

    /// <summary>The end of the process interrupts a run, and that is told too, if the receiver answers at once.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _queue.Writer.TryComplete();
        TimeSpan left = _shutdown.Left(Shutdown.WordsPatience);
        await Task.WhenAny(ExecuteTask ?? Task.CompletedTask,
            Task.Delay(left < LastWordPatience ? left : LastWordPatience, CancellationToken.None));
        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _subscription?.Dispose();
        _http.Dispose();
        base.Dispose();
    }
}
