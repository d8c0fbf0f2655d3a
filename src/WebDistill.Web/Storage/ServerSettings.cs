using System.Text.Json;
using System.Text.Json.Serialization;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Storage;

/// <summary>What a person set on the Settings page; null where nothing was.</summary>
public sealed record ChosenSettings
{
    /// <summary>Whether runs that the end of the server cut go on by themselves when it starts again.</summary>
    public bool? ResumeInterrupted { get; init; }

    /// <summary>Threads that compute on the processor, from the next start on.</summary>
    public int? Threads { get; init; }

    /// <summary>Who is told, by an HTTP POST, that a run changed.</summary>
    public Uri? WebhookUrl { get; init; }

    /// <summary>In which form that is told.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<WebhookFormat>))]
    public WebhookFormat? WebhookFormat { get; init; }
}

/// <summary>
/// The settings that can be changed while the server runs: those of the deployment where it names them, else what was chosen on the Settings
/// page, which settings.json of the data folder keeps. Not in the database: a backup that is restored must not bring back an old address.
/// </summary>
public sealed class ServerSettings
{
    /// <summary>Most threads that can be chosen.</summary>
    public const int MostThreads = 1024;

    private readonly DataFolder _folder;
    private readonly HostSettings _host;
    private volatile ChosenSettings _chosen = new();

    /// <summary>Reads what was chosen.</summary>
    public ServerSettings(DataFolder folder, HostSettings host, ILogger<ServerSettings> logger)
    {
        (_folder, _host) = (folder, host);
        if (!File.Exists(SettingsFile))
            return;
        try
        {
            _chosen = JsonSerializer.Deserialize<ChosenSettings>(File.ReadAllText(SettingsFile), WebJson.Options) ?? new ChosenSettings();
        }
        catch (JsonException e)
        {
            Problem = $"settings.json of the data folder cannot be read: {e.Message} The defaults hold until something is set here.";
            logger.LogError("{Problem}", Problem);
        }
    }

    /// <summary>Why what was chosen is not in force; null where it is.</summary>
    public string? Problem { get; private set; }

    /// <summary>What was chosen.</summary>
    public ChosenSettings Chosen => _chosen;

    /// <summary>Whether runs that the end of the server cut go on by themselves when it starts again.</summary>
    public bool ResumeInterrupted => _host.ResumeInterrupted ?? _chosen.ResumeInterrupted ?? true;

    /// <summary>Whether the deployment decides that.</summary>
    public bool IsResumeFixed => _host.ResumeInterrupted is not null;

    /// <summary>Who is told, by an HTTP POST, that a run changed; null tells nobody.</summary>
    public Uri? WebhookUrl => _host.WebhookUrl ?? _chosen.WebhookUrl;

    /// <summary>Whether the deployment decides that.</summary>
    public bool IsWebhookFixed => _host.WebhookUrl is not null;

    /// <summary>In which form it is told.</summary>
    public WebhookFormat WebhookFormat => _host.WebhookFormat ?? _chosen.WebhookFormat ?? WebhookFormat.WebDistill;

    /// <summary>Whether the deployment decides that.</summary>
    public bool IsWebhookFormatFixed => _host.WebhookFormat is not null;

    /// <summary>Threads that compute on the processor from the next start on; null for one per processor.</summary>
    public int? Threads => AreThreadsFixed ? null : _chosen.Threads;

    /// <summary>Whether the deployment decides that, by an environment variable.</summary>
    public static bool AreThreadsFixed => !string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(Device.ThreadsVariable));

    /// <summary>Keeps what was chosen; in force when it returns.</summary>
    /// <exception cref="IOException">The disk refuses; what was in force stays so.</exception>
    public void Save(ChosenSettings chosen)
    {
        DurableFile.WriteText(SettingsFile, JsonSerializer.Serialize(chosen, WebJson.Options), _folder.Files);
        (_chosen, Problem) = (chosen, null);
    }

    private string SettingsFile => Path.Combine(_folder.Root, "settings.json");
}
