using System.Globalization;
using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Http;
using WebDistill.Web.Jobs;
using WebDistill.Web.Security;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>/api/runs</summary>
internal static class RunApi
{
    public static void MapRuns(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder runs = api.MapGroup("/runs").WithTags("Runs");

        runs.MapGet("", ([AsParameters] ListQuery query, RunService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.ListAsync(after, limit, cancel), run => run.Id, RunResponse.Of))
            .ProducesValidationProblem().WithSummary("Runs, newest first").WithDescription(ListQuery.Description);

        runs.MapPost("", async (HttpRequest request, RunService service, CancellationToken cancel) =>
        {
            (RunOptions options, IReadOnlyList<OptionProblem> unread) =
                await RequestBody.ReadWithProblemsAsync<RunOptions>(request, cancel);
            // What could be read is checked as well, so that one answer names every bad field.
            if (unread.Count > 0)
                throw new OptionsInvalidException(
                    OptionsInvalidException.Join(unread, (await service.ForecastAsync(options, cancel)).Problems));
            Run run = await service.CreateAsync(options, cancel);
            return TypedResults.Created($"/api/runs/{run.Id}", RunResponse.Of(run));
        }).Accepts<RunOptions>("application/json").ProducesValidationProblem().ProducesProblem(409).ProducesProblem(413)
            .ProducesProblem(415).LimitExpensive().WithSummary("Queues a run with these options")
            .WithDescription("Also taken are the names of Hugging Face's distillation project (alpha_ce, n_epoch, mlm_mask_prop), with spaces for underscores too, beside these (docs/masked.md).");

        runs.MapPost("/quick-start", async (RunService service, CancellationToken cancel) =>
        {
            Run run = await service.QuickStartAsync(cancel);
            return TypedResults.Created($"/api/runs/{run.Id}", RunResponse.Of(run));
        }).ProducesProblem(409).LimitExpensive().WithSummary("Queues generated stories, a teacher and its student; answers with the student's run");

        runs.MapPost("/plan", async (HttpRequest request, RunService service, CancellationToken cancel) =>
        {
            RunOptions options = await RequestBody.ReadAsync<RunOptions>(request, cancel);
            RunForecast forecast = await service.ForecastAsync(options, cancel);
            if (forecast.Problems.Count > 0)
                throw new OptionsInvalidException(forecast.Problems);
            return PlanResponse.Of(forecast);
        }).Accepts<RunOptions>("application/json").ProducesValidationProblem().ProducesProblem(413).ProducesProblem(415).LimitExpensive()
            .WithSummary("What a run with these options would do, without queueing it");

        runs.MapGet("/{id:guid}",
            async (Guid id, RunService service, CancellationToken cancel) => RunResponse.Of(await service.GetAsync(id, cancel)))
            .ProducesProblem(404).WithSummary("One run");

        api.MapGet("/models/{id:guid}/classes", (Guid id, Guid? dataset, string? contextLength, string? maxTokens, ClassScores scores, CancellationToken cancel) => scores.MeasureAsync(id,
                dataset ?? throw new OptionsInvalidException("dataset", "No data set is named. Give dataset=ID of one with held-out labelled examples."),
                contextLength is null ? null : QueryNumber.Read("contextLength", contextLength, 0, 3, int.MaxValue), maxTokens is null ? null : QueryNumber.Read("maxTokens", maxTokens, 0, 2, int.MaxValue), cancel))
            .ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409).ProducesProblem(410).LimitExpensive().WithTags("Models")
            .WithSummary("What a model, or a checkpoint, that sorts texts tells of the held-out examples of a data set: figures, each class, and the confusion matrix");

        runs.MapGet("/{id:guid}/series", (Guid id, RunService service, CancellationToken cancel) => service.SeriesAsync(id, cancel))
            .ProducesProblem(404).WithSummary("The numbers that the updates of a run have: name, title, unit, chart")
            .WithDescription("Fixed when the run begins; before that, what its options promise. A step's `values`, the binary columns and the "
                + "live rows go by these names.");

        runs.MapGet("/{id:guid}/steps",
            ([AsParameters] ListQuery query, Guid id, RunService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.StepsAsync(id, (int)Math.Min(after, int.MaxValue), limit, cancel),
                    step => step.Step, step => step))
            .ProducesValidationProblem().ProducesProblem(404).WithSummary("The numbers of every update after a step, in order")
            .WithDescription($"`values` has the numbers by the names of the run's series; what was not measured after an update is missing. {ListQuery.Description}");

        runs.MapGet("/{id:guid}/steps.bin", async (Guid id, string? after, RunService service, CancellationToken cancel) =>
        {
            byte[] history = await service.HistoryAsync(id, QueryNumber.Read("after", after, 0, 0, int.MaxValue), cancel);
            return TypedResults.Bytes(history, "application/octet-stream");
        }).ProducesProblem(404).WithSummary("The same as binary columns (docs of StepHistory)");

        runs.MapGet("/{id:guid}/log",
            ([AsParameters] ListQuery query, Guid id, RunService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.LogAsync(id, after, limit, cancel), line => line.Id, LogLineResponse.Of))
            .ProducesValidationProblem().ProducesProblem(404).WithSummary("The log of a run, oldest line first")
            .WithDescription(ListQuery.Description);

        runs.MapGet("/{id:guid}/log.jsonl", async (Guid id, RunService service, CancellationToken cancel) =>
        {
            await service.GetAsync(id, cancel);
            return TypedResults.Stream(file => WriteLogAsync(file, id, service, cancel), "application/jsonl", $"run-{id:N}-log.jsonl");
        }).ProducesProblem(404).WithSummary("The log of a run as a file: one JSON object per line");

        runs.MapGet("/{id:guid}/alerts",
            ([AsParameters] ListQuery query, Guid id, RunService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.AlertsAsync(id, after, limit, cancel), alert => alert.Id, AlertResponse.Of))
            .ProducesValidationProblem().ProducesProblem(404).WithSummary("What the guards of a run saw, in the order in which they did")
            .WithDescription(ListQuery.Description);

        runs.MapGet("/{id:guid}/samples",
            ([AsParameters] ListQuery query, Guid id, StoredSamples samples, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => samples.ListAsync(id, after, limit, cancel), set => set.Step, set => set))
            .ProducesValidationProblem().ProducesProblem(404).WithSummary("What teacher and student of a run answered to its prompts, update by update")
            .WithDescription("The first set is that of update 0, before the first update. `klNats` is KL(teacher ‖ student) at a token of the student's answer, "
                + $"which both models have read up to there; null without a teacher. {ListQuery.Description}");

        runs.MapGet("/{id:guid}/diagnosis",
            ([AsParameters] ListQuery query, Guid id, DiagnosisService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.ListAsync(id, after, limit, cancel), one => one.Step, one => one))
            .ProducesValidationProblem().ProducesProblem(404).WithSummary("What was found by looking at the inside of a run, in the order of its updates")
            .WithDescription("`layers` has L2 norms: of the gradient before clipping, of the weights before the update, and of the update itself. `predictions` are over the same piece of held-out text at every "
                + "update, entropies and divergences in nats per token. The counts of a divergence are of the positions below 1e-4 nats, in bins with three edges to a decade from there to 100, and from 100 on; those of "
                + $"`byConfidence` in ten equal bins of the probability of the teacher's likeliest token. {ListQuery.Description}");

        runs.MapPut("/{id:guid}/guards", async (Guid id, HttpRequest request, RunCommands commands, RunService service, CancellationToken cancel) =>
        {
            await commands.SetGuardsAsync(id, await RequestBody.ReadAsync<GuardOptions>(request, cancel), cancel);
            return RunResponse.Of(await service.GetAsync(id, cancel));
        }).Accepts<GuardOptions>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Gives a run other guards, also while it trains");

        runs.MapGet("/{id:guid}/checkpoints",
            ([AsParameters] ListQuery query, Guid id, RunService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.CheckpointsAsync(id, after, limit, cancel), checkpoint => checkpoint.Step,
                    c => new CheckpointResponse(
                        c.Id, c.Step, c.CreatedAt, c.Bytes, c.ValidationPerplexity, c.Validation()?.NatsPerToken, c.WeightsSha256)
                        { Validation = c.Score() is { Perplexity: null } told ? told.Values : null }))
            .ProducesValidationProblem().ProducesProblem(404).WithSummary("The checkpoints of a run, first one first")
            .WithDescription(ListQuery.Description);

        runs.MapGet("/{id:guid}/checkpoints/{step:int}/files",
            async (Guid id, int step, RunService service, HttpContext context, CancellationToken cancel) =>
        {
            Run run = await service.GetAsync(id, cancel);
            return FolderArchive.Download(context, await service.CheckpointFolderAsync(id, step, cancel), $"{run.Name}, update {step}.zip");
        }).ProducesProblem(404).ProducesProblem(410).LimitTransfers().WithSummary("A checkpoint as a zip archive: a Hugging Face model with the state to go on from");

        runs.MapDelete("/{id:guid}/checkpoints/{step:int}", async (Guid id, int step, RunService service, CancellationToken cancel) =>
        {
            await service.DeleteCheckpointAsync(id, step, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Removes a checkpoint");

        runs.MapPost("/{id:guid}/checkpoints/{step:int}/branch",
            async (Guid id, int step, HttpRequest request, RunService service, CancellationToken cancel) =>
        {
            RunOptions options = await RequestBody.ReadAsync<RunOptions>(request, cancel);
            Run run = await service.BranchAsync(id, step, options, cancel);
            return TypedResults.Created($"/api/runs/{run.Id}", RunResponse.Of(run));
        }).Accepts<RunOptions>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409)
            .ProducesProblem(410).ProducesProblem(413).ProducesProblem(415).LimitExpensive().WithSummary("Queues a new run that goes on from a checkpoint under other options");

        runs.MapPost("/{id:guid}/pause", async (Guid id, RunCommands commands, RunService service, CancellationToken cancel) =>
        {
            await commands.PauseAsync(id, cancel);
            return TypedResults.Accepted($"/api/runs/{id}", RunResponse.Of(await service.GetAsync(id, cancel)));
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Lets a run save its state and rest");

        runs.MapPost("/{id:guid}/resume", async (Guid id, HttpRequest request, RunCommands commands, RunService service, CancellationToken cancel) =>
        {
            ResumeRequest from = request.ContentLength is 0 || request is { ContentLength: null, ContentType: null } ? new ResumeRequest()
                : await RequestBody.ReadAsync<ResumeRequest>(request, cancel);
            await commands.ResumeAsync(id, from.Step, cancel);
            return TypedResults.Accepted($"/api/runs/{id}", RunResponse.Of(await service.GetAsync(id, cancel)));
        }).Accepts<ResumeRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Lets a run go on from its newest complete checkpoint, or from the one of a step");

        runs.MapPost("/{id:guid}/continue", async (Guid id, HttpRequest request, RunService service, CancellationToken cancel) =>
        {
            await service.ContinueAsync(id, (await RequestBody.ReadAsync<ContinueRequest>(request, cancel)).Epochs, cancel);
            return TypedResults.Accepted($"/api/runs/{id}", RunResponse.Of(await service.GetAsync(id, cancel)));
        }).Accepts<ContinueRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Lets a completed run train for more epochs");

        runs.MapPut("/{id:guid}/position", async (Guid id, HttpRequest request, RunService service, CancellationToken cancel) =>
        {
            await service.MoveInQueueAsync(id, (await RequestBody.ReadAsync<PositionRequest>(request, cancel)).Position, cancel);
            return RunResponse.Of(await service.GetAsync(id, cancel));
        }).Accepts<PositionRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(409).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Moves a waiting run to another place in the queue");

        runs.MapPost("/{id:guid}/stop", async (Guid id, RunCommands commands, RunService service, CancellationToken cancel) =>
        {
            await commands.StopAsync(id, cancel);
            return TypedResults.Accepted($"/api/runs/{id}", RunResponse.Of(await service.GetAsync(id, cancel)));
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Ends a run with its state saved, or takes it out of the queue");

        runs.MapPut("/{id:guid}/name", async (Guid id, HttpRequest request, RunService service, CancellationToken cancel) =>
        {
            await service.RenameAsync(id, (await RequestBody.ReadAsync<NameRequest>(request, cancel)).Name, cancel);
            return RunResponse.Of(await service.GetAsync(id, cancel));
        }).Accepts<NameRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Gives a run another name");

        runs.MapDelete("/{id:guid}", async (Guid id, RunService service, CancellationToken cancel) =>
        {
            await service.DeleteAsync(id, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Removes a run with its steps, log and checkpoints");
    }

    private static async Task WriteLogAsync(Stream file, Guid id, RunService service, CancellationToken cancel)
    {
        long after = -1;
        IReadOnlyList<LogLine> lines;
        do
        {
            try
            {
                lines = await service.LogAsync(id, after, Lists.MostLimit, cancel);
            }
            catch (NotFoundException) when (after >= 0)
            {
                return; // Deleted meanwhile with all its lines: what was read before is the file.
            }
            foreach (LogLine line in lines)
            {
                await JsonSerializer.SerializeAsync(file, LogLineResponse.Of(line), WebJson.Options, cancel);
                await file.WriteAsync("\n"u8.ToArray(), cancel);
            }
            after = lines.Count > 0 ? lines[^1].Id : after;
        }
        while (lines.Count == Lists.MostLimit);
    }
}
