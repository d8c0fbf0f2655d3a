using System.Runtime.InteropServices;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Web;
using WebDistill.Web.Formats;
using WebDistill.Web.Headless;
using WebDistill.Web.Hosting;
using WebDistill.Web.Notifications;
using WebDistill.Web.Storage;

// `dotnet run` starts in the repository root and a container in its publish folder: appsettings.json stands in both.
string contentRoot = File.Exists("appsettings.json") ? Directory.GetCurrentDirectory() : AppContext.BaseDirectory;
if (await CommandLine.ExecuteAsync(args, contentRoot) is int code)
    return code;

// Once, or again for a database that is to be restored.
(int Code, bool StartAgain) ended;
do
    ended = await ServeAsync();
while (ended.StartAgain);
return ended.Code;

async Task<(int Code, bool StartAgain)> ServeAsync()
{
    string? root = null;
    WebApplication app;
    ServerRestart restart;
    try
    {
        LibTorch.Load();
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args, ContentRootPath = contentRoot, ApplicationName = typeof(Program).Assembly.GetName().Name,
        });
        HostSettings settings = HostSettings.Read(builder.Configuration);
        ListenAddresses.Require(settings.Addresses);
        root = Path.GetFullPath(settings.StorageRoot, builder.Environment.ContentRootPath);
        builder.Services.AddSingleton(settings);
        builder.Services.AddStorage(new DataFolder(root, FileLayer.Disk), settings.ReserveBytes);
        // wwwroot/ and the libraries' files from where they stand, whatever the environment is called; nothing to do in a published folder.
        builder.WebHost.UseStaticWebAssets();
        // As they were built: the server's own look whether a file has changed since would send them without the compression that they have.
        builder.WebHost.UseSetting("ReloadStaticAssetsAtRuntime", "false");
        builder.Services.AddTraining();
        builder.Services.AddRuns();
        builder.Services.AddModels();
        builder.Services.AddDatasets();
        builder.Services.AddEvaluations();
        builder.Services.AddWeb();
        app = builder.Build();
    }
    catch (Exception e) when (StartFailure.Explain(e, root) is string reason)
    {
        Console.Error.WriteLine(reason);
        return (2, false);
    }
    await using (app)
    {
        try
        {
            if (app.Services.GetRequiredService<ServerSettings>().Threads is int threads)
                Device.UseThreads(threads);
            _ = app.Services.GetRequiredService<Webhook>(); // Hears of the runs that the next line finds interrupted.
            await app.Services.PrepareStorageAsync();
            if (app.Services.GetRequiredService<ServerSettings>().ResumeInterrupted)
                await app.Services.ResumeInterruptedAsync();
        }
        catch (Exception e) when (StartFailure.Explain(e, root) is string reason)
        {
            Console.Error.WriteLine(reason);
            return (2, false);
        }
        restart = app.Services.GetRequiredService<ServerRestart>();
        app.UseWeb();
        app.MapWeb();
        app.AnnounceAddress();
        app.ShareDeadline();
        var shutdown = app.Services.GetRequiredService<Shutdown>();
        using PosixSignalRegistration terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => shutdown.EndProcessInTime());
        using PosixSignalRegistration interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => shutdown.EndProcessInTime());
        try
        {
            await app.StartAsync();
        }
        catch (Exception e) when (StartFailure.ExplainListening(e, app.Services.GetRequiredService<HostSettings>().Addresses) is string reason)
        {
            Console.Error.WriteLine(reason);
            await app.StopAsync(); // What had begun before it, a run above all, ends as it does with any server.
            return (2, false);
        }
        await app.WaitForShutdownAsync();
    }
    return (0, restart.IsWanted);
}

/// <summary>Names the entry point for the tests.</summary>
public partial class Program;
