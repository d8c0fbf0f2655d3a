namespace WebDistill.Web.Hosting;

/// <summary>In which form the webhook's receiver takes a message.</summary>
public enum WebhookFormat
{
    /// <summary>The product's own: every figure under its name.</summary>
    WebDistill,

    /// <summary>An incoming webhook of Slack.</summary>
    Slack,

    /// <summary>An incoming webhook or workflow of Microsoft Teams: an Adaptive Card.</summary>
    Teams,
}
