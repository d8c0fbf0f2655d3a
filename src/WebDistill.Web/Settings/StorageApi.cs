using WebDistill.Web.Http;
using WebDistill.Web.Security;

namespace WebDistill.Web.Settings;

/// <summary>/api/storage</summary>
internal static class StorageApi
{
    public static void MapStorage(this IEndpointRouteBuilder api)
    {
        RouteGroupBuilder storage = api.MapGroup("/storage").WithTags("Storage");

        storage.MapGet("", (Housekeeping housekeeping, CancellationToken cancel) => housekeeping.MeasureAsync(cancel))
            .LimitTransfers()
            .WithSummary("What the data folder takes on the disk: in all, by kind, and the 100 largest runs, models and data sets");

        storage.MapPost("/integrity-check", async (Housekeeping housekeeping, CancellationToken cancel) =>
                new IntegrityResponse(await housekeeping.CheckIntegrityAsync(cancel)))
            .LimitTransfers().WithSummary("Lets SQLite read every page of the database; no problems means that it is sound");

        storage.MapGet("/backups", ([AsParameters] ListQuery query, Housekeeping housekeeping, HttpContext context) =>
                query.AnswerAsync(context, housekeeping.Backups(), backup => backup.Name, "backup"))
            .ProducesValidationProblem().WithSummary("The copies of the database, newest first").WithDescription(ListQuery.Description);

        storage.MapPost("/backups", async (Housekeeping housekeeping, CancellationToken cancel) =>
        {
            Backup backup = await housekeeping.BackUpAsync(cancel);
            return TypedResults.Created($"/api/storage/backups/{backup.Name}", backup);
        }).LimitTransfers().WithSummary("Copies the database while everything goes on");

        storage.MapGet("/backups/{name}", (string name, Housekeeping housekeeping) =>
                TypedResults.PhysicalFile(housekeeping.BackupFile(name), "application/vnd.sqlite3", name))
            .ProducesProblem(404).LimitTransfers().WithSummary("A copy of the database as a file");

        storage.MapPost("/backups/{name}/restore", async (string name, Housekeeping housekeeping, CancellationToken cancel) =>
        {
            await housekeeping.RestoreAsync(name, cancel);
            return TypedResults.Accepted("/healthz");
        }).ProducesProblem(404).ProducesProblem(409)
            .WithSummary("Puts a copy in the place of the database: the server saves every state, starts anew and keeps what was replaced");

        storage.MapDelete("/backups/{name}", (string name, Housekeeping housekeeping) =>
        {
            housekeeping.DeleteBackup(name);
            return TypedResults.NoContent();
        }).ProducesProblem(404).WithSummary("Removes a copy of the database");

        storage.MapGet("/trash", ([AsParameters] ListQuery query, TrashBin trash, HttpContext context) =>
                query.AnswerAsync(context, trash.List(), item => item.Name, "folder in the trash"))
            .ProducesValidationProblem().WithSummary("Folders that no row of the database names, the latest first").WithDescription(ListQuery.Description);

        storage.MapPost("/trash/take-back", async (TrashBin trash, CancellationToken cancel) =>
        {
            (int count, IReadOnlyList<string> problems) = await trash.TakeAllBackAsync(cancel);
            return new TakenBackResponse(count, problems);
        }).LimitTransfers().WithSummary("Takes back everything in the trash that can be, models and data sets first");

        storage.MapPost("/trash/{name}/take-back", async (string name, TrashBin trash, CancellationToken cancel) =>
        {
            await trash.TakeBackAsync(name, cancel);
            return TypedResults.NoContent();
        }).ProducesProblem(404).ProducesProblem(409).LimitTransfers()
            .WithSummary("Puts a folder back to its place, with a row that is read from its files");

        storage.MapDelete("/trash/{name}", (string name, TrashBin trash) =>
        {
            trash.Delete(name);
            return TypedResults.NoContent();
        }).ProducesProblem(404).WithSummary("Deletes a folder of the trash for good");
    }

    private sealed record TakenBackResponse(int TakenBack, IReadOnlyList<string> Problems);

    private sealed record IntegrityResponse(IReadOnlyList<string> Problems);
}
