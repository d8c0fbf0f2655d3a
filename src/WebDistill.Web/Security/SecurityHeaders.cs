using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Components;

namespace WebDistill.Web.Security;

/// <summary>
/// Headers that keep every page to this server: nothing is fetched from elsewhere, framed elsewhere or guessed to be a script. They stand
/// on every answer of the product: set as it begins, because what answers an error clears the headers before it writes its own.
/// </summary>
internal static class SecurityHeaders
{
    public static IApplicationBuilder UseSecurityHeaders(this WebApplication app)
    {
        // Known when the pages are mapped, which is later.
        var policy = new Lazy<string>(() => ContentSecurityPolicy(app.Services.GetRequiredService<EndpointDataSource>()));
        return app.Use((context, next) =>
        {
            context.Response.OnStarting(() =>
            {
                IHeaderDictionary headers = context.Response.Headers;
                headers.ContentSecurityPolicy = context.Items.TryGetValue(ApiReference.Nonce, out object? nonce)
                    ? policy.Value.Replace("script-src 'self'", $"script-src 'self' 'nonce-{nonce}'", StringComparison.Ordinal)
                    : policy.Value;
                headers.XContentTypeOptions = "nosniff";
                headers["Referrer-Policy"] = "no-referrer";
                headers["Cross-Origin-Opener-Policy"] = "same-origin";
                headers["Cross-Origin-Resource-Policy"] = "same-origin";
                headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";
                return Task.CompletedTask;
            });
            return next(context);
        });
    }

    // Styles may stand inline: Blazor and MudBlazor set style attributes. Of scripts only the import map may, which says under which
    // fingerprinted name a module is served; it is known by its hash.
    private static string ContentSecurityPolicy(EndpointDataSource endpoints)
    {
        IEnumerable<string> importMaps = endpoints.Endpoints.Select(endpoint => endpoint.Metadata.GetMetadata<ImportMapDefinition>())
            .OfType<ImportMapDefinition>().Select(Hash).Distinct();
        return $"default-src 'self'; script-src 'self' {string.Join(' ', importMaps)}; style-src 'self' 'unsafe-inline'; "
            + "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
            + "frame-ancestors 'none'";
    }

    // A browser hashes what stands between the tags once it has made every line end a line feed.
    private static string Hash(ImportMapDefinition importMap) =>
        $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(importMap.ToString().ReplaceLineEndings("\n"))))}'";
}
