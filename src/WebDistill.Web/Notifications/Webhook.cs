using System.Text.Json.Serialization;
using System.Threading.Channels;
using Microsoft.Extensions.Http.Resilience;
using Polly;
using Polly.Timeout;
using WebDistill.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Notifications;

/// <summary>What a webhook is told about a run.</summary>
/// <param name="Event">"run.running", "run.paused", "run.stopped", "run.completed", "run.failed" or "run.interrupted"; "run.alert" for what a guard saw, "run.note" for what somebody wrote.</param>
/// <param name="At">When it happened, UTC.</param>
/// <param name="Run">The run as it was then.</param>
/// <param name="Alert">What was seen; it is there with "run.alert" alone.</param>
/// <param name="Note">What was written; it is there with "run.note" alone.</param>
public sealed record WebhookMessage(
    string Event, DateTime At, WebhookRun Run, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AlertResponse? Alert = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] NoteResponse? Note = null)
{
    /// <summary>The message of a change; null for those that nobody waits for.</summary>
    public static WebhookMessage? Of(RunEvent change) => change.Alert is Alert alert
        ? new WebhookMessage("run.alert", alert.At, WebhookRun.Of(change.Run), AlertResponse.Of(alert))
        : change.Note is RunNote note ? new WebhookMessage("run.note", note.At, WebhookRun.Of(change.Run), Note: NoteResponse.Of(note))
        : change.Run.Status is RunStatus.Running or RunStatus.Paused or RunStatus.Stopped
        or RunStatus.Completed or RunStatus.Failed or RunStatus.Interrupted
        ? new WebhookMessage($"run.{change.Run.Status.ToString().ToLowerInvariant()}", DateTime.UtcNow, WebhookRun.Of(change.Run))
        : null;

    /// <summary>The same as a person reads it.</summary>
    public ChatMessage InWords()
    {
        (string what, string text) = this switch
        {
            { Alert: { } alert } => (alert.Title, alert.Text),
            { Note: { } note } => ("a note", note.Text),
            _ => (Run.Status.Word(), Run.Error ?? ""),
        };
        List<(string, string)> facts = [("Status", Run.Status.Word()), ("Updates", $"{Figures.Count(Run.Step)} of {Figures.Count(Run.TotalSteps)}")];
        if (Run.Student is { } own)
            facts.Add((ScoreTexts.FigureOf(Run.Task), own.Text()));
        if (Run.Teacher is { } teacher)
            facts.Add(("Teacher's", teacher.Text()));
        return new ChatMessage($"{Run.Name}: {what}", text, facts);
    }
}

/// <summary>A run as a webhook is told of it.</summary>
public sealed record WebhookRun(
    Guid Id, string Name, RunStatus Status, int Step, int TotalSteps, double? ValidationPerplexity, double? ValidationNatsPerToken,
    double? TeacherPerplexity, double? TeacherNatsPerToken, string? Error)
{
    /// <summary>What was measured on held-out labelled examples; it is there with a run over such alone.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ClassesResponse? Validation => ClassesResponse.Of(Student, Teacher);

    /// <summary>What its student does: what the figures are called follows from it.</summary>
    [JsonIgnore]
    public ModelHead Task { get; init; }

    [JsonIgnore]
    internal ValidationScore? Student { get; init; }

    [JsonIgnore]
    internal ValidationScore? Teacher { get; init; }

    /// <summary>The figures of a run.</summary>
    public static WebhookRun Of(Run run) => new(
        run.Id, run.Name, run.Status, run.Step, run.TotalSteps, run.ValidationPerplexity, run.Validation()?.NatsPerToken,
        run.TeacherPerplexity, run.Teacher()?.NatsPerToken, run.Error) { Task = run.Task(), Student = run.Score(), Teacher = run.TeacherScore() };
}

/// <summary>
/// Sends a message to the webhook of the settings, in the form that they say, at every change of a run that somebody may wait for, every alert and every note. In order, from a queue of its own:
/// nothing waits for the receiver. One that does not answer with success is asked again, after about 1, 2, 4, 8 and 16 seconds, spread at random;
/// then the message is given up and logged.
/// </summary>
public sealed class Webhook : BackgroundService
{
    /// <summary>Most messages that wait; beyond, the oldest are given up.</summary>
    public const int QueueCapacity = 256;

    /// <summary>Name of the HTTP client.</summary>
    internal const string ClientName = "webhook";

    /// <summary>How long an answer is waited for.</summary>
    internal static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(10);

    private const int Attempts = 6;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromSeconds(1), LastWordPatience = TimeSpan.FromMilliseconds(500);
    private static readonly HttpRequestOptionsKey<WebhookMessage> MessageOfRequest = new("message");

    private readonly Func<Uri?> _url;
    private readonly Func<WebhookFormat> _format;
    private readonly IDisposable _subscription;
    private readonly ILogger<Webhook> _logger;
    private readonly IHttpClientFactory _clients;
    private readonly Channel<WebhookMessage> _queue;
    private readonly Shutdown _shutdown;

    /// <summary>Listens from now on: what happens before the host has started is told too.</summary>
    public Webhook(ServerSettings settings, IHttpClientFactory clients, RunEvents events, Shutdown shutdown, ILogger<Webhook> logger)
        : this(() => settings.WebhookUrl, () => settings.WebhookFormat, clients, events, shutdown, logger)
    {
    }

    internal Webhook(Func<Uri?> url, Func<WebhookFormat> format, IHttpClientFactory clients, RunEvents events, Shutdown shutdown, ILogger<Webhook> logger)
    {
        _shutdown = shutdown;
        (_url, _format) = (url, format);
        _logger = logger;
        _clients = clients;
        _queue = Channel.CreateBounded<WebhookMessage>(
            new BoundedChannelOptions(QueueCapacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true },
            dropped => logger.LogWarning("The webhook is {Capacity} messages behind: {Event} of run {RunId} is given up",
                QueueCapacity, dropped.Event, dropped.Run.Id));
        _subscription = events.Subscribe(change =>
        {
            if (url() is not null && WebhookMessage.Of(change) is WebhookMessage message)
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

    /// <summary>How often and how patiently a message is sent. A "Retry-After" is not heeded: it could hold the queue up for hours.</summary>
    internal static void ConfigureDelivery(ResiliencePipelineBuilder<HttpResponseMessage> pipeline, ResilienceHandlerContext context)
    {
        var logger = context.ServiceProvider.GetRequiredService<ILogger<Webhook>>();
        pipeline.TimeProvider = context.ServiceProvider.GetRequiredService<TimeProvider>();
        pipeline.AddRetry(new HttpRetryStrategyOptions
        {
            MaxRetryAttempts = Attempts - 1,
            Delay = FirstDelay,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldRetryAfterHeader = false,
            // Whatever it is: an exception that got out would end the whole server.
            ShouldHandle = retry => ValueTask.FromResult(
                !retry.Context.CancellationToken.IsCancellationRequested && retry.Outcome.Result is not { IsSuccessStatusCode: true }),
            OnRetry = retry =>
            {
                HttpRequestMessage request = retry.Context.GetRequestMessage()!;
                request.Options.TryGetValue(MessageOfRequest, out WebhookMessage? message);
                logger.LogWarning("The webhook at {Host} was not told of {Event} of run {RunId}: {Problem}. Again in {Delay}",
                    request.RequestUri!.Host, message!.Event, message.Run.Id, Problem(retry.Outcome.Result, retry.Outcome.Exception), retry.RetryDelay);
                return ValueTask.CompletedTask;
            },
        }).AddTimeout(AnswerPatience);
    }

    private async Task DeliverAsync(WebhookMessage message, CancellationToken stopping)
    {
        // Somebody may have taken it away while the message waited.
        if (_url() is not Uri url)
            return;
        string problem;
        try
        {
            using HttpClient http = _clients.CreateClient(ClientName);
            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = message.InWords().Body(_format(), message) };
            request.Options.Set(MessageOfRequest, message);
            using HttpResponseMessage answer = await http.SendAsync(request, stopping);
            if (answer.IsSuccessStatusCode)
                return;
            problem = Problem(answer, exception: null);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
        {
            problem = Problem(answer: null, e);
        }
        // The host alone: an address may carry a secret.
        _logger.LogError("The webhook at {Host} was not told of {Event} of run {RunId}: {Problem}. Given up after {Attempts} attempts",
            url.Host, message.Event, message.Run.Id, problem, Attempts);
    }

    private static string Problem(HttpResponseMessage? answer, Exception? exception) =>
        answer is not null ? $"it answered {(int)answer.StatusCode}"
        : exception is TimeoutRejectedException ? $"no answer in {AnswerPatience.TotalSeconds} s"
        : exception!.Message;

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
        _subscription.Dispose();
        base.Dispose();
    }
}
