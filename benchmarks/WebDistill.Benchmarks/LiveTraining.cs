using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace WebDistill.Benchmarks;

/// <summary>The training that a running server is at, and how fast it and other work go on there.</summary>
internal static class LiveTraining
{
    /// <summary>The run that trains; null, with a message, when none does.</summary>
    public static async Task<JsonElement?> FindAsync(HttpClient http, CancellationToken cancel)
    {
        string? address = "/api/runs?limit=1000";
        while (address is not null)
        {
            using HttpResponseMessage answer = await http.GetAsync(address, cancel);
            JsonElement[] runs = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement[]>(cancel) ?? [];
            JsonElement run = runs.FirstOrDefault(found => found.GetProperty("status").GetString() == "Running");
            if (run.ValueKind != JsonValueKind.Undefined)
                return run;
            address = answer.Headers.TryGetValues("Link", out IEnumerable<string>? links) ? links.Single().Split('<', '>')[1] : null;
        }
        Console.Error.WriteLine($"No run is Running on {http.BaseAddress}: start a long one first.");
        return null;
    }

    /// <summary>Tokens trained on in a phase, by the server's own count, divided by its length.</summary>
    public static Task<double> TokensPerSecondAsync(HttpClient http, Guid run, TimeSpan phase, CancellationToken cancel) =>
        PerSecondAsync(phase, async () =>
        {
            int step = (await http.GetFromJsonAsync<JsonElement>($"/api/runs/{run}", cancel)).GetProperty("step").GetInt32();
            JsonElement[] last = await http.GetFromJsonAsync<JsonElement[]>($"/api/runs/{run}/steps?after={Math.Max(0, step - 1)}&limit=1", cancel) ?? [];
            return last is [JsonElement found] ? found.GetProperty("tokensSeen").GetInt64() : 0;
        }, cancel);

    /// <summary>By how much a count of the server grows in a phase, divided by the phase's length.</summary>
    public static async Task<double> PerSecondAsync(TimeSpan phase, Func<Task<long>> count, CancellationToken cancel)
    {
        (long before, long began) = (await count(), Stopwatch.GetTimestamp());
        await Task.Delay(phase, cancel);
        (long after, TimeSpan took) = (await count(), Stopwatch.GetElapsedTime(began));
        return (after - before) / took.TotalSeconds;
    }
}
