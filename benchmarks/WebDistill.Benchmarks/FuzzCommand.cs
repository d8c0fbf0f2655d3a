using System.CommandLine;
using WebDistill.Benchmarks.Fuzzing;

namespace WebDistill.Benchmarks;

/// <summary>
/// Sends a real server every operation of its OpenAPI document with bodies, forms, ids, queries and headers that have something wrong in them, by
/// several clients at once. A finding is an answer 5xx, late, large or broken off, memory that stays, a file left in incoming/, or the server's end.
/// </summary>
internal static class FuzzCommand
{
    public static Command Create()
    {
        var minutes = new Option<double>("--minutes") { DefaultValueFactory = _ => 1, Description = "how long requests are sent" };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 7, Description = "decides every request" };
        var clients = new Option<int>("--clients") { DefaultValueFactory = _ => 6, Description = "requests under way at once" };
        var only = new Option<int?>("--only") { Description = "sends nothing but the request of this seed, which a finding names, and prints the answer" };
        var command = new Command("fuzz", "Requests with something wrong in them, to a server of its own; ends with 1 when something is found.")
        {
            minutes, seed, clients, only,
        };
        command.SetAction(async (parsed, cancel) =>
        {
            var findings = new FuzzFindings(FuzzLimits.Standard);
            var session = new FuzzSession(findings, FuzzLimits.Standard, parsed.GetValue(clients), parsed.GetValue(seed));
            if (parsed.GetValue(only) is int repeated)
                await session.RepeatAsync(repeated);
            else
                await session.RunAsync(TimeSpan.FromMinutes(parsed.GetValue(minutes)), cancel);
            findings.Print();
            return findings.Count == 0 ? 0 : 1;
        });
        return command;
    }
}
