using System.Net;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Security;

/// <summary>
/// Refuses what another web site asks a browser to do here. Without a login, reaching the server is the permission, and a page elsewhere
/// could borrow the browser's reach: by a request with its own Origin, or by a name of its own that it points at this machine's address
/// (DNS rebinding), which shows as a foreign Host.
/// </summary>
internal sealed class SameOrigin(RequestDelegate next, HostSettings settings)
{
    public async Task InvokeAsync(HttpContext context)
    {
        HttpRequest request = context.Request;
        if (!IsOwnHost(request.Host.Host))
        {
            await RefuseAsync(context, ErrorId.HostUnknown, $"The host '{ForeignText.Quote(request.Host.Host)}' is not a name of this server. Use http://127.0.0.1 or "
                + "http://localhost, or add the name to Security:AllowedHosts.");
        }
        else if (ChangesState(context) && ForeignOrigin(request) is string origin)
        {
            await RefuseAsync(context, ErrorId.OriginForeign, $"The request comes from '{ForeignText.Quote(origin)}', which is not this server "
                + $"({request.Scheme}://{request.Host}). Only its own pages may change "
                + "anything or open a live connection.");
        }
        else
        {
            await next(context);
        }
    }

    // An address cannot be rebound, only a name can: with remote access allowed any address will do.
    private bool IsOwnHost(string host) =>
        ListenAddresses.IsLoopback(host)
        || settings.AllowedHosts.Contains(host, StringComparer.OrdinalIgnoreCase)
        || (settings.AllowRemoteWithoutLogin
            && (IPAddress.TryParse(host.Trim('[', ']'), out _)
                || host.Equals(Environment.MachineName, StringComparison.OrdinalIgnoreCase)));

    // A WebSocket's handshake is a GET, and no browser policy keeps another site from opening one.
    private static bool ChangesState(HttpContext context) =>
        !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)
            || HttpMethods.IsOptions(context.Request.Method))
        || context.Request.Headers.Upgrade.Count > 0
        || context.WebSockets.IsWebSocketRequest
        || context.Request.Path.StartsWithSegments("/hubs")
        || context.Request.Path.StartsWithSegments("/_blazor");

    // Browsers send Origin with all of these; a program that sends none was not lured here by a page.
    private static string? ForeignOrigin(HttpRequest request)
    {
        string? origin = request.Headers.Origin;
        if (origin is not null && !origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase))
            return origin;
        string? site = request.Headers["Sec-Fetch-Site"];
        return origin is null && site is "cross-site" or "same-site" ? site : null;
    }

    private static Task RefuseAsync(HttpContext context, ErrorId id, string detail) => TypedResults.Problem(id.Problem(detail)).ExecuteAsync(context);
}
