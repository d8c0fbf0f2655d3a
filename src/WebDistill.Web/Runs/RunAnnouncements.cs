using WebDistill.Web.Live;

namespace WebDistill.Web.Runs;

/// <summary>Rings when a run's rows, status, log or figures were saved.</summary>
public sealed class RunAnnouncements(ILogger<RunAnnouncements> logger) : Announcements(logger);
