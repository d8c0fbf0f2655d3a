using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests;

/// <summary>The whole product on a free loopback port, with a data folder of its own.</summary>
public sealed class WebDistillApp : WebApplicationFactory<Program>
{
    private readonly bool _ownsRoot;
    private readonly IReadOnlyDictionary<string, string> _settings;
    private bool _disposed;

    // The product finds appsettings.json and wwwroot/ from the working directory, as `dotnet run` sets it.
    static WebDistillApp() => Directory.SetCurrentDirectory(RepositoryRoot);

    public WebDistillApp() : this(null)
    {
    }

    /// <param name="root">
    /// A data folder to take over, which is kept afterwards; null makes a new one, with a database that lacks no migration, which is removed.
    /// </param>
    /// <param name="settings">More settings, by their keys.</param>
    internal WebDistillApp(string? root, IReadOnlyDictionary<string, string>? settings = null)
    {
        _ownsRoot = root is null;
        _settings = settings ?? new Dictionary<string, string>();
        Root = root ?? Directory.CreateTempSubdirectory("webdistill-").FullName;
        if (_ownsRoot)
            MigratedDatabase.WriteTo(Root);
        // Without a port of its own: the factory would change the addresses of a server that may be listening by then. "urls" says it.
        UseKestrel();
        StartServer();
        Http = CreateClient();
    }

    /// <summary>Storage:Root.</summary>
    public string Root { get; }

    /// <summary>Where it listens, with its port and without a slash at the end.</summary>
    public string Address => Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First().TrimEnd('/');

    /// <summary>The machine that the product believes to be on; null is this one.</summary>
    internal Machine? Machine { get; set; }

    /// <summary>A client for <see cref="Address"/>.</summary>
    public HttpClient Http { get; }

    public T Service<T>() where T : notnull => Services.GetRequiredService<T>();

    public static string RepositoryRoot { get; } = FindRepositoryRoot();

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.UseSetting("urls", "http://127.0.0.1:0");
        builder.UseSetting("Storage:Root", Root);
        builder.UseSetting("Storage:ReserveMegabytes", "0");
        builder.UseSetting("Logging:LogLevel:Default", "Warning");
        foreach ((string key, string value) in _settings)
            builder.UseSetting(key, value);
        builder.ConfigureTestServices(services => services.AddSingleton<Func<Machine>>(provider =>
            () => Machine ?? Machine.Read(provider.GetRequiredService<DataFolder>().FreeBytes)));
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (!disposing || _disposed)
            return;
        _disposed = true;
        WaitUntilFree();
        SqliteConnection.ClearAllPools();
        if (_ownsRoot)
            Directory.Delete(Root, recursive: true);
    }

    // The product's entry point disposes the host too, on a thread of its own, and may have begun before: then what was called above
    // returns at once, and the folder is still in use.
    private void WaitUntilFree()
    {
        for (int i = 0; ; i++)
        {
            try
            {
                new DataFolder(Root, FileLayer.Disk).Dispose();
                return;
            }
            catch (IOException) when (i < 6000)
            {
                Thread.Sleep(10);
            }
        }
    }

    private static string FindRepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "WebDistill.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds WebDistill.sln.");
    }
}
