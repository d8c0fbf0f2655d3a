namespace WebDistill.Web.Datasets;

/// <summary>The files of a data set's folder, besides those of its tokenizer.</summary>
public static class DatasetFiles
{
    /// <summary>Name of <see cref="Source"/>.</summary>
    public const string SourceName = "source.txt";

    /// <summary>Name of <see cref="HeldOut"/>.</summary>
    public const string HeldOutName = "held-out.txt";

    /// <summary>The text, or the examples, as it was uploaded or generated.</summary>
    public static string Source(string folder) => Path.Combine(folder, SourceName);

    /// <summary>The held-out examples, where they were uploaded in a file of their own.</summary>
    public static string HeldOut(string folder) => Path.Combine(folder, HeldOutName);

    /// <summary>How labelled examples are read: what the folder alone would not say.</summary>
    public static string Examples(string folder) => Path.Combine(folder, "examples.json");

    /// <summary>Tokens to train on: a token file, of labelled examples a labelled file.</summary>
    public static string Train(string folder) => Path.Combine(folder, "train.tokens");

    /// <summary>Tokens held out, in a file of the same kind.</summary>
    public static string Validation(string folder) => Path.Combine(folder, "validation.tokens");
}
