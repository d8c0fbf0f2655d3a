using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Settings;

/// <summary>A folder in the trash.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Id">The id that it had, and has again when it is taken back.</param>
/// <param name="MovedAt">When no row of the database named it, UTC.</param>
/// <param name="Bytes">Size of its files.</param>
/// <param name="Contents">What its files say that it is, or why they cannot be used.</param>
/// <param name="CanBeTakenBack">Whether they say enough for a row of the database.</param>
public sealed record TrashItem(string Name, StoredKind Kind, Guid Id, DateTime MovedAt, long Bytes, string Contents, bool CanBeTakenBack);

/// <summary>Rings when something came into the trash or left it.</summary>
public sealed class TrashAnnouncements(ILogger<TrashAnnouncements> logger) : Announcements(logger);

/// <summary>
/// What the database does not name is not what nobody wants: the database may be new, older than its files, or another one. Such folders lie
/// here until somebody takes them back or deletes them, and come back by themselves once the database names them again.
/// </summary>
public sealed partial class TrashBin(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, TrashAnnouncements announcements,
    ILogger<TrashBin> logger)
{
    private const string TimeFormat = "yyyyMMdd-HHmmss-fff";

    /// <summary>Moves in what no row names, and out what a row names. For the start, when nothing writes yet.</summary>
    public async Task TidyAsync(CancellationToken cancel = default)
    {
        foreach (StoredKind kind in Enum.GetValues<StoredKind>())
        {
            HashSet<Guid> named = await NamedAsync(kind, cancel);
            foreach (Guid id in folder.Stored(kind).Where(id => !named.Contains(id)).ToList())
            {
                string name = $"{DateTime.UtcNow.ToString(TimeFormat, CultureInfo.InvariantCulture)}-{Word(kind)}-{id:N}";
                Move(folder.Home(kind, id), PathOf(name));
                logger.LogWarning("The {Kind} {Id} is not named by the database. Its folder is in the trash now: Settings takes it back or "
                    + "deletes it", Word(kind), id);
            }
            foreach ((string name, _, Guid id, _) in Names().Where(item => item.Kind == kind && named.Contains(item.Id)))
            {
                if (Directory.Exists(folder.Home(kind, id)))
                    continue;
                Move(PathOf(name), folder.Home(kind, id));
                logger.LogInformation("The database names the {Kind} {Id} again: its folder is back from the trash", Word(kind), id);
            }
        }
    }

    /// <summary>How many folders there are, without looking into them.</summary>
    public int Count => Names().Count();

    /// <summary>What is there, the latest first; looks into every folder.</summary>
    public IReadOnlyList<TrashItem> List() =>
    [
        .. Names().OrderByDescending(item => item.MovedAt).ThenBy(item => item.Name, StringComparer.Ordinal).Select(item =>
        {
            (string contents, bool isWhole) = StoredContents.Describe(item.Kind, PathOf(item.Name));
            return new TrashItem(item.Name, item.Kind, item.Id, item.MovedAt, DataFolder.Bytes(PathOf(item.Name)), contents, isWhole);
        }),
    ];

    /// <summary>
    /// Puts a folder back to its place with a row that is read from its files. What was only in the lost row is lost: a model's name, a data
    /// set's file name and options, the curves and the log of a run.
    /// </summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    /// <exception cref="ConflictException">Its files do not say what it is, or something has its id.</exception>
    public async Task TakeBackAsync(string name, CancellationToken cancel = default)
    {
        (StoredKind kind, Guid id) = Find(name);
        string home = folder.Home(kind, id);
        if (Directory.Exists(home))
            throw new ConflictException($"The {Word(kind)} {id} is in its place already. What lies in the trash is another copy: delete it, "
                + "or delete the one in place first.");
        Action<WebDistillDb> add = await Task.Run(() => StoredContents.Read(kind, id, PathOf(name), folder), cancel);
        Move(PathOf(name), home);
        try
        {
            await writer.WriteAsync(async db =>
            {
                add(db);
                await db.SaveChangesAsync(cancel);
            }, cancel);
        }
        catch
        {
            Move(home, PathOf(name));
            throw;
        }
        logger.LogInformation("The {Kind} {Id} is taken back from the trash", Word(kind), id);
        announcements.Announce(id);
    }

    /// <summary>Takes back all that can be: models and data sets first, then the runs that were made with them.</summary>
    /// <returns>How many came back, and why others did not.</returns>
    public async Task<(int TakenBack, IReadOnlyList<string> Problems)> TakeAllBackAsync(CancellationToken cancel = default)
    {
        int taken = 0;
        List<string> problems = [];
        foreach ((string name, StoredKind kind, Guid id, _) in Names().OrderBy(item => item.Kind).ThenByDescending(item => item.MovedAt).ToList())
        {
            try
            {
                await TakeBackAsync(name, cancel);
                taken++;
            }
            catch (ConflictException e)
            {
                problems.Add($"{Word(kind)} {id}: {e.Message}");
            }
        }
        return (taken, problems);
    }

    /// <summary>Deletes a folder for good.</summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    public void Delete(string name)
    {
        (_, Guid id) = Find(name);
        folder.Delete(PathOf(name));
        announcements.Announce(id);
    }

    /// <summary>Deletes everything in the trash for good.</summary>
    public void DeleteAll()
    {
        foreach ((string name, _, _, _) in Names().ToList())
            Delete(name);
    }

    /// <summary>A kind in a sentence.</summary>
    internal static string Word(StoredKind kind) => kind switch
    {
        StoredKind.Model => "model",
        StoredKind.Dataset => "dataset",
        StoredKind.Run => "run",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private string PathOf(string name) => Path.Combine(folder.Trash, name);

    private (StoredKind Kind, Guid Id) Find(string name)
    {
        foreach ((string found, StoredKind kind, Guid id, _) in Names())
        {
            if (found == name)
                return (kind, id);
        }
        throw new NotFoundException($"There is nothing called '{ForeignText.Quote(name)}' in the trash; it may have been taken back or deleted.");
    }

    private IEnumerable<(string Name, StoredKind Kind, Guid Id, DateTime MovedAt)> Names()
    {
        foreach (string path in Directory.EnumerateDirectories(folder.Trash))
        {
            string name = Path.GetFileName(path);
            if (NameInTrash().Match(name) is { Success: true } match
                && DateTime.TryParseExact(match.Groups["time"].Value, TimeFormat, CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime movedAt))
                yield return (name, Enum.Parse<StoredKind>(match.Groups["kind"].Value, ignoreCase: true),
                    Guid.ParseExact(match.Groups["id"].Value, "N"), movedAt);
        }
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

    private void Move(string from, string to)
    {
        folder.Files.RenameFolder(from, to);
        folder.Files.SyncFolder(Path.GetDirectoryName(to)!);
        folder.Files.SyncFolder(Path.GetDirectoryName(from)!);
    }

    [GeneratedRegex(@"^(?<time>\d{8}-\d{6}-\d{3})-(?<kind>model|dataset|run)-(?<id>[0-9a-f]{32})\z")]
    private static partial Regex NameInTrash();
}
