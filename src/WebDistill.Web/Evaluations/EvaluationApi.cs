using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Http;
using WebDistill.Web.Security;
using WebDistill.Web.Storage;
using WebDistill.Web.Ui;

namespace WebDistill.Web.Evaluations;

/// <summary>An evaluation, as the API answers with it.</summary>
/// <param name="Id">Names it.</param>
/// <param name="Set">What the model is measured on.</param>
/// <param name="ModelId">The model that was asked for.</param>
/// <param name="ModelName">What it was called.</param>
/// <param name="WeightsSha256">Hash of its weights: the figures belong to it.</param>
/// <param name="ReferenceModelId">The model that it is compared with.</param>
/// <param name="ReferenceName">What that one was called.</param>
/// <param name="ReferenceSha256">Hash of that one's weights.</param>
/// <param name="DatasetId">The data set that is the text.</param>
/// <param name="SourceName">What the text is called.</param>
/// <param name="SourceSha256">Hash of the text, or of its tokens for a data set.</param>
/// <param name="ContextLength">Tokens of a window.</param>
/// <param name="Stride">Tokens from one window to the next.</param>
/// <param name="Status">Where it stands.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="ErrorId">The kind of that failure, as docs/errors.md lists it.</param>
/// <param name="DoneUnits">Units of work done.</param>
/// <param name="TotalUnits">Units of work; 0 until the text is read.</param>
/// <param name="CreatedAt">When it was asked for, UTC.</param>
/// <param name="FinishedAt">When it ended, UTC.</param>
/// <param name="ComputedSeconds">Time spent computing.</param>
/// <param name="Engine">Tensor engine and device.</param>
/// <param name="Version">Version of WebDistill.</param>
/// <param name="Result">The figures with their protocol, once complete.</param>
public sealed record EvaluationResponse(
    Guid Id, string Set, Guid ModelId, string ModelName, string WeightsSha256, Guid? ReferenceModelId, string? ReferenceName,
    string? ReferenceSha256, Guid? DatasetId, string SourceName, string? SourceSha256, int ContextLength, int Stride,
    EvaluationStatus Status, string? Error, string? ErrorId, long DoneUnits, long TotalUnits, DateTime CreatedAt, DateTime? FinishedAt,
    double ComputedSeconds, string? Engine, string? Version, EvaluationResult? Result)
{
    /// <summary>The response for a stored evaluation.</summary>
    public static EvaluationResponse Of(Evaluation e) => new(
        e.Id, e.Set, e.ModelId, e.ModelName, e.WeightsSha256, e.ReferenceModelId, e.ReferenceName, e.ReferenceSha256, e.DatasetId,
        e.SourceName, e.SourceSha256, e.ContextLength, e.Stride, e.Status, e.Error,
        e.Status == EvaluationStatus.Failed ? Failures.ErrorId.EvaluationFailed.Name : null, e.DoneUnits, e.TotalUnits, e.CreatedAt, e.FinishedAt,
        e.ComputedSeconds, e.Engine, e.Version, EvaluationService.Result(e));

    /// <summary>The response in a list: without breakdowns and samples, which are most of it.</summary>
    public static EvaluationResponse Listed(Evaluation e)
    {
        EvaluationResponse whole = Of(e);
        return whole with { Result = whole.Result is null ? null : whole.Result with { Breakdowns = [], Samples = [] } };
    }
}

/// <summary>An evaluation set, and whether its text is there.</summary>
/// <param name="Name">Its name in requests.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Purpose">What it tells.</param>
/// <param name="Source">What it reads.</param>
/// <param name="Files">Where its file may stand below the evaluation folder.</param>
/// <param name="Origin">Where the file comes from.</param>
/// <param name="Licence">The licence of the text.</param>
/// <param name="File">The file that is there; null when none is, or none is read.</param>
/// <param name="ComparesTwo">Whether it needs a teacher.</param>
/// <param name="UsesStride">Whether a stride can be given.</param>
public sealed record EvaluationSetResponse(
    string Name, string Title, string Purpose, EvaluationSource Source, IReadOnlyList<string> Files, string Origin, string Licence,
    string? File, bool ComparesTwo, bool UsesStride);

/// <summary>/api/evaluations and /api/evaluation-sets</summary>
internal static class EvaluationApi
{
    public static void MapEvaluations(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder evaluations = api.MapGroup("/evaluations").WithTags("Evaluations");

        evaluations.MapGet("", ([AsParameters] ListQuery query, EvaluationService service, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => service.ListAsync(after, limit, cancel), e => e.Id, EvaluationResponse.Listed))
            .ProducesValidationProblem().WithSummary("Evaluations, newest first")
            .WithDescription(ListQuery.Description + " The breakdowns and samples of a result are left out here; the evaluation itself has them.");

        evaluations.MapPost("", async (HttpRequest request, EvaluationService service, CancellationToken cancel) =>
        {
            (Evaluation evaluation, bool isNew) =
                await service.CreateAsync(await RequestBody.ReadAsync<EvaluationRequest>(request, cancel), cancel);
            EvaluationResponse response = EvaluationResponse.Of(evaluation);
            return isNew ? Results.Created($"/api/evaluations/{evaluation.Id}", response) : Results.Ok(response);
        }).Accepts<EvaluationRequest>("application/json").Produces<EvaluationResponse>(201).Produces<EvaluationResponse>()
            .ProducesValidationProblem().ProducesProblem(409).ProducesProblem(413).ProducesProblem(415).LimitExpensive()
            .WithSummary("Queues the measurement of a model; 200 with the one that there is when the same was asked for before");

        evaluations.MapGet("/{id:guid}", async (Guid id, EvaluationService service, CancellationToken cancel) =>
                EvaluationResponse.Of(await service.GetAsync(id, cancel)))
            .ProducesProblem(404).WithSummary("An evaluation, with its figures once complete");

        evaluations.MapPost("/{id:guid}/cancel", async (Guid id, EvaluationService service, CancellationToken cancel) =>
        {
            await service.CancelAsync(id, cancel);
            return TypedResults.Accepted($"/api/evaluations/{id}", EvaluationResponse.Of(await service.GetAsync(id, cancel)));
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Ends an evaluation; asked for again it goes on from what it had");

        evaluations.MapPost("/{id:guid}/now", async (Guid id, EvaluationService service, CancellationToken cancel) =>
        {
            await service.MeasureNowAsync(id, cancel);
            return TypedResults.Accepted($"/api/evaluations/{id}", EvaluationResponse.Of(await service.GetAsync(id, cancel)));
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Measures a speed beside the training that it waits for; its result says so then");

        evaluations.MapDelete("/{id:guid}", async (Guid id, EvaluationService service, CancellationToken cancel) =>
        {
            await service.DeleteAsync(id, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).ProducesProblem(409).WithSummary("Forgets an evaluation with its figures");

        api.MapGet("/evaluation-sets", (EvaluationFiles files) => EvaluationSets.All.Select(set => new EvaluationSetResponse(
                set.Name, set.Title, set.Purpose, set.Source, set.Files, set.Origin, set.Licence, files.Find(set), set.ComparesTwo,
                set.UsesStride)))
            .WithTags("Evaluations").WithSummary("What models can be measured on, and which texts are there");

        api.MapPost("/evaluation-sets/{name}/file", AddFileAsync).Accepts<EvaluationFileForm>("multipart/form-data").Produces(204).ProducesValidationProblem()
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(413).ProducesProblem(415).ProducesProblem(507).LimitTransfers().WithTags("Evaluations")
            .WithSummary("Adds the text that a set is measured on (file), after it was read once");
    }

    private static async Task<IResult> AddFileAsync(string name, HttpRequest request, EvaluationFiles files, EvaluationAnnouncements announcements, StorageHealth storage,
        HostSettings settings, CancellationToken cancel)
    {
        EvaluationSet set = EvaluationSets.All.FirstOrDefault(known => known.Name == name)
            ?? throw new NotFoundException($"There is no evaluation set '{ForeignText.Quote(name)}', expected one of: {string.Join(", ", EvaluationSets.All.Select(known => known.Name))}.");
        var form = new MultipartFiles(request, settings);
        storage.RequireRoom("the upload", Math.Min(request.ContentLength ?? 0, settings.MaxUploadBytes));
        int count = 0;
        await foreach (UploadedFile file in form.ReadAsync(cancel))
        {
            if (++count > 1)
                throw new OptionsInvalidException("file", "Several files were uploaded. A set has one; upload it alone.");
            await files.AddAsync(set, file.Content, settings.MaxUploadBytes, cancel);
        }
        if (count == 0)
            form.Problems.Add(new OptionProblem("file", "No file was uploaded. Send the text as a file part of multipart/form-data."));
        if (form.Problems.Count > 0)
            throw new OptionsInvalidException(form.Problems);
        announcements.Announce(Guid.Empty);
        return TypedResults.NoContent();
    }

    // Describes the part of the form in /openapi/v1.json; the request is read in a stream and never bound to it.
    private sealed record EvaluationFileForm(IFormFile File);
}
