namespace WebDistill.Distillation.Tests;

/// <summary>Where the golden numbers and the public text data lie.</summary>
public static class GoldenData
{
    /// <summary>The folder that holds WebDistill.sln, found upwards from the test assembly.</summary>
    public static string RepositoryRoot => FindRepositoryRoot();

    /// <summary>The golden folder: WEBDISTILL_GOLDEN_DIR, else tests/golden of the repository.</summary>
    public static string Folder { get; } = FromEnvironment("WEBDISTILL_GOLDEN_DIR", "tests", "golden");

    /// <summary>The folder of real vocabularies and texts: WEBDISTILL_DATA_DIR, else ../shared/data beside the repository. May not
    /// exist.</summary>
    public static string DataFolder => FromEnvironment("WEBDISTILL_DATA_DIR", "..", "shared", "data");

    /// <summary>Folder of GPT-2's own vocab.json and merges.txt inside <see cref="DataFolder"/>. May not exist.</summary>
    public static string Gpt2VocabularyFolder => System.IO.Path.Combine(DataFolder, "gpt2-tokenizer");

    /// <summary>A file or folder of the golden set, from its path inside the set.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([Folder, .. parts]);

    // Looks for the repository only if the variable leaves it to: what is published runs far from it.
    private static string FromEnvironment(string variable, params string[] inRepository)
    {
        string? value = Environment.GetEnvironmentVariable(variable);
        return System.IO.Path.GetFullPath(string.IsNullOrEmpty(value) ? System.IO.Path.Combine([RepositoryRoot, .. inRepository]) : value);
    }

    private static string FindRepositoryRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "WebDistill.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"No WebDistill.sln in {AppContext.BaseDirectory} or above it: run the tests from inside "
            + "the repository.");
    }
}

/// <summary>A fact that needs a file of <see cref="GoldenData.DataFolder"/>; skipped, saying so, where the file is missing.</summary>
public sealed class DataFactAttribute : FactAttribute
{
    public DataFactAttribute(string requiredFile)
    {
        string path = System.IO.Path.Combine(GoldenData.DataFolder, requiredFile);
        if (!File.Exists(path))
            Skip = $"Needs {requiredFile} in the folder named by WEBDISTILL_DATA_DIR (default ../shared/data); there is none at {path}.";
    }
}
