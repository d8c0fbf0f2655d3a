using System.IO.Compression;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Abstractions;
using Polly.Telemetry;
using MudBlazor;
using MudBlazor.Services;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Web.Catalogue;
using WebDistill.Web.Compare;
using WebDistill.Web.Compress;
using WebDistill.Web.Datasets;
using WebDistill.Web.Evaluations;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Http;
using WebDistill.Web.Jobs;
using WebDistill.Web.Layout;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Notifications;
using WebDistill.Web.Playground;
using WebDistill.Web.Reports;
using WebDistill.Web.Runs;
using WebDistill.Web.Security;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Ui;

namespace WebDistill.Web;

/// <summary>Which services there are and in which order a request passes them.</summary>
internal static class Composition
{
    public static void AddStorage(this IServiceCollection services, DataFolder folder, long reserveBytes)
    {
        // Through a factory, because only what the container makes does it dispose: that lets go of the folder.
        services.AddSingleton(_ => folder);
        services.AddSingleton(new DiskReserve(folder, reserveBytes));
        services.AddSingleton<ServerSettings>();
        services.AddSingleton<StorageAnnouncements>();
        services.AddSingleton<StorageHealth>().AddSingleton<OutcomeWriter>();
        services.AddSqliteDatabase(folder.DatabaseFile, provider =>
        {
            var health = provider.GetRequiredService<StorageHealth>();
            var reserve = provider.GetRequiredService<DiskReserve>();
            return problem => health.Explain(problem) is { IsFull: true } && reserve.GiveUp();
        });
        services.AddSingleton<TrashAnnouncements>().AddSingleton<TrashFolder>().AddSingleton<TrashBin>();
    }

    /// <summary>What training a run needs: with or without a web host.</summary>
    public static void AddTraining(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services
            .AddSingleton<Shutdown>()
            .AddSingleton<RunAnnouncements>()
            .AddSingleton<RunEvents>()
            .AddSingleton<RunLifecycle>()
            .AddSingleton<Func<Machine>>(provider => () => Machine.Read(provider.GetRequiredService<DataFolder>().FreeBytes))
            .AddSingleton<LaunchChecks>()
            .AddSingleton<RunQueue>()
            .AddSingleton<RunLauncher>()
            .AddSingleton<RunCommands>()
            .AddSingleton<SweepPlanner>()
            .AddSingleton<SweepRungs>()
            .AddSingleton<SweepProposals>()
            .AddSingleton<SweepReports>();
    }

    public static void AddRuns(this IServiceCollection services)
    {
        services.AddWebhook();
        services.AddHttpClient(WebhookTrial.ClientName).RemoveAllLoggers();
        services
            .AddSingleton<QuickStart>()
            .AddSingleton<CatalogueService>()
            .AddSingleton<RunPace>()
            .AddSingleton<RunLog>()
            .AddSingleton<StoredSamples>()
            .AddSingleton<SharedReads>()
            .AddSingleton<OpenWatches>()
            .AddSingleton<RunService>()
            .AddSingleton<DiagnosisService>()
            .AddSingleton<ClassScores>()
            .AddSingleton<RunTable>()
            .AddSingleton<RunTags>()
            .AddSingleton<RunNotes>()
            .AddSingleton<PinnedBaseline>()
            .AddSingleton<Baselines>()
            .AddSingleton<SweepVerdicts>()
            .AddSingleton<SweepService>()
            .AddSingleton<Sparklines>()
            .AddSingleton<Housekeeping>()
            .AddSingleton<OldCheckpoints>()
            .AddSingleton<WebhookTrial>()
            .AddSingleton<ServerRestart>()
            .AddHostedService<StorageWatch>()
            .AddHostedService(provider => provider.GetRequiredService<Webhook>())
            .AddHostedService<SweepsWorker>()
            .AddHostedService<RunQueueWorker>();
    }

    /// <summary>Who is told of runs: with or without a web host, which starts and stops it.</summary>
    public static void AddWebhook(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<Webhook>();
        // An address may carry a secret, and it is in every line that the client would log; the webhook logs what matters itself.
        services.AddHttpClient(Webhook.ClientName, http => http.Timeout = Timeout.InfiniteTimeSpan)
            .RemoveAllLoggers()
            .AddResilienceHandler(Webhook.ClientName, Webhook.ConfigureDelivery);
        services.PostConfigure<TelemetryOptions>(telemetry => telemetry.LoggerFactory = NullLoggerFactory.Instance);
    }

    public static void AddEvaluations(this IServiceCollection services) => services
        .AddSingleton<EvaluationAnnouncements>()
        .AddSingleton<EvaluationFiles>()
        .AddSingleton<EvaluationQueue>()
        .AddSingleton<EvaluationService>()
        .AddSingleton<ReportService>()
        .AddHostedService<EvaluationWorker>();

    public static void AddModels(this IServiceCollection services) => services
        .AddSingleton<ModelService>()
        .AddSingleton<ModelFolders>()
        .AddSingleton<ModelLineage>()
        .AddSingleton<ModelCache>()
        .AddSingleton<CompressService>()
        .AddSingleton<GenerationTurn>()
        .AddSingleton<GenerationService>()
        .AddSingleton<ComparisonService>();

    public static void AddDatasets(this IServiceCollection services) => services
        .AddSingleton<DatasetAnnouncements>()
        .AddSingleton<DatasetService>()
        .AddSingleton<DatasetTable>()
        .AddSingleton<DatasetDocuments>()
        .AddSingleton<DatasetExamples>()
        .AddSingleton<DatasetPreparations>()
        .AddHostedService(provider => provider.GetRequiredService<DatasetPreparations>());

    public static void AddWeb(this IServiceCollection services)
    {
        services.AddSignalR(hub => hub.MaximumParallelInvocationsPerClient = 16)
            .AddJsonProtocol(json => WebJson.ConfigureMeasured(json.PayloadSerializerOptions));
        // A prompt of the longest kind arrives in one message: up to 12 bytes for a character that JSON escapes as a surrogate pair.
        services.AddRazorComponents().AddInteractiveServerComponents()
            .AddHubOptions(hub => hub.MaximumReceiveMessageSize = 12 * GenerationService.MaxPromptCharacters);
        services.AddMudServices(mud =>
        {
            mud.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomRight;
            mud.SnackbarConfiguration.PreventDuplicates = false;
            // What fades in cannot be read while it does.
            mud.SnackbarConfiguration.ShowTransitionDuration = 0;
            mud.SnackbarConfiguration.HideTransitionDuration = 0;
        });
        services.AddScoped<Dialogs>();
        services.AddRateLimits();
        services.AddOptions<KestrelServerOptions>().Configure<HostSettings>((kestrel, settings) =>
        {
            kestrel.Limits.MaxRequestHeadersTotalSize = settings.Limits.HeaderKilobytes << 10;
            kestrel.Limits.MaxRequestHeaderCount = settings.Limits.Headers;
        });
        // Over HTTPS what is made at each request is left as it is: its size would tell of what stands in it beside a stranger's words.
        services.AddResponseCompression();
        services.Configure<BrotliCompressionProviderOptions>(brotli => brotli.Level = CompressionLevel.Optimal);
        services.AddProblemDetails(problems => problems.CustomizeProblemDetails = context =>
            ErrorId.OfStatus(context.ProblemDetails.Status ?? context.HttpContext.Response.StatusCode).Mark(context.ProblemDetails));
        services.AddExceptionHandler<ErrorResponses>();
        services.AddHealthChecks().AddCheck<DatabaseHealth>("database");
        services.AddOpenApi(document => document.AddSchemaTransformer(NumberSchemas.DescribeAsync).AddSchemaTransformer(OptionSchemas.DescribeAsync));
        services.ConfigureHttpJsonOptions(json => WebJson.ConfigureMeasured(json.SerializerOptions));
        services.Configure<HostOptions>(host => host.ShutdownTimeout = Shutdown.WordsPatience);
    }

    /// <summary>Security first, so that it holds for files, pages, hub and API alike.</summary>
    public static void UseWeb(this WebApplication app)
    {
        // A request that is not over by then holds up the end and is cut off: above all the open pages, to which SignalR says goodbye and
        // whose answers it awaits for up to five seconds.
        var shutdown = app.Services.GetRequiredService<Shutdown>();
        app.Use(async (context, next) =>
        {
            using CancellationTokenRegistration registration = shutdown.PagesLeft.Register(context.Abort);
            await next(context);
        });
        app.UseSecurityHeaders();
        app.UseResponseCompression();
        app.UseExceptionHandler();
        app.UseMiddleware<SameOrigin>();
        app.UseStatusCodePagesWithReExecute("/not-found");
        app.Use((context, next) =>
        {
            // Only who looks for a page is shown one; a script or a program gets the bare status.
            if (!IsForAPage(context))
                context.Features.Get<IStatusCodePagesFeature>()!.Enabled = false;
            return next(context);
        });
        app.UseWhen(context => context.Request.Path.StartsWithSegments("/api"), api => api.UseStatusCodePages());
        app.UseAntiforgery();
        app.UseRateLimiter();
    }

    private static bool IsForAPage(HttpContext context) =>
        HttpMethods.IsGet(context.Request.Method)
        && !context.Request.Path.StartsWithSegments("/api")
        && context.Request.GetTypedHeaders().Accept.Any(accepted =>
            accepted.MediaType.Equals("text/html", StringComparison.OrdinalIgnoreCase));

    public static void MapWeb(this WebApplication app)
    {
        app.MapStaticAssets();
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode(
            // SecurityHeaders says it already, and more strictly.
            options => options.ContentSecurityFrameAncestorsPolicy = null);
        app.MapHub<CurvesHub>("/hubs/curves", hub => hub.WebSockets.CloseTimeout = Shutdown.PagesPatience);
        app.MapHealthChecks("/healthz");
        app.MapOpenApi();
        app.MapApiReference();
        RouteGroupBuilder api = app.MapGroup("/api");
        api.MapCatalogue();
        api.MapRuns();
        api.MapRunNotes();
        api.MapPinnedBaseline();
        api.MapDatasets();
        api.MapModels();
        api.MapCompress();
        api.MapGenerate();
        api.MapEvaluations();
        api.MapReports();
        api.MapVerdicts();
        api.MapCompareTokens();
        api.MapStorage();
        api.MapSweeps();
    }

    /// <summary>Counts the end of the process from its first sign, whoever gives it.</summary>
    public static void ShareDeadline(this WebApplication app)
    {
        var shutdown = app.Services.GetRequiredService<Shutdown>();
        app.Lifetime.ApplicationStopping.Register(shutdown.Begin);
    }

    /// <summary>Prints the address that the server really listens on.</summary>
    public static void AnnounceAddress(this WebApplication app) => app.Lifetime.ApplicationStarted.Register(() =>
    {
        IServerAddressesFeature? addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>();
        foreach (string address in addresses?.Addresses ?? [])
            Console.WriteLine($"WebDistill listens on {address}");
    });
}
