using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using WebDistill.Data;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;
using WebDistill.Web.Notifications;
using WebDistill.Web.Settings;
using WebDistill.Web.Tests.Runs;

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
    public async Task AlertAndNote_AreToldAsJson()
    {
        await using var receiver = new Receiver();
        (Run run, JsonElement[] told) = await TellAsync(receiver, WebhookFormat.WebDistill);
        Assert.Equal(["run.alert", "run.note"], told.Select(message => message.GetProperty("event").GetString()));
        Assert.All(told, message => Assert.Equal(run.Id, message.GetProperty("run").GetProperty("id").GetGuid()));
        Assert.Equal("A loss jumped.", told[0].GetProperty("alert").GetProperty("text").GetString());
        Assert.False(told[0].TryGetProperty("note", out _));
        Assert.Equal((7, "Half <the> rate\nhelped & *lasted*"), (told[1].GetProperty("note").GetProperty("id").GetInt64(), told[1].GetProperty("note").GetProperty("text").GetString()));
        Assert.False(told[1].TryGetProperty("alert", out _));
    }

    [Fact]
    public async Task AlertAndNote_ForSlack_AreBlocksInWhichNothingIsMarkup()
    {
        await using var receiver = new Receiver();
        (_, JsonElement[] told) = await TellAsync(receiver, WebhookFormat.Slack);
        Assert.All(told, message => Assert.Equal(["text", "blocks"], message.EnumerateObject().Select(property => property.Name)));
        Assert.Equal("A run: The loss spikes: A loss jumped.", told[0].GetProperty("text").GetString());
        JsonElement[] blocks = [.. told[1].GetProperty("blocks").EnumerateArray()];
        Assert.Equal(["header", "section", "section"], blocks.Select(block => block.GetProperty("type").GetString()));
        Assert.Equal("""{"type":"plain_text","text":"A run: a note","emoji":false}""", blocks[0].GetProperty("text").GetRawText());
        Assert.Equal(("plain_text", "Half <the> rate\nhelped & *lasted*"), (blocks[1].GetProperty("text").GetProperty("type").GetString(), blocks[1].GetProperty("text").GetProperty("text").GetString()));
        Assert.Equal(["Status: running", "Updates: 40 of 100", "Validation perplexity: 2.50"],
            blocks[2].GetProperty("fields").EnumerateArray().Select(field => field.GetProperty("text").GetString()));
        // Where no blocks are shown a link or a mention would work: its signs are written out.
        Assert.Equal("A run: a note: Half &lt;the&gt; rate\nhelped &amp; *lasted*", told[1].GetProperty("text").GetString());
    }

    [Fact]
    public async Task AlertAndNote_ForTeams_AreAnAdaptiveCard()
    {
        await using var receiver = new Receiver();
        (_, JsonElement[] told) = await TellAsync(receiver, WebhookFormat.Teams);
        Assert.All(told, message => Assert.Equal("message", message.GetProperty("type").GetString()));
        JsonElement attachment = Assert.Single(told[1].GetProperty("attachments").EnumerateArray());
        Assert.Equal("application/vnd.microsoft.card.adaptive", attachment.GetProperty("contentType").GetString());
        JsonElement card = attachment.GetProperty("content");
        Assert.Equal(("AdaptiveCard", "1.4"), (card.GetProperty("type").GetString(), card.GetProperty("version").GetString()));
        JsonElement[] body = [.. card.GetProperty("body").EnumerateArray()];
        Assert.Equal(["RichTextBlock", "RichTextBlock", "FactSet"], body.Select(element => element.GetProperty("type").GetString()));
        Assert.Equal("A run: a note", body[0].GetProperty("inlines")[0].GetProperty("text").GetString());
        Assert.Equal("Half <the> rate\nhelped & *lasted*", body[1].GetProperty("inlines")[0].GetProperty("text").GetString());
        Assert.Equal(("Updates", "40 of 100"), body[2].GetProperty("facts")[1] is var fact ? (fact.GetProperty("title").GetString(), fact.GetProperty("value").GetString()) : default);
    }

    [Fact]
    public void Slack_LongerThanItTakes_IsCut()
    {
        JsonNode message = new ChatMessage(new string('t', 500), new string('x', 9000), []).Slack();
        Assert.Equal((150, 3000, 3000), (message["blocks"]![0]!["text"]!["text"]!.GetValue<string>().Length, message["blocks"]![1]!["text"]!["text"]!.GetValue<string>().Length,
            message["text"]!.GetValue<string>().Length));
    }

    [Theory]
    [InlineData(WebhookFormat.WebDistill, "event")]
    [InlineData(WebhookFormat.Slack, "blocks")]
    [InlineData(WebhookFormat.Teams, "attachments")]
    public async Task Trial_HasTheChosenForm(WebhookFormat format, string property)
    {
        await using var receiver = new Receiver();
        using ServiceProvider services = new ServiceCollection().AddHttpClient().BuildServiceProvider();
        Assert.Null(await new WebhookTrial(services.GetRequiredService<IHttpClientFactory>()).SendAsync(new Uri(receiver.Address), format));
        Assert.True(Assert.Single(receiver.Received).TryGetProperty(property, out _));
    }

    [Fact]
    public async Task Note_WrittenOverTheApi_ReachesTheReceiverInTheFormOfTheDeployment()
    {
        await using var receiver = new Receiver();
        await using var app = new WebDistillApp(null, new Dictionary<string, string> { ["Notifications:WebhookUrl"] = receiver.Address, ["Notifications:WebhookFormat"] = "slack" });
        Run run = await SmallRuns.RecordedAsync(app, "Told run", 10);
        (await app.Http.PostAsJsonAsync($"/api/runs/{run.Id}/notes", new { text = "Look at this" })).Dispose();
        Assert.Equal("Told run: a note: Look at this", (await receiver.WaitAsync(1))[0].GetProperty("text").GetString());
    }

    private static async Task<(Run Run, JsonElement[] Told)> TellAsync(Receiver receiver, WebhookFormat format)
    {
        var events = new RunEvents(NullLogger<RunEvents>.Instance);
        using var shutdown = new Shutdown();
        using ServiceProvider services = Services(new LogOfAll());
        using var webhook = new Webhook(() => new Uri(receiver.Address), () => format, services.GetRequiredService<IHttpClientFactory>(), events, shutdown,
            services.GetRequiredService<ILogger<Webhook>>());
        await webhook.StartAsync(default);
        var run = new Run { Id = Guid.NewGuid(), Name = "A run", Status = RunStatus.Running, Step = 40, TotalSteps = 100, ValidationPerplexity = 2.5, OptionsJson = "{}" };
        events.Publish(new RunEvent(run, RunStatus.Running, new Alert { Id = 3, RunId = run.Id, At = DateTime.UtcNow, Step = 40, Guard = "spike", Value = 9, Threshold = 5, Unit = "nats", Text = "A loss jumped." }));
        events.Publish(new RunEvent(run, RunStatus.Running, Note: new RunNote { Id = 7, RunId = run.Id, At = DateTime.UtcNow, Text = "Half <the> rate\nhelped & *lasted*" }));
        JsonElement[] told = await receiver.WaitAsync(2);
        await webhook.StopAsync(default);
        return (run, told);
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
        new(() => url, () => WebhookFormat.WebDistill, services.GetRequiredService<IHttpClientFactory>(), events, shutdown, services.GetRequiredService<ILogger<Webhook>>());

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
        private readonly WebApplication _app;
        private int _failures;

        public Receiver(int failures = 0)
        {
            _failures = failures;
            WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
            builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.Run(ReceiveAsync);
            _app.Start();
            Address = $"{_app.Urls.Single()}/hook/";
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

        public ValueTask DisposeAsync() => _app.DisposeAsync();

        private async Task ReceiveAsync(HttpContext context)
        {
            Received.Enqueue(await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body));
            context.Response.StatusCode = Interlocked.Decrement(ref _failures) >= 0 ? 503 : 204;
        }
    }
}
