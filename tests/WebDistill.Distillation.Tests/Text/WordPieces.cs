using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>A WordPiece vocabulary that a reader can hold in mind.</summary>
internal static class WordPieces
{
    public static readonly string[] Tokens =
    [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "saw", "a", "dog", "un", "##want", "##ed", ".", "!", "é", "e", "中", "##e", "run", "##ning",
    ];

    public static BertWordPiece Create(BertWordPieceOptions? options = null) => new(Tokens, options ?? new());

    public static int Id(string token) => Array.IndexOf(Tokens, token);
}
