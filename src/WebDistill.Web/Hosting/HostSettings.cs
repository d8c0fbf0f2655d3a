using System.Globalization;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Web.Hosting;

/// <summary>The deploy-time options of appsettings.json, checked together at start-up.</summary>
/// <param name="StorageRoot">Storage:Root: where database, models, corpora and checkpoints stand.</param>
/// <param name="MaxUploadBytes">Storage:MaxUploadMegabytes, in bytes: the largest file that is accepted.</param>
/// <param name="ReserveBytes">Storage:ReserveMegabytes, in bytes: room that is given up when the disk is full, so that deleting always works.</param>
/// <param name="AllowRemoteWithoutLogin">Security:AllowRemoteWithoutLogin: whether anyone who reaches the address may use it.</param>
/// <param name="AllowedHosts">Security:AllowedHosts: names, besides loopback's, under which browsers may reach this server.</param>
/// <param name="Addresses">Urls, or the endpoints and ports that stand in its place: where the server listens.</param>
/// <param name="LoadedModels">Playground:LoadedModels: models kept in memory for generation.</param>
/// <param name="IdleModelMinutes">Playground:IdleModelMinutes: minutes after which an unused one is freed.</param>
/// <param name="QuickStartStories">QuickStart:Stories: stories in the corpus that the quick start writes.</param>
/// <param name="ResumeInterrupted">Training:ResumeInterrupted: whether runs that the end of the process cut go on by themselves; null leaves it to the Settings page.</param>
/// <param name="WebhookUrl">Notifications:WebhookUrl: who is told, by an HTTP POST, that a run changed; null leaves it to the Settings page.</param>
/// <param name="WebhookFormat">Notifications:WebhookFormat: in which form it is told; null leaves it to the Settings page.</param>
/// <param name="EvaluationFolder">Evaluation:Folder: where the texts of evaluation sets stand; null means evaluation/ of the storage root.</param>
/// <param name="Limits">Limits: how much of anything may be sent or held open.</param>
public sealed record HostSettings(
    string StorageRoot, long MaxUploadBytes, long ReserveBytes, bool AllowRemoteWithoutLogin, IReadOnlyList<string> AllowedHosts,
        IReadOnlyList<string> Addresses, int LoadedModels,
        int IdleModelMinutes, int QuickStartStories, bool? ResumeInterrupted, Uri? WebhookUrl, WebhookFormat? WebhookFormat, string? EvaluationFolder, InputLimits Limits)
{
    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="HostSettingsException">Lists every option that cannot be used, with its key.</exception>
    public static HostSettings Read(IConfiguration configuration)
    {
        List<string> failures = [];
        string root = configuration["Storage:Root"] ?? "data";
        if (string.IsNullOrWhiteSpace(root))
            failures.Add("Storage:Root is blank. Name a folder, for example 'data'.");
        long megabytes = Integer("Storage:MaxUploadMegabytes", 4096, 1, 1 << 20);
        long reserve = Integer("Storage:ReserveMegabytes", 64, 0, 1 << 20);
        bool remote = Boolean("Security:AllowRemoteWithoutLogin", false);
        string[] hosts = [.. configuration.GetSection("Security:AllowedHosts").GetChildren().Select(child => child.Value ?? "")];
        foreach (string host in hosts.Where(host => Uri.CheckHostName(host.Trim('[', ']')) == UriHostNameType.Unknown))
            failures.Add($"Security:AllowedHosts contains '{host}', expected a host name or an address without scheme and port.");
        int loaded = (int)Integer("Playground:LoadedModels", 2, 1, 64);
        int idle = (int)Integer("Playground:IdleModelMinutes", 10, 1, 1440);
        int stories = (int)Integer("QuickStart:Stories", StoryCorpus.QuickStartStories, 50, 100_000);
        bool? resume = configuration["Training:ResumeInterrupted"] is null ? null : Boolean("Training:ResumeInterrupted", true);
        Uri? webhook = null;
        if (configuration["Notifications:WebhookUrl"] is { Length: > 0 } url
            && !(Uri.TryCreate(url, UriKind.Absolute, out webhook) && webhook.Scheme is "http" or "https"))
            failures.Add($"Notifications:WebhookUrl is '{url}', expected an address such as https://example.org/hook, or nothing.");
        WebhookFormat? format = null;
        if (configuration["Notifications:WebhookFormat"] is { Length: > 0 } shape)
        {
            // A number would be read as the place of a word.
            format = Enum.GetValues<WebhookFormat>().Cast<WebhookFormat?>().FirstOrDefault(known => known.ToString()!.Equals(shape, StringComparison.OrdinalIgnoreCase));
            if (format is null)
                failures.Add($"Notifications:WebhookFormat is '{shape}', expected {string.Join(", ", Enum.GetNames<WebhookFormat>())}, or nothing.");
        }
        string? evaluation = configuration["Evaluation:Folder"] is { } text && !string.IsNullOrWhiteSpace(text) ? text : null;
        InputLimits limits = InputLimits.Read(Integer);
        string[] addresses = [.. ListenAddresses.Read(configuration)];
        failures.AddRange(addresses.Select(address => ListenAddresses.Problem(address, remote)).OfType<string>());
        failures.AddRange(configuration.GetSection("Kestrel:Endpoints").GetChildren().Where(endpoint => string.IsNullOrEmpty(endpoint["Url"]))
            .Select(endpoint => $"{endpoint.Path}:Url is missing, expected an address such as http://127.0.0.1:5080."));
        failures.AddRange(LogLevels(configuration.GetSection("Logging")).Where(level => !Enum.TryParse<LogLevel>(level.Value, ignoreCase: true, out _))
            .Select(level => $"{level.Path} is '{level.Value}', expected one of {string.Join(", ", Enum.GetNames<LogLevel>())}."));
        return failures.Count == 0
            ? new HostSettings(
                root, megabytes << 20, reserve << 20, remote, hosts, addresses, loaded, idle, stories, resume, webhook, format, evaluation, limits)
            : throw new HostSettingsException(failures);

        long Integer(string key, long whenMissing, long minimum, long maximum)
        {
            if (configuration[key] is not string text)
                return whenMissing;
            if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= minimum
                && value <= maximum)
                return value;
            failures.Add($"{key} is '{text}', expected a whole number from {minimum} to {maximum}.");
            return whenMissing;
        }

        bool Boolean(string key, bool whenMissing)
        {
            if (configuration[key] is not string text)
                return whenMissing;
            if (bool.TryParse(text, out bool value))
                return value;
            failures.Add($"{key} is '{text}', expected true or false.");
            return whenMissing;
        }
    }

    // Of all logs, and of each kind of log that has a section of its own.
    private static IEnumerable<IConfigurationSection> LogLevels(IConfigurationSection logging) => logging.GetChildren()
        .SelectMany(section => section.Key.Equals("LogLevel", StringComparison.OrdinalIgnoreCase) ? [section] : section.GetChildren()
            .Where(inner => inner.Key.Equals("LogLevel", StringComparison.OrdinalIgnoreCase)))
        .SelectMany(levels => levels.GetChildren()).Where(level => !string.IsNullOrEmpty(level.Value));
}

/// <summary>Deploy-time options that cannot be used; the message lists all of them.</summary>
public sealed class HostSettingsException(IReadOnlyList<string> failures)
    : Exception("WebDistill cannot start:" + string.Concat(failures.Select(failure => $"{Environment.NewLine}  * {failure}")))
{
    /// <summary>One message per option.</summary>
    public IReadOnlyList<string> Failures { get; } = failures;
}
