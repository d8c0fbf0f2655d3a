using System.Net;
using System.Net.Sockets;

namespace WebDistill.Web.Hosting;

/// <summary>Where the server is to listen: found in the configuration, checked, and tried before anything begins.</summary>
public static class ListenAddresses
{
    private const string Example = "for example --urls http://127.0.0.1:5081";

    /// <summary>Every place where Kestrel finds addresses: named endpoints, a list, and bare ports, which mean all interfaces.</summary>
    public static IEnumerable<string> Read(IConfiguration configuration)
    {
        string[] endpoints =
            [.. configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"]).OfType<string>()];
        if (endpoints.Length > 0)
            return endpoints;
        if (configuration["urls"] is { Length: > 0 } urls)
            return urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return Ports("http_ports", "http").Concat(Ports("https_ports", "https"));

        IEnumerable<string> Ports(string key, string scheme) =>
            (configuration[key] ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(port => $"{scheme}://*:{port}");
    }

    /// <summary>Why nobody may listen on an address, or could; null when nothing speaks against it.</summary>
    /// <param name="allowsRemote">Whether others than this machine may reach it.</param>
    public static string? Problem(string address, bool allowsRemote)
    {
        if (Parse(address) is not BindingAddress parsed)
            return $"Urls contains '{address}', expected an address such as http://127.0.0.1:5080: http or https, a name or an address, and a "
                + $"port from 0, which takes any that is free, to {IPEndPoint.MaxPort}.";
        if (IsLocalhost(parsed) && parsed.Port == 0)
            return $"Urls contains '{address}', and localhost is two addresses, which would get different ports. Use http://127.0.0.1:0.";
        return allowsRemote || IsLoopback(parsed.Host) ? null
            : $"Urls contains '{address}', which is not a loopback address: everyone who reaches it could train, delete and download, for "
                + "there is no login yet. Listen on http://127.0.0.1:5080, or set Security:AllowRemoteWithoutLogin to true if the network keeps others "
                + "out.";
    }

    /// <summary>Takes each address for a moment: a server that cannot listen should not have begun with a run.</summary>
    /// <exception cref="HostSettingsException">Lists those that cannot be had, each with the reason.</exception>
    public static void Require(IEnumerable<string> addresses)
    {
        string[] failures = [.. addresses.Select(address => Parse(address) is BindingAddress parsed
            ? Endpoints(parsed).Select(endpoint => Refusal(address, endpoint)).FirstOrDefault(refusal => refusal is not null) : null).OfType<string>()];
        if (failures.Length > 0)
            throw new HostSettingsException(failures);
    }

    /// <summary>Whether a host name can only mean this machine.</summary>
    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    /// <summary>The words for an address that cannot be had.</summary>
    internal static string Describe(string address, SocketException problem) => $"Urls contains '{address}', " + problem.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => $"where another program listens already. Stop that one, or choose another port, {Example}; port 0 takes "
            + "any that is free.",
        SocketError.AccessDenied => $"where the user '{Environment.UserName}' may not listen: ports below 1024 are often kept for the system. "
            + $"Choose a higher one, {Example}.",
        SocketError.AddressNotAvailable => $"which is no address of this machine. Choose one that it has, {Example}.",
        _ => $"where nobody can listen: {problem.Message.TrimEnd('.')}. Choose another address, {Example}.",
    };

    private static BindingAddress? Parse(string address)
    {
        try
        {
            BindingAddress parsed = BindingAddress.Parse(address);
            bool isKnown = parsed.Scheme is "http" or "https" && parsed.PathBase is "" or "/"
                // A port that is no number is taken for a part of the host.
                && (parsed.IsUnixPipe || parsed.Port is >= IPEndPoint.MinPort and <= IPEndPoint.MaxPort
                    && (parsed.Host.StartsWith('[') || !parsed.Host.Contains(':')));
            return isKnown ? parsed : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static bool IsLocalhost(BindingAddress address) => IsLoopback(address.Host) && !IPAddress.TryParse(address.Host.Trim('[', ']'), out _);

    // As Kestrel takes a host: an address, this machine, or, with any other name, all interfaces. A socket in the file system is left to it.
    private static IEnumerable<IPEndPoint> Endpoints(BindingAddress address)
    {
        if (address.IsUnixPipe || address.IsNamedPipe)
            yield break;
        if (IPAddress.TryParse(address.Host.Trim('[', ']'), out IPAddress? ip))
            yield return new IPEndPoint(ip, address.Port);
        else
            yield return new IPEndPoint(IsLocalhost(address) ? IPAddress.Loopback : IPAddress.Any, address.Port);
    }

    private static string? Refusal(string address, IPEndPoint endpoint)
    {
        try
        {
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(endpoint);
            return null;
        }
        catch (SocketException e)
        {
            return Describe(address, e);
        }
    }
}
