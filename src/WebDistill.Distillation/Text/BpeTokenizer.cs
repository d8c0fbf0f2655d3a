namespace WebDistill.Distillation.Text;

public sealed class BpeTokenizer
{
    public static BpeTokenizer Load(string folder) => throw new NotSupportedException();

    public static BpeTokenizer Train(
        IEnumerable<string> documents, int vocabularySize, IProgress<double>? progress = null, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public void Save(string folder) => throw new NotSupportedException();

    public int VocabularySize => throw new NotSupportedException();

    public int EndOfTextId => throw new NotSupportedException();

    public string Sha256 => throw new NotSupportedException();

    public IReadOnlyList<int> EncodeToIds(string text, bool considerSpecialTokens = false) => throw new NotSupportedException();

    public void EncodeTo(ReadOnlySpan<char> text, List<int> ids) => throw new NotSupportedException();

    public int CountTokens(string text) => throw new NotSupportedException();

    public string Decode(IEnumerable<int> ids) => throw new NotSupportedException();

    public ReadOnlyMemory<byte> TokenBytes(int id) => throw new NotSupportedException();

    public string TokenText(int id) => throw new NotSupportedException();
}
