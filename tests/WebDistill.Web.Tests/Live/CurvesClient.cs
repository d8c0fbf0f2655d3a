using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace WebDistill.Web.Tests.Live;

/// <summary>A browser's end of /hubs/curves: SignalR's JSON protocol over a WebSocket, as far as one stream needs it.</summary>
internal sealed class CurvesClient : IAsyncDisposable
{
    private const byte RecordSeparator = 0x1E;
    private readonly ClientWebSocket _socket = new();
    private readonly Queue<JsonElement> _received = new();

    private CurvesClient()
    {
    }

    /// <summary>Connects and asks for the steps of a run.</summary>
    public static async Task<CurvesClient> WatchAsync(string address, Guid runId, int afterStep, int attempt = 1)
    {
        var client = new CurvesClient();
        await client._socket.ConnectAsync(new Uri($"{address.Replace("http:", "ws:")}/hubs/curves"), CancellationToken.None);
        await client.SendAsync("""{"protocol":"json","version":1}""");
        Assert.Empty((await client.MessageAsync()).EnumerateObject());
        await client.SendAsync($$"""{"type":4,"invocationId":"1","target":"Watch","arguments":["{{runId}}",{{afterStep}},{{attempt}}]}""");
        return client;
    }

    /// <summary>The next rows; null when the stream has ended. Fails when it ended with an error.</summary>
    public async Task<JsonElement?> NextAsync()
    {
        while (true)
        {
            JsonElement message = await MessageAsync();
            switch (message.GetProperty("type").GetInt32())
            {
                case 2:
                    return message.GetProperty("item");
                case 3:
                    Assert.False(message.TryGetProperty("error", out JsonElement error), error.ToString());
                    return null;
            }
        }
    }

    /// <summary>The error with which the stream ends.</summary>
    public async Task<string> ErrorAsync()
    {
        JsonElement message = await MessageAsync();
        return message.GetProperty("error").GetString()!;
    }

    /// <summary>Whether the first message of the stream is rows and not an error.</summary>
    public async Task<bool> IsAdmittedAsync() => (await MessageAsync()).GetProperty("type").GetInt32() == 2;

    // Cut off as by a closed lid, without a goodbye.
    public ValueTask DisposeAsync()
    {
        _socket.Abort();
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task SendAsync(string json) =>
        _socket.SendAsync((byte[])[.. Encoding.UTF8.GetBytes(json), RecordSeparator], WebSocketMessageType.Text, endOfMessage: true,
            CancellationToken.None);

    private async Task<JsonElement> MessageAsync()
    {
        byte[] buffer = new byte[64 << 10];
        using var text = new MemoryStream();
        while (_received.Count == 0)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            WebSocketReceiveResult result = await _socket.ReceiveAsync(buffer, patience.Token);
            text.Write(buffer, 0, result.Count);
            if (!result.EndOfMessage || buffer[result.Count - 1] != RecordSeparator)
                continue;
            foreach (string json in Encoding.UTF8.GetString(text.ToArray())
                .Split((char)RecordSeparator, StringSplitOptions.RemoveEmptyEntries))
                _received.Enqueue(JsonSerializer.Deserialize<JsonElement>(json));
            text.SetLength(0);
        }
        return _received.Dequeue();
    }
}
