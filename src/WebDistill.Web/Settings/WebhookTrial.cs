using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Settings;

/// <summary>Tries out an address that shall be told of runs.</summary>
public sealed class WebhookTrial(IHttpClientFactory clients)
{
    /// <summary>Name of the HTTP client; it logs nothing, for an address may carry a secret.</summary>
    internal const string ClientName = "webhook trial";

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Sends one message, <c>{"event":"test","at":…}</c> or the same in another form, once.</summary>
    /// <returns>Why it did not arrive; null when it did.</returns>
    public async Task<string?> SendAsync(Uri url, WebhookFormat format, CancellationToken cancel = default)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(s_patience);
        try
        {
            using HttpClient http = clients.CreateClient(ClientName);
            using HttpResponseMessage answer = await http.PostAsync(url, s_words.Body(format, new TestMessage("test", DateTime.UtcNow)), patience.Token);
            return answer.IsSuccessStatusCode ? null : $"it answered {(int)answer.StatusCode}";
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"no answer in {s_patience.TotalSeconds} s";
        }
        catch (HttpRequestException e)
        {
            return e.Message;
        }
    }

    private static readonly ChatMessage s_words = new("WebDistill: a test", "Runs tell here when they begin, come to rest or raise an alert, and what is written about them.", []);

    private sealed record TestMessage(string Event, DateTime At);
}
