using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>
/// The ids of a tokenizer: the bytes that each stands for, the one that ends a document, and a hash by which two tokenizers are told apart.
/// It stands beside a <see cref="Microsoft.ML.Tokenizers.Tokenizer"/>, which knows none of these. Immutable.
/// </summary>
public sealed class Vocabulary
{
    private readonly IReadOnlyList<byte[]> _tokens;

    /// <param name="tokens">The bytes that each id adds to a text, in order of id.</param>
    /// <param name="endOfTextId">The id that ends and separates documents.</param>
    /// <param name="sha256">64 hexadecimal digits, the same for two tokenizers only if they encode every text alike.</param>
    /// <exception cref="ArgumentException">The end-of-text id is not in the vocabulary, or the hash is none.</exception>
    public Vocabulary(IReadOnlyList<byte[]> tokens, int endOfTextId, string sha256)
        : this(tokens, TokenRoles.Single(endOfTextId), sha256)
    {
    }

    /// <inheritdoc cref="Vocabulary(IReadOnlyList{byte[]}, int, string)"/>
    /// <param name="roles">The ids that stand for no text.</param>
    public Vocabulary(IReadOnlyList<byte[]> tokens, TokenRoles roles, string sha256)
    {
        Check(tokens.Count, roles, sha256);
        (_tokens, Roles, Sha256) = (tokens, roles, sha256);
    }

    /// <summary>Number of ids; they are 0 to Size - 1.</summary>
    public int Size => _tokens.Count;

    /// <summary>The id that ends and separates documents.</summary>
    public int EndOfTextId => Roles.EndOfText;

    /// <summary>The ids that stand for no text but for a place in it.</summary>
    public TokenRoles Roles { get; }

    /// <summary>SHA-256, in lower-case hex, of all that decides how a text is encoded, independent of how the files are formatted: two
    /// tokenizers with the same hash encode every text alike.</summary>
    public string Sha256 { get; }

    /// <summary>The bytes that an id stands for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public ReadOnlyMemory<byte> TokenBytes(int id) => Contains(id)
        ? _tokens[id]
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"Id {id} is not in the vocabulary; expected 0 to {Size - 1}.");

    /// <summary>One token decoded alone, for display: parts of a character show as U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public string TokenText(int id) => Encoding.UTF8.GetString(TokenBytes(id).Span);

    /// <summary>Whether there is such an id.</summary>
    public bool Contains(int id) => (uint)id < (uint)Size;

    /// <summary>Refuses ids that are not in the vocabulary, and a hash that is none.</summary>
    internal static void Check(int size, TokenRoles roles, string sha256)
    {
        roles.Check(size);
        if (sha256.Length != 64 || !sha256.All(char.IsAsciiHexDigit))
            throw new ArgumentException($"Tokenizer hash '{sha256}'; expected 64 hexadecimal digits.", nameof(sha256));
    }
}
