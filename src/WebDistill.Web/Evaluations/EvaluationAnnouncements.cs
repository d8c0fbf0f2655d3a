using WebDistill.Web.Live;

namespace WebDistill.Web.Evaluations;

/// <summary>Rings when an evaluation's status, progress or figures were saved.</summary>
public sealed class EvaluationAnnouncements(ILogger<EvaluationAnnouncements> logger) : Announcements(logger);
