using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using WebDistill.Data;
using WebDistill.Web.Notifications;
using WebDistill.Web.Runs;

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
        using var webhook = new Webhook(new Uri(receiver.Address), events, shutdown, NullLogger<Webhook>.Instance, TimeSpan.FromMilliseconds(20));
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
        using var webhook =
            new Webhook(new Uri("http://127.0.0.1:9/"), events, shutdown, NullLogger<Webhook>.Instance, TimeSpan.FromSeconds(1));
        await webhook.StartAsync(default);
        for (int i = 0; i < 10 * Webhook.QueueCapacity; i++)
            events.Publish(Change("x", RunStatus.Running));
        await webhook.StopAsync(default).WaitAsync(TimeSpan.FromSeconds(60));
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
                Assert.True(i < 1000, $"{Received.Count} of {count} messages came.");
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
