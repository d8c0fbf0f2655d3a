namespace WebDistill.Distillation.Text;

public static class CorpusPreparation
{
    public static CorpusStatistics Prepare(
        string sourcePath, BpeTokenizer tokenizer, CorpusOptions options, string trainPath, string validationPath,
        IProgress<CorpusProgress>? progress = null, CancellationToken cancel = default) => throw new NotSupportedException();

    public static IEnumerable<string> ReadDocuments(string sourcePath, CorpusOptions options) => throw new NotSupportedException();
}
