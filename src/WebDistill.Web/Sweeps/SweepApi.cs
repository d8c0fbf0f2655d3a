using System.Text;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Compare;
using WebDistill.Web.Failures;
using WebDistill.Web.Http;
using WebDistill.Web.Security;

namespace WebDistill.Web.Sweeps;

/// <summary>/api/sweeps</summary>
internal static class SweepApi
{
    public static void MapSweeps(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder sweeps = api.MapGroup("/sweeps").WithTags("Sweeps");

        sweeps.MapGet("", ([AsParameters] ListQuery query, SweepReports reports, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => reports.ListAsync(after, limit, cancel), report => report.Sweep.Id,
                    SweepSummaryResponse.Of))
            .ProducesValidationProblem().WithSummary("Sweeps, newest first").WithDescription(ListQuery.Description);

        sweeps.MapPost("", async (HttpRequest request, SweepPlanner planner, SweepReports reports, CancellationToken cancel) =>
        {
            (SweepPlan plan, IReadOnlyList<OptionProblem> unread) = SweepPlanJson.Read(await RequestBody.ReadBytesAsync(request, cancel));
            if (unread.Count > 0)
                throw new OptionsInvalidException(unread);
            Sweep sweep = await planner.LaunchAsync(plan, cancel);
            return TypedResults.Created($"/api/sweeps/{sweep.Id}", SweepResponse.Of(await reports.GetAsync(sweep.Id, cancel)));
        }).Accepts<SweepPlan>("application/json").ProducesValidationProblem().ProducesProblem(409).ProducesProblem(413).ProducesProblem(415)
            .LimitExpensive().WithSummary("Queues every run of a plan that is known, or none")
            .WithDescription("strategy is Grid (every combination), Random (draws of them by drawSeed) or Bayesian (firstPoints of the draws are random, 5 unless told otherwise; each later one of the draws is proposed where an improvement is most expected, when all runs before it have ended; pointsToCome says how many are left). With halving, {\"firstRungUpdates\": 100, \"eta\": 3}, all points train to update 100 and rest, the best "
                + "third goes on to 300, of these the best third to 900, and those that are left to their end; the others are stopped and can be resumed. All runs must have the same number of updates.");

        sweeps.MapGet("/{id:guid}", async (Guid id, SweepReports reports, CancellationToken cancel) =>
                SweepResponse.Of(await reports.GetAsync(id, cancel)))
            .ProducesProblem(404).WithSummary("One sweep: its plan, its points with mean and interval over the seeds, their runs");

        sweeps.MapGet("/{id:guid}/table.csv", async (Guid id, SweepReports reports, CancellationToken cancel) =>
            {
                SweepReport report = await reports.GetAsync(id, cancel);
                return TypedResults.File(Encoding.UTF8.GetBytes(SweepTable.Csv(report)), "text/csv", $"{report.Sweep.Name}.csv");
            })
            .ProducesProblem(404).WithSummary("A sweep's runs as CSV, one line each");

        sweeps.MapGet("/{id:guid}/table.md", async (Guid id, SweepReports reports, CancellationToken cancel) =>
            {
                SweepReport report = await reports.GetAsync(id, cancel);
                return TypedResults.File(Encoding.UTF8.GetBytes(SweepTable.Markdown(report)), "text/markdown", $"{report.Sweep.Name}.md");
            })
            .ProducesProblem(404).WithSummary("A sweep's points as a Markdown table, the best first");

        sweeps.MapGet("/{id:guid}/verdict", async (Guid id, string? format, string? against, SweepReports reports, SweepVerdicts verdicts, CancellationToken cancel) =>
            {
                VerdictApi.RequireFormat(format);
                if (against is not (null or SweepVerdicts.TextAlone))
                    throw new OptionsInvalidException("against", $"The value is '{ForeignText.Quote(against)}', expected {SweepVerdicts.TextAlone}, or nothing for the best point.");
                SweepReport report = await reports.GetAsync(id, cancel);
                SweepJudgement judgement = await verdicts.ReadAsync(report, against is not null, cancel);
                return VerdictApi.Answer(VerdictFile.Of(judgement.Verdict, judgement.Between), format, report.Sweep.Name);
            })
            .Produces<VerdictFile>().ProducesValidationProblem().ProducesProblem(404).LimitTransfers()
            .WithSummary("Which point of a sweep is better: arms, seeds, paired differences with intervals and one word; html, md or json")
            .WithDescription("against=text compares the points with the runs that learn from the text alone, where there are such runs; otherwise the best point is compared with all others.");

        sweeps.MapPost("/{id:guid}/stop", async (Guid id, SweepService service, SweepReports reports, CancellationToken cancel) =>
        {
            await service.StopAsync(id, cancel);
            return TypedResults.Accepted($"/api/sweeps/{id}", SweepResponse.Of(await reports.GetAsync(id, cancel)));
        }).ProducesProblem(404).WithSummary("Ends every run of the sweep that is not complete; those that train save their state first");

        sweeps.MapDelete("/{id:guid}", async (Guid id, string? runs, SweepService service, CancellationToken cancel) =>
        {
            if (runs is not ("keep" or "delete"))
                throw new OptionsInvalidException("runs", $"The value is '{ForeignText.Quote(runs)}', expected keep or delete, as in ?runs=keep.");
            await service.DeleteAsync(id, withRuns: runs == "delete", cancel);
            return TypedResults.NoContent();
        }).ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409)
            .WithSummary("Removes a sweep; runs=keep leaves its runs, runs=delete removes them with their checkpoints");
    }
}

/// <summary>A sweep in the list.</summary>
/// <param name="Points">Combinations, seeds not counted.</param>
/// <param name="BestPoint">The point with the best mean so far: the lowest, of an accuracy the highest.</param>
/// <param name="BestValue">That mean.</param>
/// <param name="BestNatsPerToken">The mean of the losses that it comes from, where the metric is a perplexity.</param>
public sealed record SweepSummaryResponse(
    Guid Id, string Name, DateTime CreatedAt, SweepMetric Metric, int Points, int Runs, int CompletedRuns, bool IsAtRest, string? BestPoint,
    double? BestValue, double? BestNatsPerToken)
{
    /// <summary>The response of a sweep.</summary>
    public static SweepSummaryResponse Of(SweepReport report) => new(
        report.Sweep.Id, report.Sweep.Name, report.Sweep.CreatedAt, report.Plan.Metric, report.Groups.Count, report.RunCount,
        report.CompletedCount, report.IsAtRest, report.Best?.Title, report.Best?.Mean?.Mean, report.Best?.MeanNatsPerToken);
}

/// <summary>A sweep with everything that it came to, its best point first.</summary>
/// <param name="PointsToCome">Points that a Bayesian search is still to propose.</param>
/// <param name="ProposalsEndedBecause">Why it proposes fewer points than the plan names; null where it does not.</param>
/// <param name="Rungs">What successive halving decided so far: at each rung every point that was compared there, the best one first, and whether it goes on.</param>
public sealed record SweepResponse(
    Guid Id, string Name, DateTime CreatedAt, SweepMetric Metric, int RunCount, int CompletedRuns, int PointsToCome, string? ProposalsEndedBecause, bool IsAtRest,
    IReadOnlyList<SweepPointResponse> Points, IReadOnlyList<DecidedRung> Rungs, JsonElement Plan)
{
    /// <summary>The response of a sweep.</summary>
    public static SweepResponse Of(SweepReport report) => new(
        report.Sweep.Id, report.Sweep.Name, report.Sweep.CreatedAt, report.Plan.Metric, report.RunCount, report.CompletedCount, report.PointsToCome,
        report.Sweep.ProposalsEndedBecause, report.IsAtRest, [.. report.Groups.Select(SweepPointResponse.Of)], report.Decided,
        SweepPlanJson.Stored(report.Sweep.PlanJson));
}

/// <summary>A point and the runs that differ in their seeds alone.</summary>
/// <param name="Labels">By the names of the dimensions, those of seeds left out.</param>
/// <param name="Origin">Of a Bayesian search: whether it was one of the first, drawn points, or proposed; null of another one.</param>
/// <param name="N">Complete runs, over which mean and interval are taken.</param>
/// <param name="MeanNatsPerToken">The mean of the losses that the perplexities are the exponentials of; null for another metric.</param>
/// <param name="HalfWidth95">Half the width of the 95 % confidence interval (Student's t, n - 1); null for n below 2, and where the mean is not
/// finite.</param>
public sealed record SweepPointResponse(
    IReadOnlyDictionary<string, string> Labels, PointOrigin? Origin, int N, double? Mean, double? MeanNatsPerToken, double? StandardDeviation, double? HalfWidth95, bool IsBest,
    IReadOnlyList<SweepRunResponse> Runs)
{
    /// <summary>The response of a point.</summary>
    public static SweepPointResponse Of(SweepGroup group) => new(
        new OrderedDictionary<string, string>(group.Labels), group.Origin, group.Mean?.Count ?? 0, group.Mean?.Mean, group.MeanNatsPerToken, group.Mean?.StandardDeviation,
        group.Mean?.HalfWidth, group.IsBest, [.. group.Runs.Select(SweepRunResponse.Of)]);
}

/// <summary>One run of a sweep; the whole of it stands at /api/runs.</summary>
/// <param name="Value">The metric as it stands; compared once the run is complete.</param>
/// <param name="NatsPerToken">The mean loss of a metric that is a perplexity; null of another one.</param>
public sealed record SweepRunResponse(
    Guid Id, string Name, IReadOnlyDictionary<string, string> Labels, RunStatus Status, int Step, int TotalSteps, double? Value,
    double? NatsPerToken, string? Error)
{
    /// <summary>The response of a run.</summary>
    public static SweepRunResponse Of(SweepRun run) => new(
        run.Run.Id, run.Run.Name, new OrderedDictionary<string, string>(run.Labels), run.Run.Status, run.Run.Step, run.Run.TotalSteps,
        run.Value, run.NatsPerToken, run.Run.Error);
}
