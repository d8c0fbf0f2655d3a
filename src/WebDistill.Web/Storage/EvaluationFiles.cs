using WebDistill.Distillation.Evaluation;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Storage;

/// <summary>The texts of evaluation sets, which the user puts into one folder: Evaluation:Folder, else evaluation/ of the data folder.</summary>
public sealed class EvaluationFiles(HostSettings settings, DataFolder folder)
{
    /// <summary>The folder, which need not exist.</summary>
    public string Folder { get; } = settings.EvaluationFolder is string named
        ? Path.GetFullPath(named)
        : Path.Combine(folder.Root, "evaluation");

    /// <summary>The file of a set; null while it is missing.</summary>
    public string? Find(EvaluationSet set) => set.Files.Select(file => Path.Combine(Folder, file)).FirstOrDefault(File.Exists);

    /// <summary>Text files directly in the folder, for the set that reads any text.</summary>
    public IReadOnlyList<string> Texts() => !Directory.Exists(Folder) ? []
        : [.. Directory.EnumerateFiles(Folder, "*.txt").Select(path => Path.GetFileName(path)).Order(StringComparer.OrdinalIgnoreCase)];

    /// <summary>Path of one of <see cref="Texts"/>; null when it is none of them.</summary>
    public string? FindText(string name) => Texts().Contains(name) ? Path.Combine(Folder, name) : null;

    /// <summary>Takes the file of a set: it is read once as an evaluation would read it, and stands in the folder only when it is the right one.</summary>
    /// <exception cref="OptionsInvalidException">It is not; says what was expected.</exception>
    /// <exception cref="ConflictException">There is one already.</exception>
    public async Task AddAsync(EvaluationSet set, Stream content, long maxBytes, CancellationToken cancel = default)
    {
        if (set.Source != EvaluationSource.File)
            throw new OptionsInvalidException("name", $"{set.Title} reads no file of its own. Nothing is to be added for it.");
        if (Find(set) is not null)
            throw new ConflictException($"The file of {set.Title} is there already. What was measured on it belongs to it: remove it from the evaluation folder first to use another one.");
        string target = Path.Combine(Folder, set.Files[0]), incoming = Path.Combine(Folder, $".incoming-{Guid.NewGuid():N}");
        folder.Files.CreateFolder(incoming);
        try
        {
            // Under its own name: messages say it.
            string file = Path.Combine(incoming, Path.GetFileName(target));
            await Upload.StoreAsync(content, file, folder.Files, maxBytes, "file", cancel);
            await Task.Run(() => Check(set, file), cancel);
            folder.Files.CreateFolder(Path.GetDirectoryName(target)!);
            folder.Files.RenameFile(file, target);
        }
        finally
        {
            folder.Discard(incoming);
        }
    }

    private static void Check(EvaluationSet set, string file)
    {
        try
        {
            set.CheckFile(file);
        }
        catch (InvalidDataException problem)
        {
            throw new OptionsInvalidException("file", $"This is not the file of {set.Title}: {problem.Message}");
        }
    }

    /// <summary>A message in which files are named from this folder, or from the data folder, on.</summary>
    public string Hide(string message) => folder.Hide(message
        .Replace(Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)
        .Replace(Folder, "the evaluation folder", StringComparison.Ordinal));

    /// <summary>What to do about a missing file, as a sentence.</summary>
    public string WhereFrom(EvaluationSet set) =>
        $"The file of {set.Title} is missing, expected {string.Join(" or ", set.Files)} in the evaluation folder: add it on the page Evaluate, or put it there (Settings says where it is). It comes from: {set.Origin} "
        + $"({set.Licence}).";
}
