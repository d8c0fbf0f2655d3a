using System.CommandLine;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;

namespace WebDistill.Benchmarks;

/// <summary>
/// What an evaluation costs a training on the same machine: the speed of both alone and together. The two shares, each speed together by the
/// speed alone, sum to 1 when the training loses just what the evaluation uses.
/// </summary>
internal static class EvaluateCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public static Command Create()
    {
        var server = new Option<string>("--server") { DefaultValueFactory = _ => "http://127.0.0.1:5080", Description = "address of a server" };
        var model = new Option<Guid>("--model") { Required = true, Description = "model or checkpoint that is evaluated" };
        var dataset = new Option<Guid>("--dataset") { Required = true, Description = "data set that it is evaluated on, large enough for every phase" };
        var seconds = new Option<double>("--seconds") { DefaultValueFactory = _ => 15, Description = "length of a phase" };
        var pairs = new Option<int>("--pairs") { DefaultValueFactory = _ => 4, Description = "phases of each kind" };
        var command = new Command("evaluate", "Training speed of the running run of a server, without and with an evaluation.")
        {
            server, model, dataset, seconds, pairs,
        };
        command.SetAction((parsed, cancel) => MeasureAsync(
            new Uri(parsed.GetValue(server)!), parsed.GetValue(model), parsed.GetValue(dataset), TimeSpan.FromSeconds(parsed.GetValue(seconds)),
            parsed.GetValue(pairs), cancel));
        return command;
    }

    private static async Task<int> MeasureAsync(Uri server, Guid model, Guid dataset, TimeSpan phase, int pairs, CancellationToken cancel)
    {
        using var http = new HttpClient { BaseAddress = server };
        if (await LiveTraining.FindAsync(http, cancel) is not JsonElement run)
            return 2;
        Guid id = run.GetProperty("id").GetGuid();
        // Windows that overlap as much as they can: an evaluation that does not end before the measurement does.
        var request = new { modelId = model, set = "text", datasetId = dataset, stride = 1 };
        List<double> trainingAlone = [], trainingWith = [], evaluationAlone = [], evaluationWith = [];
        for (int pair = 0; pair < pairs; pair++)
        {
            trainingAlone.Add(await LiveTraining.TokensPerSecondAsync(http, id, phase, cancel));

            Guid evaluation = await BeginAsync(http, request, cancel);
            Task<double> units = UnitsPerSecondAsync(http, evaluation, phase, cancel);
            trainingWith.Add(await LiveTraining.TokensPerSecondAsync(http, id, phase, cancel));
            evaluationWith.Add(await units);

            await PostAsync(http, $"/api/runs/{id}/pause", cancel);
            await UntilAsync(http, $"/api/runs/{id}", answer => answer.GetProperty("status").GetString() == "Paused", cancel);
            evaluationAlone.Add(await UnitsPerSecondAsync(http, evaluation, phase, cancel));
            await PostAsync(http, $"/api/evaluations/{evaluation}/cancel", cancel);
            await PostAsync(http, $"/api/runs/{id}/resume", cancel);
            await UntilAsync(http, $"/api/runs/{id}", answer => answer.GetProperty("status").GetString() == "Running", cancel);
        }
        double[] shares = [.. Enumerable.Range(0, pairs).Select(i =>
            trainingWith[i] / trainingAlone[i] + evaluationWith[i] / evaluationAlone[i])];
        Report.Line(new
        {
            measurement = "evaluate",
            pairs,
            phaseSeconds = phase.TotalSeconds,
            trainingTokensPerSecondAlone = Report.Rounded(Report.Median(trainingAlone)),
            trainingTokensPerSecondWithEvaluation = Report.Rounded(Report.Median(trainingWith)),
            evaluationWindowsPerSecondAlone = Report.Rounded(Report.Median(evaluationAlone)),
            evaluationWindowsPerSecondWithTraining = Report.Rounded(Report.Median(evaluationWith)),
            medianSumOfShares = Report.Rounded(Report.Median(shares)),
            smallestSumOfShares = Report.Rounded(shares.Min()),
            largestSumOfShares = Report.Rounded(shares.Max()),
        });
        return 0;
    }

    /// <summary>Queues the evaluation, or lets it go on, and waits until it computes.</summary>
    private static async Task<Guid> BeginAsync(HttpClient http, object request, CancellationToken cancel)
    {
        using HttpResponseMessage response = await http.PostAsJsonAsync("/api/evaluations", request, cancel);
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>(cancel);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"The evaluation was refused: {answer}");
        Guid id = answer.GetProperty("id").GetGuid();
        await UntilAsync(http, $"/api/evaluations/{id}",
            found => found.GetProperty("status").GetString() == "Running" && found.GetProperty("doneUnits").GetInt64() > 0, cancel);
        return id;
    }

    private static Task<double> UnitsPerSecondAsync(HttpClient http, Guid evaluation, TimeSpan phase, CancellationToken cancel) =>
        LiveTraining.PerSecondAsync(phase, async () =>
            (await http.GetFromJsonAsync<JsonElement>($"/api/evaluations/{evaluation}", cancel)).GetProperty("doneUnits").GetInt64(), cancel);

    private static async Task UntilAsync(HttpClient http, string path, Func<JsonElement, bool> isReached, CancellationToken cancel)
    {
        for (long began = Stopwatch.GetTimestamp(); !isReached(await http.GetFromJsonAsync<JsonElement>(path, cancel)); await Task.Delay(100, cancel))
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new TimeoutException($"{path} did not come to the expected state within {Patience}.");
        }
    }

    private static async Task PostAsync(HttpClient http, string path, CancellationToken cancel)
    {
        using HttpResponseMessage response = await http.PostAsync(path, null, cancel);
        response.EnsureSuccessStatusCode();
    }
}
