namespace WebDistill.Distillation.Text;

/// <summary>How a WordPiece tokenizer reads text before it looks into its vocabulary, with the words that Hugging Face has for it.</summary>
public sealed record BertWordPieceOptions
{
    /// <summary>Lower case (do_lower_case): "uncased" models.</summary>
    public bool LowerCase { get; init; } = true;

    /// <summary>Accents are left out (strip_accents); null leaves them out with lower case, as BERT does.</summary>
    public bool? StripAccents { get; init; }

    /// <summary>Every Chinese character is a word (tokenize_chinese_chars).</summary>
    public bool SplitChinese { get; init; } = true;

    /// <summary>Stands for a word that the vocabulary cannot write (unk_token).</summary>
    public string Unknown { get; init; } = "[UNK]";

    /// <summary>Ends a text (sep_token).</summary>
    public string Separator { get; init; } = "[SEP]";

    /// <summary>Fills rows up (pad_token).</summary>
    public string Padding { get; init; } = "[PAD]";

    /// <summary>Begins a text (cls_token).</summary>
    public string Classification { get; init; } = "[CLS]";

    /// <summary>Stands for what is to be guessed (mask_token).</summary>
    public string Mask { get; init; } = "[MASK]";

    /// <summary>The class of transformers that reads the files (tokenizer_class): it says what a model of its family takes beside the ids, and nothing of how text is read.</summary>
    public string HuggingFaceClass { get; init; } = "BertTokenizer";

    /// <summary>Whether accents are left out in the end.</summary>
    public bool LeavesOutAccents => StripAccents ?? LowerCase;

    /// <summary>The special tokens with the names of their settings.</summary>
    public IReadOnlyList<(string Setting, string Token)> SpecialTokens =>
        [("unk_token", Unknown), ("sep_token", Separator), ("pad_token", Padding), ("cls_token", Classification), ("mask_token", Mask)];

    /// <summary>What a tokenizer that reads so is.</summary>
    public TokenizerDescription Describe() => new($"WordPiece, {(LowerCase ? "lower case" : "case kept")}, accents {(LeavesOutAccents ? "left out" : "kept")}"
        + (SplitChinese ? "" : ", Chinese characters joined"), HuggingFaceClass);
}
