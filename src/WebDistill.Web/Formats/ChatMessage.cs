using System.Text.Json.Nodes;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Formats;

/// <summary>A message as a person reads it in a chat. Nothing in it is taken for a link, a mention or markup, whatever somebody wrote.</summary>
/// <param name="Title">One line.</param>
/// <param name="Text">Some lines; empty for none.</param>
/// <param name="Facts">Figures, each with what it is.</param>
public sealed record ChatMessage(string Title, string Text, IReadOnlyList<(string Label, string Value)> Facts)
{
    // Slack refuses a message with a longer header, text or list: https://docs.slack.dev/reference/block-kit/blocks.
    private const int SlackHeaderCharacters = 150, SlackTextCharacters = 3000, SlackFields = 10;

    /// <summary>The body of a request to a receiver.</summary>
    /// <param name="own">The message in the product's own form.</param>
    public HttpContent Body(WebhookFormat format, object own) => format switch
    {
        WebhookFormat.Slack => JsonContent.Create(Slack()),
        WebhookFormat.Teams => JsonContent.Create(Teams()),
        _ => JsonContent.Create(own, own.GetType(), options: WebJson.Measured),
    };

    /// <summary>A body for an incoming webhook of Slack: <c>{"text":…,"blocks":[…]}</c>; the text stands where no blocks are shown.</summary>
    public JsonObject Slack()
    {
        JsonArray blocks = [new JsonObject { ["type"] = "header", ["text"] = PlainText(Figures.Cut(Title, SlackHeaderCharacters)) }];
        if (Text != "")
            blocks.Add(new JsonObject { ["type"] = "section", ["text"] = PlainText(Figures.Cut(Text, SlackTextCharacters)) });
        if (Facts.Count > 0)
            blocks.Add(new JsonObject
            {
                ["type"] = "section",
                ["fields"] = new JsonArray([.. Facts.Take(SlackFields).Select(fact => PlainText($"{fact.Label}: {fact.Value}"))]),
            });
        // Here alone the three signs would begin a link or a mention.
        string text = (Text == "" ? Title : $"{Title}: {Text}").Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;");
        return new JsonObject { ["text"] = Figures.Cut(text, SlackTextCharacters), ["blocks"] = blocks };

        static JsonObject PlainText(string text) => new() { ["type"] = "plain_text", ["text"] = text, ["emoji"] = false };
    }

    /// <summary>A body for Teams: a message with an Adaptive Card, <c>{"type":"message","attachments":[…]}</c>.</summary>
    public JsonObject Teams()
    {
        JsonArray body = [Lines(Title, weight: "Bolder", size: "Medium")];
        if (Text != "")
            body.Add(Lines(Text));
        if (Facts.Count > 0)
            body.Add(new JsonObject
            {
                ["type"] = "FactSet",
                ["facts"] = new JsonArray([.. Facts.Select(fact => new JsonObject { ["title"] = fact.Label, ["value"] = fact.Value })]),
            });
        return new JsonObject
        {
            ["type"] = "message",
            ["attachments"] = new JsonArray(new JsonObject
            {
                ["contentType"] = "application/vnd.microsoft.card.adaptive",
                ["contentUrl"] = null,
                ["content"] = new JsonObject
                {
                    ["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json", ["type"] = "AdaptiveCard", ["version"] = "1.4", ["body"] = body,
                },
            }),
        };

        // Not a TextBlock, which reads Markdown.
        static JsonObject Lines(string text, string weight = "Default", string size = "Default") => new()
        {
            ["type"] = "RichTextBlock", ["inlines"] = new JsonArray(new JsonObject { ["type"] = "TextRun", ["text"] = text, ["weight"] = weight, ["size"] = size }),
        };
    }
}
