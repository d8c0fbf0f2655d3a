using System.Runtime.InteropServices;
using WebDistill.Web;
using WebDistill.Web.Headless;
using WebDistill.Web.Notifications;
using WebDistill.Web.Storage;

// `dotnet run` starts in the repository root and a container in its publish folder: appsettings.json stands in both.
string contentRoot = File.Exists("appsettings.json") ? Directory.GetCurrentDirectory() : AppContext.BaseDirectory;
if (args is [HeadlessRun.Command, ..])
    return await HeadlessRun.ExecuteAsync(args[1..], contentRoot);
if (args is [HeadlessSweep.Command, ..])
    return await HeadlessSweep.ExecuteAsync(args[1..], contentRoot);

WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = contentRoot });
DataFolder folder;
try
{
    HostSettings settings = HostSettings.Read(builder.Configuration);
    folder = new DataFolder(Path.GetFullPath(settings.StorageRoot, builder.Environment.ContentRootPath));
    builder.Services.AddSingleton(settings);
}
catch (Exception e) when (e is HostSettingsException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

// Radzen's files, also when the environment is not Development; nothing to do in a published folder.
builder.WebHost.UseStaticWebAssets();
builder.Services.AddStorage(folder);
builder.Services.AddTraining();
builder.Services.AddRuns();
builder.Services.AddLibrary();
builder.Services.AddEvaluations();
builder.Services.AddWeb();

WebApplication app = builder.Build();
_ = app.Services.GetRequiredService<Webhook>(); // Hears of the runs that the next line finds interrupted.
await app.Services.PrepareStorageAsync();
if (app.Services.GetRequiredService<HostSettings>().ResumeInterrupted)
    await app.Services.ResumeInterruptedAsync();
app.UseWeb();
app.MapWeb();
app.AnnounceAddress();
app.ShareDeadline();
var shutdown = app.Services.GetRequiredService<Shutdown>();
using PosixSignalRegistration terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => shutdown.EndProcessInTime());
using PosixSignalRegistration interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => shutdown.EndProcessInTime());
await app.RunAsync();
return 0;

/// <summary>Names the entry point for the tests.</summary>
public partial class Program;
