using WebDistill.Data;
using WebDistill.Web.Http;

namespace WebDistill.Web.Runs;

/// <summary>The tags of a run.</summary>
public sealed record TagsRequest
{
    /// <summary>Words, 20 at most; each is kept in small letters.</summary>
    public required IReadOnlyList<string> Tags { get; init; }
}

/// <summary>The tags of a run, by the alphabet.</summary>
public sealed record TagsResponse(IReadOnlyList<string> Tags);

/// <summary>The text of a note.</summary>
public sealed record NoteRequest
{
    /// <summary>Lines of text, shown as they are.</summary>
    public required string Text { get; init; }
}

/// <summary>A note about a run.</summary>
/// <param name="EditedAt">When its text was changed last; null where it never was.</param>
public sealed record NoteResponse(long Id, DateTime At, DateTime? EditedAt, string Text)
{
    /// <summary>The response of a note.</summary>
    public static NoteResponse Of(RunNote note) => new(note.Id, note.At, note.EditedAt, note.Text);
}

/// <summary>/api/runs/{id}/tags and /api/runs/{id}/notes</summary>
internal static class RunNotesApi
{
    public static void MapRunNotes(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder run = api.MapGroup("/runs/{id:guid}").WithTags("Runs");

        run.MapGet("/tags", async (Guid id, RunTags tags, CancellationToken cancel) => new TagsResponse(await tags.OfAsync(id, cancel)))
            .ProducesProblem(404).WithSummary("The tags of a run");

        run.MapPut("/tags", async (Guid id, HttpRequest request, RunTags tags, CancellationToken cancel) =>
            new TagsResponse(await tags.SetAsync(id, (await RequestBody.ReadAsync<TagsRequest>(request, cancel)).Tags, cancel)))
            .Accepts<TagsRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Gives a run these tags and no others");

        run.MapGet("/notes", ([AsParameters] ListQuery query, Guid id, RunNotes notes, HttpContext context, CancellationToken cancel) =>
                query.AnswerAsync(context, (after, limit) => notes.ListAsync(id, after, limit, cancel), note => note.Id, NoteResponse.Of))
            .ProducesValidationProblem().ProducesProblem(404).WithSummary("What was written about a run, the oldest note first")
            .WithDescription(ListQuery.Description);

        run.MapPost("/notes", async (Guid id, HttpRequest request, RunNotes notes, CancellationToken cancel) =>
        {
            RunNote note = await notes.AddAsync(id, (await RequestBody.ReadAsync<NoteRequest>(request, cancel)).Text, cancel);
            return TypedResults.Created($"/api/runs/{id}/notes/{note.Id}", NoteResponse.Of(note));
        }).Accepts<NoteRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Writes a note about a run; the webhook is told");

        run.MapPut("/notes/{note:long}", async (Guid id, long note, HttpRequest request, RunNotes notes, CancellationToken cancel) =>
            NoteResponse.Of(await notes.ChangeAsync(id, note, (await RequestBody.ReadAsync<NoteRequest>(request, cancel)).Text, cancel)))
            .Accepts<NoteRequest>("application/json").ProducesValidationProblem().ProducesProblem(404).ProducesProblem(413).ProducesProblem(415)
            .WithSummary("Gives a note another text");

        run.MapDelete("/notes/{note:long}", async (Guid id, long note, RunNotes notes, CancellationToken cancel) =>
        {
            await notes.DeleteAsync(id, note, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).WithSummary("Removes a note");
    }
}
