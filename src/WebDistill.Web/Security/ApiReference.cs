using Scalar.AspNetCore;

namespace WebDistill.Web.Security;

/// <summary>
/// /scalar: the API's document as a page to read and to try out. Everything of it comes from this server: no font, no telemetry, no proxy and no
/// assistant from elsewhere. Its one script that stands inline carries a number that is drawn anew for each answer, which the policy of that answer
/// names.
/// </summary>
internal static class ApiReference
{
    /// <summary>Where the page leaves that number, in the items of its request.</summary>
    public static string Nonce => ScalarOptions.NonceHttpContextItemKey;

    /// <summary>Its address.</summary>
    public const string Address = "/scalar";

    public static void MapApiReference(this IEndpointRouteBuilder routes) => routes.MapScalarApiReference(Address, options =>
    {
        options.Title = "WebDistill API";
        options.DefaultFonts = false;
        options.Telemetry = false;
        options.HideClientButton = true;
        options.Favicon = "/favicon.svg";
        options.ShowDeveloperTools = DeveloperToolsVisibility.Never;
        options.WithNonce();
        options.DisableAgent();
        options.DisableMcp();
    }).ExcludeFromDescription();
}
