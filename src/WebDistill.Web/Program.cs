using Microsoft.EntityFrameworkCore;
using Radzen;
using WebDistill.Data;
using WebDistill.Web;
using WebDistill.Web.Components;
using WebDistill.Web.Library;
using WebDistill.Web.Live;
using WebDistill.Web.Playground;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

// `dotnet run` starts in the repository root and a container in its publish folder: appsettings.json stands in both.
WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
{
    Args = args,
    ContentRootPath = File.Exists("appsettings.json") ? Directory.GetCurrentDirectory() : AppContext.BaseDirectory,
});
HostSettings settings = HostSettings.Read(builder.Configuration);
var folder = new DataFolder(Path.GetFullPath(settings.StorageRoot, builder.Environment.ContentRootPath));
builder.WebHost.UseStaticWebAssets();
builder.Services.AddSingleton(settings).AddSingleton(folder);
builder.Services.AddSqliteDatabase(folder.DatabaseFile);
builder.Services.AddRuns().AddLibrary().AddPlayground().AddLive();
builder.Services.AddRazorComponents().AddInteractiveServerComponents();
builder.Services.AddRadzenComponents();

WebApplication app = builder.Build();
await SqliteDatabase.MigrateAsync(app.Services.GetRequiredService<IDbContextFactory<WebDistillDb>>());
app.UseStaticFiles();
app.UseAntiforgery();
app.MapStaticAssets();
app.MapHub<CurvesHub>("/hubs/curves");
app.MapRazorComponents<App>().AddInteractiveServerRenderMode();
app.Run();

public partial class Program;
