using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Failures;
using WebDistill.Web.Live;

namespace WebDistill.Web.Storage;

/// <summary>Rings when something came into the trash or left it.</summary>
public sealed class TrashAnnouncements(ILogger<TrashAnnouncements> logger) : Announcements(logger);

/// <summary>A folder in the trash, by its name alone.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Id">The id that it had, and has again when it is taken back.</param>
/// <param name="MovedAt">When it came there, UTC.</param>
public sealed record TrashEntry(string Name, StoredKind Kind, Guid Id, DateTime MovedAt);

/// <summary>
/// Where the folders of what was deleted wait: a model or a data set with its row of the database in a file beside it, so that taking it back
/// restores everything, its name too.
/// </summary>
public sealed partial class TrashFolder(
    DatabaseWriter writer, DataFolder folder, TrashAnnouncements announcements, ILogger<TrashFolder> logger)
{
    private const string TimeFormat = "yyyyMMdd-HHmmss-fff", RowExtension = ".json";

    /// <summary>What is there.</summary>
    public IEnumerable<TrashEntry> Entries()
    {
        foreach (string path in Directory.EnumerateDirectories(folder.Trash))
        {
            string name = Path.GetFileName(path);
            if (NameInTrash().Match(name) is { Success: true } match
                && DateTime.TryParseExact(match.Groups["time"].Value, TimeFormat, CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTime movedAt))
                yield return new(name, Enum.Parse<StoredKind>(match.Groups["kind"].Value, ignoreCase: true), Guid.ParseExact(match.Groups["id"].Value, "N"), movedAt);
        }
    }

    /// <summary>Where a folder of the trash stands.</summary>
    public string PathOf(string name) => Path.Combine(folder.Trash, name);

    /// <summary>What is there under a name.</summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    public TrashEntry Find(string name) => Entries().FirstOrDefault(entry => entry.Name == name)
        ?? throw new NotFoundException($"There is nothing called '{ForeignText.Quote(name)}' in the trash; it may have been taken back or deleted.");

    /// <summary>Moves the folder of something whose row is gone into the trash.</summary>
    /// <param name="row">That row, a <see cref="Model"/> or a <see cref="Dataset"/>; null where nobody knows it.</param>
    /// <returns>Its name there.</returns>
    public string Put(StoredKind kind, Guid id, object? row)
    {
        string name = $"{DateTime.UtcNow.ToString(TimeFormat, CultureInfo.InvariantCulture)}-{Word(kind)}-{id:N}";
        Move(folder.Home(kind, id), PathOf(name));
        if (row is not null)
            DurableFile.WriteText(RowFile(name), JsonSerializer.Serialize(row, row.GetType()), folder.Files);
        announcements.Announce(id);
        return name;
    }

    /// <summary>What the row of something in the trash was called; null where only its files are known.</summary>
    public string? NameOf(TrashEntry entry) => RowOf(entry) switch
    {
        Model model => model.Name,
        Dataset dataset => dataset.Name,
        _ => null,
    };

    /// <summary>Puts a folder back to its place, with the row that it had.</summary>
    /// <param name="read">Says which row it needs where none is stored beside it: its kind, its id and where its files lie. Null refuses such a folder.</param>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    /// <exception cref="ConflictException">Something has its id, or there is no row for it.</exception>
    public async Task TakeBackAsync(
        string name, Func<StoredKind, Guid, string, Action<WebDistillDb>>? read = null, CancellationToken cancel = default)
    {
        TrashEntry entry = Find(name);
        string home = folder.Home(entry.Kind, entry.Id);
        if (Directory.Exists(home))
            throw new ConflictException($"The {Word(entry.Kind)} {entry.Id} is in its place already. What lies in the trash is another copy: delete it, "
                + "or delete the one in place first.");
        Action<WebDistillDb> add = RowOf(entry) is object row ? db => Add(db, row)
            : read is not null ? await Task.Run(() => read(entry.Kind, entry.Id, PathOf(name)), cancel)
            : throw new ConflictException("What only the database knew of it is gone. Settings, Storage takes it back, read anew from its files.");
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
        folder.DiscardFile(RowFile(name));
        logger.LogInformation("The {Kind} {Id} is taken back from the trash", Word(entry.Kind), entry.Id);
        announcements.Announce(entry.Id);
    }

    /// <summary>Puts a folder back to its place that a row of the database names again.</summary>
    public void PutBack(TrashEntry entry)
    {
        Move(PathOf(entry.Name), folder.Home(entry.Kind, entry.Id));
        folder.DiscardFile(RowFile(entry.Name));
    }

    /// <summary>Deletes a folder for good.</summary>
    /// <exception cref="NotFoundException">There is none of that name.</exception>
    public void Delete(string name)
    {
        TrashEntry entry = Find(name);
        folder.Delete(PathOf(name));
        folder.DiscardFile(RowFile(name));
        announcements.Announce(entry.Id);
    }

    /// <summary>A kind in a sentence.</summary>
    internal static string Word(StoredKind kind) => kind switch
    {
        StoredKind.Model => "model",
        StoredKind.Dataset => "dataset",
        StoredKind.Run => "run",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    // The run that made a model is told of it again.
    private static void Add(WebDistillDb db, object row)
    {
        db.Add(row);
        if (row is Model { RunId: Guid run } model && db.Runs.Find(run) is Run { StudentModelId: null } maker)
            maker.StudentModelId = model.Id;
    }

    private object? RowOf(TrashEntry entry)
    {
        string file = RowFile(entry.Name);
        if (!File.Exists(file))
            return null;
        try
        {
            string json = File.ReadAllText(file);
            return entry.Kind switch
            {
                StoredKind.Model => JsonSerializer.Deserialize<Model>(json),
                StoredKind.Dataset => JsonSerializer.Deserialize<Dataset>(json),
                _ => null,
            };
        }
        catch (JsonException e)
        {
            // Its files say enough to go on by.
            logger.LogWarning(e, "What the database knew of the {Kind} {Id} in the trash cannot be read", Word(entry.Kind), entry.Id);
            return null;
        }
    }

    private string RowFile(string name) => PathOf(name) + RowExtension;

    private void Move(string from, string to)
    {
        folder.Files.RenameFolder(from, to);
        folder.Files.SyncFolder(Path.GetDirectoryName(to)!);
        folder.Files.SyncFolder(Path.GetDirectoryName(from)!);
    }

    [GeneratedRegex(@"^(?<time>\d{8}-\d{6}-\d{3})-(?<kind>model|dataset|run)-(?<id>[0-9a-f]{32})\z")]
    private static partial Regex NameInTrash();
}
