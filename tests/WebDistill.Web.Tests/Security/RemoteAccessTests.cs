using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace WebDistill.Web.Tests.Security;

/// <summary>What still holds when Security:AllowRemoteWithoutLogin lets everybody in who reaches the address.</summary>
public sealed class RemoteAccessTests
{
    private static readonly Dictionary<string, string> s_remote = new()
    {
        ["Security:AllowRemoteWithoutLogin"] = "true", ["urls"] = "http://0.0.0.0:0",
    };

    [Fact]
    public async Task Remote_HostThatIsNoAddressOfOurs_IsRefused()
    {
        await using var app = new WebDistillApp(null, s_remote);
        foreach ((string host, HttpStatusCode expected) in new[]
        {
            // An address cannot be rebound to another machine, a name can.
            ("192.0.2.7:5080", HttpStatusCode.OK), ("[2001:db8::1]", HttpStatusCode.OK), (Environment.MachineName, HttpStatusCode.OK),
            ("rebound.example", HttpStatusCode.Forbidden), ("192.0.2.7.rebound.example", HttpStatusCode.Forbidden),
            ($"{Environment.MachineName}.rebound.example", HttpStatusCode.Forbidden), ("localhost.rebound.example", HttpStatusCode.Forbidden),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://127.0.0.1:{Port(app)}/api/runs"));
            request.Headers.Host = host;
            using HttpResponseMessage response = await app.Http.SendAsync(request);
            Assert.True(expected == response.StatusCode, $"{host}: {response.StatusCode}");
        }
    }

    [Fact]
    public async Task Remote_RequestThatAnotherSiteCausesInABrowser_IsRefused()
    {
        await using var app = new WebDistillApp(null, s_remote);
        IPAddress address = NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses)
            .Select(unicast => unicast.Address).FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a))
            ?? IPAddress.Loopback;
        string own = $"http://{address}:{Port(app)}";
        foreach ((string? origin, string? site, HttpStatusCode expected) in new (string?, string?, HttpStatusCode)[]
        {
            (own, null, HttpStatusCode.UnsupportedMediaType), (null, null, HttpStatusCode.UnsupportedMediaType),
            ("http://evil.example", null, HttpStatusCode.Forbidden), ("null", null, HttpStatusCode.Forbidden),
            ($"http://{address}:1", null, HttpStatusCode.Forbidden), ($"http://127.0.0.1:{Port(app)}", null, HttpStatusCode.Forbidden),
            (null, "cross-site", HttpStatusCode.Forbidden), (null, "same-site", HttpStatusCode.Forbidden),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{own}/api/runs"));
            if (origin is not null)
                request.Headers.Add("Origin", origin);
            if (site is not null)
                request.Headers.Add("Sec-Fetch-Site", site);
            using HttpResponseMessage response = await app.Http.SendAsync(request);
            Assert.True(expected == response.StatusCode, $"{origin} {site}: {response.StatusCode}");
        }

        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", "http://evil.example");
        socket.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() =>
            socket.ConnectAsync(new Uri($"{own.Replace("http:", "ws:")}/hubs/curves"), CancellationToken.None));
        Assert.Equal(HttpStatusCode.Forbidden, socket.HttpStatusCode);
        using var welcome = new ClientWebSocket();
        welcome.Options.SetRequestHeader("Origin", own);
        await welcome.ConnectAsync(new Uri($"{own.Replace("http:", "ws:")}/hubs/curves"), CancellationToken.None);
        Assert.Equal(WebSocketState.Open, welcome.State);
    }

    private static int Port(WebDistillApp app) => new Uri(app.Address.Replace("[::]", "127.0.0.1").Replace("0.0.0.0", "127.0.0.1")).Port;
}
