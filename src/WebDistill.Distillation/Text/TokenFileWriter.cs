using System.Runtime.InteropServices;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>Writes a token file document by document; it appears under its name on <see cref="Commit"/>, whole or not at all.</summary>
public sealed class TokenFileWriter : IDisposable
{
    private readonly DurableFile _file;
    private readonly List<long> _documentStarts = [];
    private readonly StoredIds _ids;
    private readonly TokenRoles _roles;
    private readonly string _tokenizerSha256;
    private bool _endOfTextOnlyAfterDocuments = true;

    public TokenFileWriter(string path, Vocabulary vocabulary, FileLayer files)
        : this(path, vocabulary.Size, vocabulary.Roles, vocabulary.Sha256, files)
    {
    }

    /// <param name="tokenizerSha256">64 hexadecimal digits.</param>
    /// <exception cref="ArgumentException">The end-of-text id is not in the vocabulary, or the hash is none.</exception>
    public TokenFileWriter(string path, int vocabularySize, int endOfTextId, string tokenizerSha256, FileLayer files)
        : this(path, vocabularySize, TokenRoles.Single(endOfTextId), tokenizerSha256, files)
    {
    }

    /// <inheritdoc cref="TokenFileWriter(string, int, int, string, FileLayer)"/>
    public TokenFileWriter(string path, int vocabularySize, TokenRoles roles, string tokenizerSha256, FileLayer files)
    {
        Vocabulary.Check(vocabularySize, roles, tokenizerSha256);
        _roles = roles;
        _tokenizerSha256 = tokenizerSha256;
        _ids = new StoredIds(vocabularySize);
        _file = new DurableFile(path, files);
        try
        {
            _file.Stream.Write(stackalloc byte[TokenFileHeader.SizeFor(roles)]);
        }
        catch
        {
            // Nobody else has it yet to remove what was written.
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Tokens written so far, one end-of-text id per document included.</summary>
    public long TokenCount { get; private set; }

    public long DocumentCount => _documentStarts.Count;

    /// <summary>Appends a document and the end-of-text id after it.</summary>
    /// <exception cref="ArgumentException">An id is not in the vocabulary.</exception>
    public void AppendDocument(ReadOnlySpan<int> ids)
    {
        for (int i = 0; i < ids.Length; i++)
            if ((uint)ids[i] >= (uint)_ids.VocabularySize)
                throw new ArgumentException($"Document {DocumentCount}, token {i} is {ids[i]}; expected 0 to {_ids.VocabularySize - 1}.",
                    nameof(ids));
        _endOfTextOnlyAfterDocuments &= !ids.Contains(_roles.EndOfText);
        _documentStarts.Add(TokenCount);
        _ids.Write(_file.Stream, ids);
        _ids.Write(_file.Stream, [_roles.EndOfText]);
        TokenCount += ids.Length + 1L;
    }

    /// <summary>Makes the file appear.</summary>
    public void Commit()
    {
        var header = new TokenFileHeader(
            _ids.BytesPerId, TokenCount, DocumentCount, _ids.VocabularySize, _roles, _tokenizerSha256, _endOfTextOnlyAfterDocuments);
        _file.Stream.Write(stackalloc byte[(int)(header.DocumentTableOffset - _file.Stream.Position)]);
        _file.Stream.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_documentStarts)));
        Span<byte> bytes = stackalloc byte[header.Size];
        header.Write(bytes);
        _file.Stream.Position = 0;
        _file.Stream.Write(bytes);
        _file.Commit();
    }

    public void Dispose() => _file.Dispose();
}
