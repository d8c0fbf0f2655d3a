using WebDistill.Web.Library;
using WebDistill.Web.Playground;
using WebDistill.Web.Runs;

namespace WebDistill.Web;

/// <summary>Which services there are.</summary>
internal static class Composition
{
    public static IServiceCollection AddRuns(this IServiceCollection services) => services
        .AddSingleton<RunAnnouncements>()
        .AddSingleton<RunChecks>()
        .AddSingleton<QuickStart>()
        .AddSingleton<RunService>()
        .AddSingleton<TrainingService>()
        .AddHostedService(provider => provider.GetRequiredService<TrainingService>());

    public static IServiceCollection AddLibrary(this IServiceCollection services) => services
        .AddSingleton<DatasetAnnouncements>()
        .AddSingleton<DatasetService>()
        .AddHostedService(provider => provider.GetRequiredService<DatasetService>())
        .AddSingleton<ModelService>();

    public static IServiceCollection AddPlayground(this IServiceCollection services) => services
        .AddSingleton<ModelCache>()
        .AddSingleton<GenerationService>();

    public static IServiceCollection AddLive(this IServiceCollection services)
    {
        services.AddSignalR(hub =>
        {
            hub.MaximumParallelInvocationsPerClient = 16;
        }).AddJsonProtocol(json => WebJson.Configure(json.PayloadSerializerOptions));
        return services;
    }
}
