using WebDistill.Distillation.Evaluation;
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

    /// <summary>A message in which files are named from this folder, or from the data folder, on.</summary>
    public string Hide(string message) => folder.Hide(message
        .Replace(Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)
        .Replace(Folder, "the evaluation folder", StringComparison.Ordinal));

    /// <summary>What to do about a missing file, as a sentence.</summary>
    public string WhereFrom(EvaluationSet set) =>
        $"The file of {set.Title} is missing, expected {string.Join(" or ", set.Files)} in the evaluation folder (Settings says where it is). It comes from: {set.Origin} "
        + $"({set.Licence}).";
}
