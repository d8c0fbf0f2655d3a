using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace WebDistill.Web.Tests.Pages;

/// <summary>A way to a local port on which every byte takes its time, each way, in order: the latency of a far server.</summary>
internal sealed class SlowConnection : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ended = new();
    private readonly TimeSpan _delay;
    private readonly Task _accepting;

    public SlowConnection(int port, TimeSpan delay)
    {
        _delay = delay;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync(port);
    }

    public int Port { get; }

    private async Task AcceptAsync(int port)
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_ended.Token);
                _ = ServeAsync(client, port);
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody is waited for any more.
        }
    }

    private async Task ServeAsync(TcpClient client, int port)
    {
        using (client)
        using (var server = new TcpClient())
        {
            await server.ConnectAsync(IPAddress.Loopback, port, _ended.Token);
            client.NoDelay = server.NoDelay = true;
            await Task.WhenAny(PumpAsync(client.GetStream(), server.GetStream()), PumpAsync(server.GetStream(), client.GetStream()));
        }
    }

    // Each piece leaves a delay after it came: the pieces behind it are read meanwhile.
    private async Task PumpAsync(NetworkStream from, NetworkStream to)
    {
        var pieces = Channel.CreateUnbounded<(long Due, byte[] Bytes)>();
        Task writing = WriteAsync();
        try
        {
            byte[] buffer = new byte[64 * 1024];
            while (await from.ReadAsync(buffer, _ended.Token) is > 0 and int read)
                pieces.Writer.TryWrite((Environment.TickCount64 + (long)_delay.TotalMilliseconds, buffer[..read]));
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The tab was closed, or the test is over.
        }
        pieces.Writer.TryComplete();
        await writing;

        async Task WriteAsync()
        {
            try
            {
                await foreach ((long due, byte[] bytes) in pieces.Reader.ReadAllAsync(_ended.Token))
                {
                    if (due - Environment.TickCount64 is > 0 and long left)
                        await Task.Delay(TimeSpan.FromMilliseconds(left), _ended.Token);
                    await to.WriteAsync(bytes, _ended.Token);
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // As above.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _listener.Stop();
        await _accepting;
    }
}
