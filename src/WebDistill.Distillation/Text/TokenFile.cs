namespace WebDistill.Distillation.Text;

/// <summary>One document inside a token file.</summary>
/// <param name="Offset">Index of its first token in the stream.</param>
/// <param name="Length">Tokens, without the end-of-text id that follows it.</param>
public readonly record struct TokenDocument(long Offset, int Length);

public sealed class TokenFile : IDisposable
{
    public static TokenFile Open(string path) => throw new NotSupportedException();

    public long TokenCount => throw new NotSupportedException();

    public long DocumentCount => throw new NotSupportedException();

    public int EndOfTextId => throw new NotSupportedException();

    public int VocabularySize => throw new NotSupportedException();

    public string TokenizerSha256 => throw new NotSupportedException();

    public void Read(long offset, Span<int> ids) => throw new NotSupportedException();

    public TokenDocument Document(long index) => throw new NotSupportedException();

    public void Dispose() => throw new NotSupportedException();
}

public sealed class TokenFileWriter : IDisposable
{
    public TokenFileWriter(string path, BpeTokenizer tokenizer) => throw new NotSupportedException();

    public TokenFileWriter(string path, int vocabularySize, int endOfTextId, string tokenizerSha256) => throw new NotSupportedException();

    public void AppendDocument(ReadOnlySpan<int> ids) => throw new NotSupportedException();

    public void Commit() => throw new NotSupportedException();

    public void Dispose() => throw new NotSupportedException();
}
