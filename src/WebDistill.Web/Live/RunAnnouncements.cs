namespace WebDistill.Web.Live;

/// <summary>Rings when a run's rows, status, log or figures were saved.</summary>
public sealed class RunAnnouncements(ILogger<RunAnnouncements> logger) : Announcements(logger);
