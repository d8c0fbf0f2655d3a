using System.Runtime.InteropServices;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>One document inside a token file.</summary>
/// <param name="Offset">Index of its first token in the stream.</param>
/// <param name="Length">Tokens, without the end-of-text id that follows it.</param>
public readonly record struct TokenDocument(long Offset, int Length);

/// <summary>A tokenised corpus: one stream of ids in which every document is followed by the end-of-text id. Memory-mapped; safe to read
/// from several threads.</summary>
public sealed class TokenFile : IDisposable
{
    private readonly MappedFile _file;
    private readonly TokenFileHeader _header;

    private TokenFile(MappedFile file, TokenFileHeader header)
    {
        _file = file;
        _header = header;
    }

    /// <summary>Tokens of the stream, one end-of-text id per document included.</summary>
    public long TokenCount => _header.TokenCount;

    public long DocumentCount => _header.DocumentCount;

    public int EndOfTextId => Roles.EndOfText;

    /// <summary>The ids that stand for no text but for a place in it.</summary>
    public TokenRoles Roles => _header.Roles;

    /// <summary>Number of ids of the tokenizer; every id in the file is below it.</summary>
    public int VocabularySize => _header.VocabularySize;

    /// <summary><see cref="Vocabulary.Sha256"/> of the tokenizer that made the ids.</summary>
    public string TokenizerSha256 => _header.TokenizerSha256;

    /// <summary>Opens a file and checks its header, its size and its table of documents.</summary>
    /// <exception cref="InvalidDataException">The file is missing, truncated, damaged or of another version.</exception>
    public static TokenFile Open(string path)
    {
        if (!File.Exists(path))
            throw new InvalidDataException($"{Path.GetFileName(path)} is missing; expected a token file. Prepare the data set again.");
        var mapped = new MappedFile(path);
        try
        {
            TokenFileHeader header = TokenFileHeader.Read(mapped.Name, mapped.Span(0, (int)Math.Min(mapped.Length, TokenFileHeader.MostBytes)),
                mapped.Length);
            var file = new TokenFile(mapped, header);
            file.CheckDocuments();
            return file;
        }
        catch
        {
            mapped.Dispose();
            throw;
        }
    }

    /// <summary>Copies ids out of the stream.</summary>
    /// <param name="offset">Index of the first token.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the stream.</exception>
    /// <exception cref="InvalidDataException">An id is not in the vocabulary: the file is damaged.</exception>
    public void Read(long offset, Span<int> ids) => new StoredIds(VocabularySize).Read(_file, _header.Size, TokenCount, offset, ids);

    /// <summary>Where a document lies in the stream.</summary>
    /// <param name="index">0 to DocumentCount - 1, in the order of the corpus.</param>
    public TokenDocument Document(long index)
    {
        if (index < 0 || index >= DocumentCount)
            throw new ArgumentOutOfRangeException(nameof(index), index, $"Document {index}; expected 0 to {DocumentCount - 1}.");
        long start = DocumentStart(index);
        return new TokenDocument(start, (int)(DocumentStart(index + 1) - start - 1));
    }

    /// <summary>Whether a document holds the end-of-text id inside. Its ids are read only where the file does not say that none does.</summary>
    public bool HoldsEndOfText(TokenDocument document)
    {
        const int piece = 1 << 24;
        if (_header.EndOfTextOnlyAfterDocuments)
            return false;
        for (long offset = 0; offset < document.Length; offset += piece)
        {
            ReadOnlySpan<byte> bytes = _file.Span(_header.Size + (document.Offset + offset) * _header.BytesPerToken,
                (int)Math.Min(piece, document.Length - offset) * _header.BytesPerToken);
            if (_header.BytesPerToken == sizeof(int)
                ? MemoryMarshal.Cast<byte, int>(bytes).Contains(EndOfTextId)
                : MemoryMarshal.Cast<byte, ushort>(bytes).Contains((ushort)EndOfTextId))
                return true;
        }
        return false;
    }

    public void Dispose() => _file.Dispose();

    private long DocumentStart(long index) => index == DocumentCount ? TokenCount
        : MemoryMarshal.Read<long>(_file.Span(_header.DocumentTableOffset + index * sizeof(long), sizeof(long)));

    private void CheckDocuments()
    {
        if (DocumentStart(0) != 0)
            throw new InvalidDataException($"{_file.Name}: the first document begins at token {DocumentStart(0)}; expected 0. Prepare "
                + "the data set again.");
        for (long index = 0; index < DocumentCount; index++)
        {
            long length = DocumentStart(index + 1) - DocumentStart(index) - 1;
            if (length is < 0 or > int.MaxValue)
                throw new InvalidDataException($"{_file.Name}: document {index} has {length} tokens; expected 0 to {int.MaxValue}. The "
                    + "table of documents is damaged: prepare the data set again.");
        }
    }
}
