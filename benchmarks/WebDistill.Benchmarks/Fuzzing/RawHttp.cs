using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace WebDistill.Benchmarks.Fuzzing;

/// <summary>What came back.</summary>
/// <param name="Status">Null when there was no answer.</param>
/// <param name="Beginning">The first bytes of the body, as text.</param>
/// <param name="BodyBytes">Bytes of the body, as they were sent.</param>
/// <param name="IsWhole">Whether the answer came to its end.</param>
/// <param name="IsLate">Whether the deadline ended the wait.</param>
/// <param name="IsReset">Whether the connection was reset, as a server may do that has heard enough of a body.</param>
internal sealed record FuzzAnswer(
    int? Status, IReadOnlyDictionary<string, string> Headers, string Beginning, long BodyBytes, TimeSpan Took, bool IsWhole, bool IsLate, bool IsReset);

/// <summary>
/// Sends bytes as they are, one connection each: what is sent here is meant to be wrong, and an HTTP client would refuse it or mend it.
/// </summary>
internal static class RawHttp
{
    private const int BeginningBytes = 16 << 10;

    public static async Task<FuzzAnswer> SendAsync(Uri server, FuzzRequest request, TimeSpan deadline)
    {
        var clock = Stopwatch.StartNew();
        using var ended = new CancellationTokenSource(deadline);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        var beginning = new MemoryStream();
        byte[] buffer = new byte[64 << 10], tail = [];
        long total = 0;
        bool isLate = false, isReset = false;
        try
        {
            await socket.ConnectAsync(server.Host, server.Port, ended.Token);
            Task sending = WriteAsync(socket, request, ended.Token);
            if (request.Cut == FuzzCut.Abort)
            {
                await sending;
                socket.LingerState = new LingerOption(true, 0);
                return new FuzzAnswer(null, new Dictionary<string, string>(), "", 0, clock.Elapsed, IsWhole: true, IsLate: false, IsReset: true);
            }
            // Read while the body is sent: the server may answer, and stop reading, before it has all of it.
            for (int read; (read = await socket.ReceiveAsync(buffer, ended.Token)) > 0; total += read)
            {
                if (beginning.Length < BeginningBytes)
                    beginning.Write(buffer, 0, read);
                tail = [.. tail.AsSpan(Math.Max(0, tail.Length - 8)), .. buffer.AsSpan(Math.Max(0, read - 8), Math.Min(8, read))];
            }
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            isLate = true;
        }
        catch (SocketException)
        {
            isReset = true;
        }
        return Parse(beginning.ToArray(), total, tail, request, clock.Elapsed, isLate, isReset);
    }

    private static async Task WriteAsync(Socket socket, FuzzRequest request, CancellationToken cancel)
    {
        try
        {
            await SendAllAsync(request.Head);
            await SendAllAsync(request.Body);
            if (request.Cut == FuzzCut.HalfClose)
                socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The server has stopped listening: what it says about that is read on the other side of the connection.
        }

        async Task SendAllAsync(ReadOnlyMemory<byte> bytes)
        {
            while (bytes.Length > 0)
                bytes = bytes[await socket.SendAsync(bytes, cancel)..];
        }
    }

    private static FuzzAnswer Parse(byte[] beginning, long total, byte[] tail, FuzzRequest request, TimeSpan took, bool isLate, bool isReset)
    {
        ReadOnlySpan<byte> rest = beginning;
        int status = 0;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        // Interim answers (100 Continue) come before the one that counts.
        while (status is 0 or (>= 100 and < 200))
        {
            int end = rest.IndexOf("\r\n\r\n"u8);
            string[] lines = end < 0 ? [] : Encoding.Latin1.GetString(rest[..end]).Split("\r\n");
            if (lines.Length == 0 || lines[0].Split(' ') is not [_, string code, ..] || !int.TryParse(code, CultureInfo.InvariantCulture, out status))
                return new FuzzAnswer(null, headers, Encoding.UTF8.GetString(rest), 0, took, IsWhole: total == 0, isLate, isReset);
            headers.Clear();
            foreach (string line in lines.Skip(1))
                headers[line.Split(':')[0]] = line[(line.IndexOf(':') + 1)..].Trim();
            rest = rest[(end + 4)..];
        }
        long body = total - (beginning.Length - rest.Length);
        bool isEmpty = request.Method == "HEAD" || status is 204 or 304;
        bool isWhole = isEmpty || (headers.TryGetValue("Content-Length", out string? length) ? long.Parse(length, CultureInfo.InvariantCulture) == body
            : !headers.ContainsKey("Transfer-Encoding") || tail.AsSpan().EndsWith("0\r\n\r\n"u8));
        return new FuzzAnswer(status, headers, Encoding.UTF8.GetString(rest), body, took, isWhole, isLate, isReset);
    }
}
