using WebDistill.Web.Failures;

namespace WebDistill.Web.Storage;

/// <summary>Reads the files that a row of the database stands for, which somebody may have removed or damaged since.</summary>
internal static class StoredFiles
{
    /// <summary>What <paramref name="read"/> reads.</summary>
    /// <param name="what">What the files are, with its name: "the model 'tiny'".</param>
    /// <param name="remedy">What to do without them, as a sentence.</param>
    /// <exception cref="FilesGoneException">A file is missing or damaged.</exception>
    public static T Read<T>(string what, string remedy, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            string problem = e switch
            {
                FileNotFoundException { FileName: string path } => $"{Path.GetFileName(path)} is missing.",
                DirectoryNotFoundException => "Their folder is missing.",
                _ => e.Message,
            };
            throw new FilesGoneException($"The files of {what} are gone or damaged. {problem} {remedy}");
        }
    }
}
