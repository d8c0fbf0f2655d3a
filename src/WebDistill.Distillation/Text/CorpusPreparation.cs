using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>From a text file to token files.</summary>
public static class CorpusPreparation
{
    private const double MaxValidationProportion = 0.5;

    /// <summary>Chunks in memory per thread: one at work and one waiting.</summary>
    private const int ChunksPerThread = 2;

    private sealed record EncodedChunk(long EndByte, List<int> Ids, List<(int Length, long ByteOffset)> Documents);

    /// <summary>Bytes that the token files of a text can take: a token for every byte of it, which a vocabulary of single bytes comes to.</summary>
    public static long MostTokenBytes(long textBytes, int vocabularySize) => textBytes * new StoredIds(vocabularySize).BytesPerId;

    /// <summary>
    /// Tokenises a corpus in one pass, on several threads, with memory bounded by the longest document, and writes the token files of its
    /// two splits. The documents that begin in the last <see cref="CorpusOptions.ValidationProportion"/> of the bytes are the validation
    /// split, at least the last document; with proportion 0 there is none and no validation file is written.
    /// </summary>
    /// <remarks>The result does not depend on the number of threads. Both files appear at the end, whole or not at all.</remarks>
    /// <exception cref="InvalidDataException">The file is not text of the format, or holds too few documents; the message says what was
    /// expected.</exception>
    public static CorpusStatistics Prepare(
        string sourcePath, TextTokenizer tokenizer, CorpusOptions options, string trainPath, string validationPath,
        FileLayer files, IProgress<CorpusProgress>? progress = null, CancellationToken cancel = default)
    {
        Check(options);
        using var reader = new CorpusChunkReader(sourcePath, CorpusFormats.Find(options.Format));
        using var train = new TokenFileWriter(trainPath, tokenizer.Vocabulary, files);
        using TokenFileWriter? validation =
            options.ValidationProportion > 0 ? new TokenFileWriter(validationPath, tokenizer.Vocabulary, files) : null;
        long splitByte = SplitByte(reader.Length, options.ValidationProportion);
        var lengths = new long[32];   // per power of two
        long documents = 0, tokens = 0;
        List<int>? held = null;       // the document before, which goes to validation if it is the last and no other does

        foreach (EncodedChunk chunk in EncodeChunks(reader, tokenizer, options, cancel))
        {
            ReadOnlySpan<int> ids = CollectionsMarshal.AsSpan(chunk.Ids);
            foreach ((int length, long byteOffset) in chunk.Documents)
            {
                lengths[BitOperations.Log2((uint)Math.Max(1, length))]++;
                documents++;
                tokens += length + 1L;
                if (held is not null)
                    train.AppendDocument(CollectionsMarshal.AsSpan(held));
                held = null;
                if (validation is null)
                    train.AppendDocument(ids[..length]);
                else if (byteOffset >= splitByte && train.DocumentCount > 0)
                    validation.AppendDocument(ids[..length]);
                else
                    CollectionExtensions.AddRange(held = new List<int>(length), ids[..length]);
                ids = ids[length..];
            }
            progress?.Report(new CorpusProgress(chunk.EndByte, reader.Length, documents, tokens));
        }
        if (held is not null)
            (train.DocumentCount > 0 ? validation! : train).AppendDocument(CollectionsMarshal.AsSpan(held));

        CheckDocumentCounts(sourcePath, options, reader.Length, train.DocumentCount, validation?.DocumentCount);
        train.Commit();
        validation?.Commit();
        return new CorpusStatistics(
            reader.Length, documents, tokens, train.TokenCount, validation?.TokenCount ?? 0,
            (double)reader.Length / tokens, Histogram(lengths));
    }

    /// <summary>The documents of a corpus, one after the other, in bounded memory: to train a vocabulary on, or to look at.</summary>
    /// <exception cref="InvalidDataException">The file is not text of the format.</exception>
    public static IEnumerable<string> ReadDocuments(string sourcePath, CorpusOptions options)
    {
        Check(options);
        using var reader = new CorpusChunkReader(sourcePath, CorpusFormats.Find(options.Format));
        var documents = new List<string>();
        while (reader.Next() is { } chunk)
        {
            CorpusChunkReader.Check(chunk);
            documents.Clear();
            Split(chunk, options, (text, _) => documents.Add(text));
            foreach (string document in documents)
                yield return document;
        }
    }

    /// <summary>The byte from which on documents are held out.</summary>
    internal static long SplitByte(long bytes, double validationProportion) => (long)Math.Ceiling(bytes * (1 - validationProportion));

    private static void Split(CorpusChunk chunk, CorpusOptions options, DocumentFound found) => CorpusFormats.Find(options.Format).Split(
        chunk, options, options.UnwrapLines ? (text, byteOffset) => found(HardLineBreaks.Unwrap(text), byteOffset) : found);

    private static IEnumerable<EncodedChunk> EncodeChunks(
        CorpusChunkReader reader, TextTokenizer tokenizer, CorpusOptions options, CancellationToken cancel)
    {
        int threads = options.Threads == 0 ? Environment.ProcessorCount : options.Threads;
        // More chunks wait than threads work on them, so the scheduler has to know how many that are.
        var scheduler = new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, threads);
        var workers = new TaskFactory(cancel, TaskCreationOptions.None, TaskContinuationOptions.None, scheduler.ConcurrentScheduler);
        var atWork = new Queue<Task<EncodedChunk>>();
        try
        {
            bool more = true;
            while (more || atWork.Count > 0)
            {
                while (more && atWork.Count < threads * ChunksPerThread)
                {
                    CorpusChunk? chunk = reader.Next();
                    more = chunk is not null;
                    if (chunk is not null)
                        atWork.Enqueue(workers.StartNew(() => Encode(chunk, tokenizer, options)));
                }
                if (atWork.TryPeek(out Task<EncodedChunk>? first))
                {
                    cancel.ThrowIfCancellationRequested();
                    EncodedChunk encoded = first.GetAwaiter().GetResult();
                    atWork.Dequeue();
                    yield return encoded;
                }
            }
        }
        finally
        {
            // The first failure is on its way to the caller; the others only have to have ended before the file is closed.
            ((Task)Task.WhenAll(atWork)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        }
    }

    private static EncodedChunk Encode(CorpusChunk chunk, TextTokenizer tokenizer, CorpusOptions options)
    {
        CorpusChunkReader.Check(chunk);
        var ids = new List<int>(chunk.Bytes.Length / 3);
        var documents = new List<(int Length, long ByteOffset)>();
        Split(chunk, options, (text, byteOffset) =>
        {
            int before = ids.Count;
            TokenRoles roles = tokenizer.Vocabulary.Roles;
            if (roles.BeginsDocuments)
                ids.Add(roles.BeginOfText);
            tokenizer.EncodeTo(text, ids);
            documents.Add((ids.Count - before, byteOffset));
        });
        return new EncodedChunk(chunk.ByteOffset + chunk.Bytes.Length, ids, documents);
    }

    private static void Check(CorpusOptions options)
    {
        if (!(options.ValidationProportion >= 0 && options.ValidationProportion <= MaxValidationProportion))
            throw new ArgumentException($"Validation proportion {options.ValidationProportion}; expected 0 to {MaxValidationProportion}.",
                nameof(options));
        if (options.Threads < 0)
            throw new ArgumentException($"{options.Threads} threads; expected at least 1, or 0 for one per processor.", nameof(options));
        if (string.IsNullOrEmpty(options.JsonField))
            throw new ArgumentException("The JSON field is empty; expected the name of the field that holds the text.", nameof(options));
    }

    private static void CheckDocumentCounts(string path, CorpusOptions options, long bytes, long trainDocuments, long? validationDocuments)
    {
        if (trainDocuments == 0)
            throw new InvalidDataException($"{Path.GetFileName(path)}: {bytes} bytes without a document; expected text that is not only white space.");
        if (validationDocuments == 0)
            throw new InvalidDataException(
                $"{Path.GetFileName(path)}: {trainDocuments} document as '{options.Format}'; expected at least 2, one of them for validation, of which the "
                    + $"proportion is {options.ValidationProportion.ToString(CultureInfo.InvariantCulture)}. Add text, choose another format, or set that proportion to 0.");
    }

    private static IReadOnlyList<LengthBin> Histogram(long[] lengths)
    {
        int last = Array.FindLastIndex(lengths, count => count > 0);
        return [.. Enumerable.Range(0, last + 1).Select(bin => new LengthBin(1 << bin, (int)((2L << bin) - 1), lengths[bin]))];
    }
}
