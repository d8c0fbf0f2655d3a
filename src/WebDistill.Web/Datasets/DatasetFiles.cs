namespace WebDistill.Web.Datasets;

/// <summary>The files of a data set's folder, besides those of its tokenizer.</summary>
public static class DatasetFiles
{
    /// <summary>Name of <see cref="Source"/>.</summary>
    public const string SourceName = "source.txt";

    /// <summary>The text, as it was uploaded or generated.</summary>
    public static string Source(string folder) => Path.Combine(folder, SourceName);

    /// <summary>Tokens to train on.</summary>
    public static string Train(string folder) => Path.Combine(folder, "train.tokens");

    /// <summary>Tokens held out.</summary>
    public static string Validation(string folder) => Path.Combine(folder, "validation.tokens");
}
