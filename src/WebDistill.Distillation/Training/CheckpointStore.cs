using System.Globalization;
using System.Text.RegularExpressions;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;

namespace WebDistill.Distillation.Training;

/// <summary>Which checkpoints of a run are kept when a new one is saved; what no rule keeps is removed.</summary>
/// <param name="Last">The latest ones: at least 1.</param>
/// <param name="Best">The one that did best on the held-out split: of the lowest perplexity, or the highest accuracy where texts are sorted into classes.</param>
/// <param name="EverySteps">Those whose update is a multiple of it; 0 keeps none for this reason.</param>
public sealed record CheckpointRetention(int Last, bool Best, int EverySteps)
{
    /// <summary>The rule of a run's options.</summary>
    public static CheckpointRetention Of(RunOptions options) =>
        new(options.Checkpoints.KeepLast, options.Checkpoints.KeepBest, options.Checkpoints.KeepEverySteps);

    /// <summary>
    /// The one with the lowest perplexity, of equal ones the latest; null when none was measured. Perplexities beyond the largest number are
    /// told apart by their mean losses, and one whose mean loss is not finite is never the best.
    /// </summary>
    public static T? BestOf<T>(IEnumerable<T> checkpoints, Func<T, Perplexity?> perplexity, Func<T, int> step) where T : class =>
        BestOf(checkpoints, checkpoint => perplexity(checkpoint) is Perplexity measured ? ValidationScore.Of(measured) : null, step);

    /// <summary>The same by whatever was measured, in the direction of its figure.</summary>
    public static T? BestOf<T>(IEnumerable<T> checkpoints, Func<T, ValidationScore?> score, Func<T, int> step) where T : class => checkpoints
        .Where(checkpoint => score(checkpoint) is ValidationScore measured && double.IsFinite(measured.NatsOnAverage))
        .OrderBy(score).ThenByDescending(step)
        .FirstOrDefault();

    /// <summary>The steps of <paramref name="complete"/> that are kept.</summary>
    public IReadOnlySet<int> Kept(IReadOnlyCollection<CheckpointManifest> complete)
    {
        HashSet<int> kept = [.. complete.Select(manifest => manifest.Step).OrderDescending().Take(Math.Max(1, Last))];
        if (Best && BestOf(complete, manifest => manifest.Score, manifest => manifest.Step) is { } best)
            kept.Add(best.Step);
        if (EverySteps > 0)
            kept.UnionWith(complete.Select(manifest => manifest.Step).Where(step => step % EverySteps == 0));
        return kept;
    }
}

/// <summary>A checkpoint that cannot be used.</summary>
/// <param name="Name">Its folder's name.</param>
/// <param name="Problem">What is wrong with it.</param>
public sealed record DamagedCheckpoint(string Name, string Problem);

/// <summary>
/// The checkpoints of one run, a folder each: <c>step-{updates}</c>, or <c>step-{updates}.{n}</c> where the n-th of one update replaces an
/// older one. One appears whole, by a rename after everything in it is on the disk, and goes by a rename to <c>.deleted</c>; what a crash
/// leaves as <c>.partial</c> or <c>.deleted</c> is never taken for one.
/// </summary>
/// <remarks>One thread at a time changes a store; reading needs no turn.</remarks>
public sealed partial class CheckpointStore(string folder, FileLayer files)
{
    private const string Partial = ".partial";
    private const string Deleted = ".deleted";
    private const string Damaged = ".damaged";

    /// <summary>A sentence about the last complete checkpoint, for the message of a failure.</summary>
    /// <remarks>Told when something is wrong already: that the disk cannot be read either must not hide it.</remarks>
    public string LastGoodState()
    {
        try
        {
            return List() is [.., CheckpointManifest last] ? string.Create(CultureInfo.InvariantCulture,
                $" The last complete checkpoint is that of update {last.Step}: resume from it, or branch a new run from it with other options.")
                : " There is no checkpoint yet: clone the run and change its options.";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $" Its checkpoints cannot be read: {e.Message}";
        }
    }

    /// <summary>Where the complete checkpoint of an update stands.</summary>
    /// <exception cref="InvalidDataException">There is none, or it is incomplete or damaged: names the file.</exception>
    public string Folder(int step)
    {
        if (Find(step) is ({ }, string path))
            return path;
        if (Places().LastOrDefault(place => place.Step == step) is Place damaged)
            TrainingCheckpoint.ReadManifest(damaged.Path);
        throw new InvalidDataException($"There is no complete checkpoint of update {step}.");
    }

    /// <summary>The folders of every checkpoint of one update, for who removes them.</summary>
    public IReadOnlyList<string> Folders(int step) => [.. Places().Where(place => place.Step == step).Select(place => place.Path)];

    /// <summary>
    /// Makes a checkpoint of what <paramref name="write"/> puts into the folder that it is given; then older ones of the same update go.
    /// </summary>
    /// <param name="write">Calls <see cref="TrainingCheckpoint.Write"/>.</param>
    /// <exception cref="IOException">It could not be written; the other checkpoints are as they were.</exception>
    public CheckpointManifest Save(int step, Func<string, CheckpointManifest> write)
    {
        files.CreateFolder(folder);
        Place[] older = [.. Places().Where(place => place.Step == step)];
        int number = older.Select(place => place.Number).DefaultIfEmpty(0).Max() + 1;
        string final = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"step-{step}{(number > 1 ? $".{number}" : "")}"));
        string partial = final + Partial;
        if (Directory.Exists(partial))
            files.DeleteFolder(partial);
        files.CreateFolder(partial);
        CheckpointManifest manifest;
        try
        {
            manifest = write(partial);
            files.SyncFolder(partial);
            files.RenameFolder(partial, final);
            files.SyncFolder(folder);
        }
        catch (IOException)
        {
            MakeRoom(partial);
            throw;
        }
        foreach (Place place in older)
            Remove(place);
        return manifest;
    }

    /// <summary>The complete checkpoints, judged by their lists of files and sizes, earliest first; one for an update.</summary>
    public IReadOnlyList<CheckpointManifest> List() =>
        [.. Places().Select(place => place.Step).Distinct().Select(step => Find(step)?.Manifest).OfType<CheckpointManifest>()];

    /// <summary>The newest checkpoint whose every byte is as it was written; null when there is none.</summary>
    /// <param name="damaged">Newer ones that are not, newest first.</param>
    public (CheckpointManifest Manifest, string Folder)? Newest(out IReadOnlyList<DamagedCheckpoint> damaged)
    {
        List<DamagedCheckpoint> found = [];
        damaged = found;
        foreach (Place place in Places().Reverse())
        {
            try
            {
                return (TrainingCheckpoint.Verify(place.Path), place.Path);
            }
            catch (Exception problem) when (problem is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                found.Add(new DamagedCheckpoint(Path.GetFileName(place.Path), problem.Message));
            }
        }
        return null;
    }

    /// <summary>
    /// Renames a damaged checkpoint to <c>.damaged</c>: it is kept for who wants to look at it, and no rule takes it for a complete one.
    /// </summary>
    public void SetAside(DamagedCheckpoint checkpoint)
    {
        string place = Path.Combine(folder, checkpoint.Name), aside = place + Damaged;
        if (Directory.Exists(aside))
            files.DeleteFolder(aside);
        files.RenameFolder(place, aside);
        files.SyncFolder(folder);
    }

    /// <summary>Removes what <paramref name="retention"/> does not keep, oldest first, and never the only complete one.</summary>
    /// <returns>The updates whose checkpoints are gone.</returns>
    public IReadOnlyList<int> Prune(CheckpointRetention retention)
    {
        IReadOnlyList<CheckpointManifest> complete = List();
        IReadOnlySet<int> kept = retention.Kept(complete);
        List<int> removed = [.. complete.Select(manifest => manifest.Step).Where(step => !kept.Contains(step))];
        foreach (Place place in Places().Where(place => removed.Contains(place.Step)).ToArray())
            Remove(place);
        return removed;
    }

    /// <summary>Removes the checkpoints of later updates, newest first: what is left is never followed by a gap.</summary>
    /// <returns>Their updates.</returns>
    public IReadOnlyList<int> RemoveAfter(int step)
    {
        Place[] later = [.. Places().Where(place => place.Step > step).Reverse()];
        foreach (Place place in later)
            Remove(place);
        return [.. later.Select(place => place.Step).Distinct()];
    }

    /// <summary>Removes what an earlier process left unfinished.</summary>
    public void CleanUp()
    {
        if (!Directory.Exists(folder))
            return;
        foreach (string left in Directory.EnumerateDirectories(folder).Where(path =>
            path.EndsWith(Partial, StringComparison.Ordinal) || path.EndsWith(Deleted, StringComparison.Ordinal)))
            files.DeleteFolder(left);
    }

    // A full disk needs the room at once. What cannot be removed now must not hide why it could not be written, and CleanUp removes it.
    private void MakeRoom(string partial)
    {
        try
        {
            if (Directory.Exists(partial))
                files.DeleteFolder(partial);
        }
        catch (IOException)
        {
            // The exception on its way says what is wrong with the disk.
        }
    }

    // Out of sight by a rename first, so that no half of it is ever seen.
    private void Remove(Place place)
    {
        string doomed = place.Path + Deleted;
        if (Directory.Exists(doomed))
            files.DeleteFolder(doomed);
        files.RenameFolder(place.Path, doomed);
        files.SyncFolder(folder);
        files.DeleteFolder(doomed);
    }

    private (CheckpointManifest Manifest, string Path)? Find(int step)
    {
        foreach (Place place in Places().Where(place => place.Step == step).Reverse())
        {
            try
            {
                return (TrainingCheckpoint.ReadManifest(place.Path), place.Path);
            }
            catch (InvalidDataException)
            {
                // Not complete is an answer here; Newest says why.
            }
        }
        return null;
    }

    private IEnumerable<Place> Places() => !Directory.Exists(folder) ? [] : Directory.EnumerateDirectories(folder)
        .Select(path => (Path: path, Name: Name().Match(System.IO.Path.GetFileName(path))))
        .Where(found => found.Name.Success)
        .Select(found => new Place(found.Path, Number(found.Name.Groups[1].Value),
            found.Name.Groups[2].Success ? Number(found.Name.Groups[2].Value) : 1))
        .OrderBy(place => place.Step).ThenBy(place => place.Number);

    private static int Number(string digits) => int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^step-([0-9]{1,9})(?:\.([0-9]{1,9}))?\z")]
    private static partial Regex Name();

    private sealed record Place(string Path, int Step, int Number);
}
