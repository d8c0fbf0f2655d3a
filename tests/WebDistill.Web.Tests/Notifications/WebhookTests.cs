using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using WebDistill.Data;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;
using WebDistill.Web.Notifications;

namespace WebDistill.Web.Tests.Notifications;

public sealed class WebhookTests
{
    [Fact]
    public async Task Run_FromStartToEnd_IsToldAsJson()
    {
        await using var receiver = new Receiver();
        await using var app = new WebDistillApp(null, new Dictionary<string, string> { ["Notifications:WebhookUrl"] = receiver.Address });
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync()));
        await app.EndOfRunAsync(id);
        JsonElement[] told = await receiver.WaitAsync(2);
        Assert.Equal(["run.running", "run.completed"], told.Select(message => message.GetProperty("event").GetString()));
        JsonElement run = told[1].GetProperty("run");
        Assert.Equal((id, "tiny", "Completed"),
            (run.GetProperty("id").GetGuid(), run.GetProperty("name").GetString(), run.GetProperty("status").GetString()));
        Assert.Equal(run.GetProperty("totalSteps").GetInt32(), run.GetProperty("step").GetInt32());
        Assert.True(run.GetProperty("validationPerplexity").GetDouble() > 1);
    }

    [Fact]
    public async Task Receiver_FailsAtFirst_IsAskedAgainAndInOrder()
    {
        await using var receiver = new Receiver(failures: 3);
        var events = new RunEvents(NullLogger<RunEvents>.Instance);
        using var shutdown = new Shutdown();
        using ServiceProvider services = Services(new LogOfAll());
        using var webhook = Create(services, new Uri(receiver.Address), events, shutdown);
        await webhook.StartAsync(default);
        events.Publish(Change("first", RunStatus.Running));
        events.Publish(Change("nobody waits for this", RunStatus.Preparing));
        events.Publish(Change("second", RunStatus.Failed));
        JsonElement[] told = await receiver.WaitAsync(5);
        Assert.Equal(["first", "first", "first", "first", "second"],
            told.Select(message => message.GetProperty("run").GetProperty("name").GetString()));
        await webhook.StopAsync(default);
        Assert.Equal(5, receiver.Received.Count);
    }

    [Fact]
    public async Task Receiver_NeverAnswers_HoldsNobodyUp()
    {
        // A port that nobody listens on, and far more changes than the queue holds.
        var events = new RunEvents(NullLogger<RunEvents>.Instance);
        using var shutdown = new Shutdown();
        using ServiceProvider services = Services(new LogOfAll(), TimeProvider.System);
        using var webhook = Create(services, new Uri("http://127.0.0.1:9/"), events, shutdown);
        await webhook.StartAsync(default);
        for (int i = 0; i < 10 * Webhook.QueueCapacity; i++)
            events.Publish(Change("x", RunStatus.Running));
        await webhook.StopAsync(default).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData(503, "it answered 503")]
    [InlineData(404, "it answered 404")]
    [InlineData(0, "no answer in 10 s")]
    [InlineData(-1, "not reached")]
    public async Task Receiver_NeverAnswersWithSuccess_IsGivenUpAfterSixAttemptsAndTheNextIsTold(int status, string problem)
    {
        var log = new LogOfAll();
        var attempts = new ConcurrentQueue<string>();
        var events = new RunEvents(NullLogger<RunEvents>.Instance);
        using var shutdown = new Shutdown();
        using ServiceProvider services = Services(log, handler: new Stub(async (request, cancel) =>
        {
            string name = JsonSerializer.Deserialize<JsonElement>(await request.Content!.ReadAsByteArrayAsync(cancel)).GetProperty("run").GetProperty("name").GetString()!;
            attempts.Enqueue(name);
            if (name == "told")
                return new HttpResponseMessage(HttpStatusCode.NoContent);
            if (status == 0)
                await Task.Delay(Timeout.Infinite, cancel);
            return status > 0 ? new HttpResponseMessage((HttpStatusCode)status) : throw new HttpRequestException("not reached");
        }));
        using var webhook = Create(services, new Uri("http://example.invalid/hook/secret?key=secret"), events, shutdown);
        await webhook.StartAsync(default);
        events.Publish(Change("lost", RunStatus.Failed));
        events.Publish(Change("told", RunStatus.Failed));
        for (int i = 0; !attempts.Contains("told"); i++)
        {
            Assert.True(i < 3000, $"{attempts.Count} attempts were made.");
            await Task.Delay(20);
        }
        await webhook.StopAsync(default);
        Assert.Equal(["lost", "lost", "lost", "lost", "lost", "lost", "told"], attempts);
        Assert.Equal(5, log.Lines.Count(line => line.StartsWith("Warning", StringComparison.Ordinal) && line.Contains($"{problem}. Again in ", StringComparison.Ordinal)));
        Assert.Single(log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains($"{problem}. Given up after 6 attempts", StringComparison.Ordinal));
        // The address may carry a secret; every line of every category was heard.
        Assert.DoesNotContain(log.Lines, line => line.Contains("secret", StringComparison.Ordinal));
        Assert.Equal(6, log.Lines.Count(line => line.Contains("example.invalid", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Stop_WhileAnAttemptOrADelayIsUnderWay_EndsItWithoutAWordOfFailure()
    {
        foreach (bool answers in (bool[])[true, false])
        {
            var log = new LogOfAll();
            var begun = new TaskCompletionSource();
            var events = new RunEvents(NullLogger<RunEvents>.Instance);
            using var shutdown = new Shutdown();
            using ServiceProvider services = Services(log, TimeProvider.System, new Stub(async (_, cancel) =>
            {
                begun.TrySetResult();
                if (!answers)
                    await Task.Delay(Timeout.Infinite, cancel);
                return new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);
            }));
            using var webhook = Create(services, new Uri("http://example.invalid/"), events, shutdown);
            await webhook.StartAsync(default);
            events.Publish(Change("x", RunStatus.Failed));
            await begun.Task;
            await webhook.StopAsync(default).WaitAsync(TimeSpan.FromSeconds(60));
            Assert.True(webhook.ExecuteTask!.IsCompletedSuccessfully);
            Assert.DoesNotContain(log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
        }
    }

    private static ServiceProvider Services(LogOfAll log, TimeProvider? time = null, HttpMessageHandler? handler = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(log).SetMinimumLevel(LogLevel.Trace));
        services.AddSingleton(time ?? new QuickDelays());
        services.AddWebhook();
        if (handler is not null)
            services.AddHttpClient(Webhook.ClientName).ConfigurePrimaryHttpMessageHandler(() => handler);
        return services.BuildServiceProvider();
    }

    private static Webhook Create(IServiceProvider services, Uri url, RunEvents events, Shutdown shutdown) =>
        new(url, services.GetRequiredService<IHttpClientFactory>(), events, shutdown, services.GetRequiredService<ILogger<Webhook>>());

    /// <summary>Delays take a hundredth of their time; an answer is waited for a tenth, so that one that comes at once has time enough left.</summary>
    private sealed class QuickDelays : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new QuickTimer(base.CreateTimer(callback, state, Shortened(dueTime), period));

        private static TimeSpan Shortened(TimeSpan time) => time <= TimeSpan.Zero ? time : time / (time == Webhook.AnswerPatience ? 10 : 100);

        private sealed class QuickTimer(ITimer timer) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(Shortened(dueTime), period);

            public void Dispose() => timer.Dispose();

            public ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }

    private sealed class Stub(Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            answer(request, cancellationToken);
    }

    private sealed class LogOfAll : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{logLevel}: {formatter(state, exception)} {exception}");

        public void Dispose()
        {
        }
    }

    private static RunEvent Change(string name, RunStatus status) =>
        new(new Run { Id = Guid.NewGuid(), Name = name, Status = status, OptionsJson = "{}" }, RunStatus.Queued);

    private sealed class Receiver : IAsyncDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly Task _listening;

        public Receiver(int failures = 0)
        {
            using (var free = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                Address = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/hook/";
            }
            _listener.Prefixes.Add(Address);
            _listener.Start();
            _listening = ListenAsync(failures);
        }

        public string Address { get; }

        public ConcurrentQueue<JsonElement> Received { get; } = new();

        public async Task<JsonElement[]> WaitAsync(int count)
        {
            for (int i = 0; Received.Count < count; i++)
            {
                Assert.True(i < 3000, $"{Received.Count} of {count} messages came.");
                await Task.Delay(20);
            }
            return [.. Received];
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _listening;
            _listener.Close();
        }

        private async Task ListenAsync(int failures)
        {
            while (_listener.IsListening)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return; // Stopped.
                }
                Received.Enqueue(await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.InputStream));
                context.Response.StatusCode = failures-- > 0 ? 503 : 204;
                context.Response.Close();
            }
        }
    }
}
