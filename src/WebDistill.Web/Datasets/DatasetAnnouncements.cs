using WebDistill.Web.Live;

namespace WebDistill.Web.Datasets;

/// <summary>Rings when a data set's state or progress changed.</summary>
public sealed class DatasetAnnouncements(ILogger<DatasetAnnouncements> logger) : Announcements(logger);
