using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Settings;

/// <summary>A folder in the trash.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Id">The id that it had, and has again when it is taken back.</param>
/// <param name="MovedAt">When it was deleted, or no row of the database named it, UTC.</param>
/// <param name="Bytes">Size of its files.</param>
/// <param name="Contents">What it was called, and what its files say that it is or why they cannot be used.</param>
/// <param name="CanBeTakenBack">Whether enough of it is known for a row of the database.</param>
public sealed record TrashItem(string Name, StoredKind Kind, Guid Id, DateTime MovedAt, long Bytes, string Contents, bool CanBeTakenBack);

/// <summary>
/// What was deleted, and what the database does not name: it may be new, older than its files, or another one. Such folders lie here until
/// somebody takes them back or deletes them, and come back by themselves once the database names them again.
/// </summary>
public sealed class TrashBin(IDbContextFactory<WebDistillDb> contexts, DataFolder folder, TrashFolder trash, ILogger<TrashBin> logger)
{
    /// <summary>Moves in what no row names, and out what a row names. For the start, when nothing writes yet.</summary>
    public async Task TidyAsync(CancellationToken cancel = default)
    {
        foreach (StoredKind kind in Enum.GetValues<StoredKind>())
        {
            HashSet<Guid> named = await NamedAsync(kind, cancel);
            foreach (Guid id in folder.Stored(kind).Where(id => !named.Contains(id)).ToList())
            {
                trash.Put(kind, id, row: null);
                logger.LogWarning("The {Kind} {Id} is not named by the database. Its folder is in the trash now: Settings takes it back or "
                    + "deletes it", TrashFolder.Word(kind), id);
            }
            foreach (TrashEntry entry in trash.Entries().Where(item => item.Kind == kind && named.Contains(item.Id)).ToList())
            {
                if (Directory.Exists(folder.Home(kind, entry.Id)))
                    continue;
                trash.PutBack(entry);
                logger.LogInformation("The database names the {Kind} {Id} again: its folder is back from the trash", TrashFolder.Word(kind), entry.Id);
            }
        }
    }

    /// <summary>How many folders there are, without looking into them.</summary>
    public int Count => trash.Entries().Count();

    /// <summary>What is there, the latest first; looks into every folder.</summary>
    public IReadOnlyList<TrashItem> List() =>
    [
        .. trash.Entries().OrderByDescending(item => item.MovedAt).ThenBy(item => item.Name, StringComparer.Ordinal).Select(item =>
        {
            (string contents, bool isWhole) = StoredContents.Describe(item.Kind, trash.PathOf(item.Name));
            string? name = trash.NameOf(item);
            return new TrashItem(item.Name, item.Kind, item.Id, item.MovedAt, DataFolder.Bytes(trash.PathOf(item.Name)),
                name is null ? contents : $"{name}: {contents}", isWhole || name is not null);
        }),
    ];

    /// <summary>
    /// Puts a folder back to its place with the row that it had when it was deleted, or else with one that is read from its files. Then what was
    /// only in the lost row is lost: a model's name, a data set's file name and options, the curves and the log of a run.
    /// </summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    /// <exception cref="ConflictException">Its files do not say what it is, or something has its id.</exception>
    public Task TakeBackAsync(string name, CancellationToken cancel = default) =>
        trash.TakeBackAsync(name, (kind, id, path) => StoredContents.Read(kind, id, path, folder), cancel);

    /// <summary>Takes back all that can be: models and data sets first, then the runs that were made with them.</summary>
    /// <returns>How many came back, and why others did not.</returns>
    public async Task<(int TakenBack, IReadOnlyList<string> Problems)> TakeAllBackAsync(CancellationToken cancel = default)
    {
        int taken = 0;
        List<string> problems = [];
        foreach (TrashEntry entry in trash.Entries().OrderBy(item => item.Kind).ThenByDescending(item => item.MovedAt).ToList())
        {
            try
            {
                await TakeBackAsync(entry.Name, cancel);
                taken++;
            }
            catch (ConflictException e)
            {
                problems.Add($"{TrashFolder.Word(entry.Kind)} {entry.Id}: {e.Message}");
            }
        }
        return (taken, problems);
    }

    /// <summary>Deletes a folder for good.</summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    public void Delete(string name) => trash.Delete(name);

    /// <summary>Deletes everything in the trash for good.</summary>
    public void DeleteAll()
    {
        foreach (TrashEntry entry in trash.Entries().ToList())
            Delete(entry.Name);
    }

    private async Task<HashSet<Guid>> NamedAsync(StoredKind kind, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Guid> ids = kind switch
        {
            StoredKind.Model => db.Models.Select(model => model.Id),
            StoredKind.Dataset => db.Datasets.Select(dataset => dataset.Id),
            _ => db.Runs.Select(run => run.Id),
        };
        return await ids.ToHashSetAsync(cancel);
    }
}
