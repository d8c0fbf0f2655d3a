using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;

namespace WebDistill.Web.Tests.Live;

/// <summary>A program's end of one stream of /hubs/curves, which can be cut off.</summary>
internal sealed class CurvesClient : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private readonly ClientWebSocket _socket = new();
    private readonly HubConnection _connection;
    private IAsyncEnumerator<JsonElement> _messages = null!;

    private CurvesClient(string address) => _connection = new HubConnectionBuilder()
        .WithUrl($"{address}/hubs/curves", options =>
        {
            options.Transports = HttpTransportType.WebSockets;
            options.SkipNegotiation = true;
            options.WebSocketFactory = async (context, cancel) =>
            {
                await _socket.ConnectAsync(context.Uri, cancel);
                return _socket;
            };
        })
        .Build();

    /// <summary>Connects and asks for the steps of a run.</summary>
    public static async Task<CurvesClient> WatchAsync(string address, Guid runId, int afterStep, int attempt = 1)
    {
        var client = new CurvesClient(address);
        await client._connection.StartAsync();
        client._messages = client._connection.StreamAsync<JsonElement>("Watch", runId, afterStep, attempt).GetAsyncEnumerator();
        return client;
    }

    /// <summary>The next rows; null when the stream has ended.</summary>
    /// <exception cref="HubException">It ended with an error.</exception>
    public async Task<JsonElement?> NextAsync() =>
        await _messages.MoveNextAsync().AsTask().WaitAsync(_patience) ? _messages.Current : null;

    /// <summary>The error with which the stream ends, before any rows.</summary>
    public async Task<string> ErrorAsync() => (await Assert.ThrowsAsync<HubException>(NextAsync)).Message;

    /// <summary>Whether the first message of the stream is rows and not an error.</summary>
    public async Task<bool> IsAdmittedAsync()
    {
        try
        {
            return await NextAsync() is not null;
        }
        catch (HubException)
        {
            return false;
        }
    }

    // Cut off as by a closed lid, without a goodbye.
    public async ValueTask DisposeAsync()
    {
        _socket.Abort();
        await _connection.DisposeAsync();
    }
}
