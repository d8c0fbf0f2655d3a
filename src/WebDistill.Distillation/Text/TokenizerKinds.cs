namespace WebDistill.Distillation.Text;

/// <summary>The catalogue of tokenizers: a new kind is one line here.</summary>
public static class TokenizerKinds
{
    // Chooses by itself among those that it finds.
    private const string AnyClass = "AutoTokenizer";

    /// <summary>Every kind.</summary>
    public static IReadOnlyList<TokenizerKind> All { get; } =
    [
        new("Byte-level BPE", ["vocab.json", "merges.txt"], [], folder => Gpt2Tokenizer.Load(folder),
            _ => new TokenizerDescription("Byte-level BPE, as GPT-2's", "GPT2Tokenizer")),
        new("WordPiece", [WordPieceFiles.VocabularyFileName], [WordPieceSettings.ConfigFileName, WordPieceSettings.SpecialTokensFileName],
            folder => BertWordPiece.Load(folder),
            folder => WordPieceSettings.Read(folder).Describe()),
    ];

    /// <summary>The files of any of them: "vocab.json and merges.txt, or vocab.txt".</summary>
    public static string FilesInWords { get; } = string.Join(", or ", All.Select(kind => kind.FilesInWords));

    /// <summary>Kinds of which at least one file is among those that a folder has.</summary>
    public static IReadOnlyList<TokenizerKind> Begun(Func<string, bool> has) => [.. All.Where(kind => kind.Files.Any(has))];

    /// <summary>The kind whose files stand in a folder; null where none does.</summary>
    /// <exception cref="InvalidDataException">The files are not complete, or of several tokenizers.</exception>
    public static TokenizerKind? Find(string folder) => Find(name => File.Exists(Path.Combine(folder, name)));

    /// <summary>The kind whose files are among those that a folder has.</summary>
    /// <inheritdoc cref="Find(string)"/>
    public static TokenizerKind? Find(Func<string, bool> has)
    {
        IReadOnlyList<TokenizerKind> begun = Begun(has);
        if (begun.Count > 1)
            throw new InvalidDataException($"{string.Join(" and ", begun.Select(kind => kind.Files.First(has)))} are both there: files of several tokenizers. Leave those out "
                + "that the model was not trained with.");
        if (begun is not [TokenizerKind one])
            return null;
        if (one.Files.All(has))
            return one;
        throw new InvalidDataException($"Only one of {one.FilesInWords} is there. A tokenizer needs both; without a tokenizer leave both out.");
    }

    /// <summary>What the tokenizer of a folder is; where it cannot be read, why.</summary>
    public static TokenizerDescription Describe(string folder)
    {
        try
        {
            return Find(folder)?.Describe(folder) ?? new TokenizerDescription($"Its files are gone: {FilesInWords}.", AnyClass);
        }
        catch (InvalidDataException problem)
        {
            return new TokenizerDescription(problem.Message, AnyClass);
        }
    }

    /// <summary>Settings in a folder that the tokenizer there does not read: those of other kinds.</summary>
    public static IReadOnlyList<string> Unread(string folder) =>
        [.. All.SelectMany(kind => kind.Settings).Except(Find(folder)?.Settings ?? []).Where(name => File.Exists(Path.Combine(folder, name)))];

    /// <summary>The tokenizer of a folder.</summary>
    /// <exception cref="InvalidDataException">A file is missing or malformed; the message names the file, the place and what was expected.</exception>
    public static TextTokenizer Load(string folder) => Find(folder) is TokenizerKind kind ? kind.Load(folder)
        : throw new InvalidDataException($"{All[0].Files[0]} is missing; expected the files of a tokenizer: {FilesInWords}.");
}
