using WebDistill.Web.Storage;

namespace WebDistill.Web.Api;

/// <summary>/api/storage</summary>
internal static class StorageApi
{
    public static void MapStorage(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder storage = api.MapGroup("/storage").WithTags("Storage");

        storage.MapGet("", (Housekeeping housekeeping, CancellationToken cancel) => housekeeping.MeasureAsync(cancel))
            .WithSummary("What the data folder takes on the disk: in all, by kind, and the 100 largest runs, models and data sets");

        storage.MapPost("/integrity-check", async (Housekeeping housekeeping, CancellationToken cancel) =>
                new IntegrityResponse(await housekeeping.CheckIntegrityAsync(cancel)))
            .WithSummary("Lets SQLite read every page of the database; no problems means that it is sound");

        storage.MapGet("/backups", ([AsParameters] ListQuery query, Housekeeping housekeeping, HttpContext context) =>
                query.AnswerAsync(context, housekeeping.Backups(), backup => backup.Name, "backup"))
            .ProducesValidationProblem().WithSummary("The copies of the database, newest first").WithDescription(ListQuery.Description);

        storage.MapPost("/backups", async (Housekeeping housekeeping, CancellationToken cancel) =>
        {
            Backup backup = await housekeeping.BackUpAsync(cancel);
            return TypedResults.Created($"/api/storage/backups/{backup.Name}", backup);
        }).WithSummary("Copies the database while everything goes on");

        storage.MapGet("/backups/{name}", (string name, Housekeeping housekeeping) =>
                TypedResults.PhysicalFile(housekeeping.BackupFile(name), "application/vnd.sqlite3", name))
            .ProducesProblem(404).WithSummary("A copy of the database as a file");

        storage.MapDelete("/backups/{name}", (string name, Housekeeping housekeeping) =>
        {
            housekeeping.DeleteBackup(name);
            return TypedResults.NoContent();
        }).ProducesProblem(404).WithSummary("Removes a copy of the database");
    }

    private sealed record IntegrityResponse(IReadOnlyList<string> Problems);
}
