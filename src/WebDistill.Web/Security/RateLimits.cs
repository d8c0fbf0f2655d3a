using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Security;

/// <summary>
/// ASP.NET Core's rate limiting on what is expensive, for each client by itself, so that one cannot take the server from the others. Pages,
/// files and the hub are not limited by it.
/// </summary>
internal static class RateLimits
{
    private const string Expensive = "expensive", Transfer = "transfer";

    public static IServiceCollection AddRateLimits(this IServiceCollection services)
    {
        services.AddRateLimiter(limiter =>
        {
            limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            limiter.OnRejected = RefuseAsync;
        });
        services.AddOptions<RateLimiterOptions>().Configure<HostSettings>((limiter, settings) => limiter
            .AddPolicy(Expensive, context => RateLimitPartition.GetTokenBucketLimiter(ClientAddress.Of(context), _ => new()
            {
                TokenLimit = settings.Limits.ExpensiveBurst,
                TokensPerPeriod = settings.Limits.ExpensivePerSecond,
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                QueueLimit = 0,
            }))
            .AddPolicy(Transfer, context => RateLimitPartition.GetConcurrencyLimiter(ClientAddress.Of(context), _ => new()
            {
                PermitLimit = settings.Limits.TransfersPerClient,
                QueueLimit = settings.Limits.TransfersPerClient,
                QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
            })));
        return services;
    }

    /// <summary>A request that computes: <see cref="InputLimits.ExpensivePerSecond"/> and <see cref="InputLimits.ExpensiveBurst"/>.</summary>
    public static RouteHandlerBuilder LimitExpensive(this RouteHandlerBuilder endpoint) =>
        endpoint.RequireRateLimiting(Expensive).ProducesProblem(StatusCodes.Status429TooManyRequests);

    /// <summary>A request that reads or writes whole files: <see cref="InputLimits.TransfersPerClient"/>.</summary>
    public static RouteHandlerBuilder LimitTransfers(this RouteHandlerBuilder endpoint) =>
        endpoint.RequireRateLimiting(Transfer).ProducesProblem(StatusCodes.Status429TooManyRequests);

    private static async ValueTask RefuseAsync(OnRejectedContext rejected, CancellationToken cancel)
    {
        TimeSpan wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan known) ? known : TimeSpan.FromSeconds(1);
        int seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
        InputLimits limits = rejected.HttpContext.RequestServices.GetRequiredService<HostSettings>().Limits;
        bool transfers = rejected.HttpContext.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>()?.PolicyName == Transfer;
        rejected.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        await TypedResults.Problem(ErrorId.RateLimited.Problem(transfers
            ? $"{limits.TransfersPerClient} uploads, downloads, backups, checks and reports of this client are under way and as many wait, "
                + $"which is the limit (Limits:{nameof(InputLimits.TransfersPerClient)}). Ask again when one has ended."
            : $"This client asked for more than {limits.ExpensivePerSecond} generations, comparisons, plans, evaluations, runs and sweeps per "
                + $"second, which is the limit (Limits:{nameof(InputLimits.ExpensivePerSecond)}). Ask again in {seconds} s.")).ExecuteAsync(rejected.HttpContext);
    }
}
