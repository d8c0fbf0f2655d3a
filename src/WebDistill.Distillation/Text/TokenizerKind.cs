namespace WebDistill.Distillation.Text;

/// <summary>A kind of tokenizer: the files that it is kept in, as Hugging Face names them, and how they are read.</summary>
/// <param name="Title">For people.</param>
/// <param name="Files">All of these make one; the first one holds the tokens.</param>
/// <param name="Settings">Files that may stand beside them.</param>
/// <param name="Load">Reads them out of a folder; throws an <see cref="InvalidDataException"/> that names the file, the place and what was expected.</param>
/// <param name="Describe">The kind with its settings, without reading the tokens.</param>
public sealed record TokenizerKind(
    string Title, IReadOnlyList<string> Files, IReadOnlyList<string> Settings, Func<string, TextTokenizer> Load,
    Func<string, TokenizerDescription> Describe)
{
    /// <summary>Every file that belongs to one.</summary>
    public IEnumerable<string> AllFiles => Files.Concat(Settings);

    /// <summary>The files in words.</summary>
    public string FilesInWords => string.Join(" and ", Files);
}

/// <summary>What a tokenizer is, for whoever reads or uses it elsewhere.</summary>
/// <param name="Description">For people.</param>
/// <param name="HuggingFaceClass">The class of transformers that reads its files.</param>
public sealed record TokenizerDescription(string Description, string HuggingFaceClass);
