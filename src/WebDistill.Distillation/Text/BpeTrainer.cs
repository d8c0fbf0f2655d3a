using System.Runtime.InteropServices;
using System.Text;

namespace WebDistill.Distillation.Text;

/// <summary>Learns byte-pair merges (Sennrich et al. 2016): again and again the most frequent neighbours become one token.</summary>
/// <remarks>Deterministic: of equally frequent pairs the one with the lower left id, then the lower right id, is taken. Pre-tokens are
/// counted first, and a merge touches only the words that contain its pair.</remarks>
internal sealed class BpeTrainer
{
    /// <summary>A pair that occurs once is no pattern.</summary>
    private const int MinPairCount = 2;

    private const int CancellationIntervalWords = 4096;

    private sealed class Word(int[] symbols, long count)
    {
        public int[] Symbols = symbols;
        public int Length = symbols.Length;
        public readonly long Count = count;
    }

    private sealed class PairStatistics
    {
        public long Count;
        public readonly List<int> Words = [];   // words that contain the pair, or did once
    }

    private readonly List<Word> _words = [];
    private readonly Dictionary<(int Left, int Right), PairStatistics> _pairs = [];
    private readonly PriorityQueue<(int Left, int Right), PairRank> _queue = new();
    private readonly HashSet<(int Left, int Right)> _risen = [];

    public static Gpt2Tokenizer Train(
        IEnumerable<string> documents, int vocabularySize, IProgress<double>? progress, CancellationToken cancel)
    {
        if (vocabularySize < Gpt2Tokenizer.MinVocabularySize)
            throw new ArgumentOutOfRangeException(nameof(vocabularySize), vocabularySize,
                $"Vocabulary size {vocabularySize}; expected at least {Gpt2Tokenizer.MinVocabularySize}: 256 bytes and "
                    + $"{Gpt2Tokenizer.EndOfText}.");
        var trainer = new BpeTrainer();
        trainer.CountWords(documents, cancel);
        trainer.CountPairs();
        return trainer.Learn(vocabularySize, progress, cancel);
    }

    private void CountWords(IEnumerable<string> documents, CancellationToken cancel)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string document in documents)
        {
            cancel.ThrowIfCancellationRequested();
            ReadOnlySpan<char> text = document;
            for (int start = 0; start < text.Length;)
            {
                int end = Gpt2PreTokenizer.End(text, start);
                CollectionsMarshal.GetValueRefOrAddDefault(lookup, text[start..end], out _)++;
                start = end;
            }
        }

        var idOfByte = new int[256];
        for (int id = 0; id < 256; id++)
            idOfByte[ByteAlphabet.Order[id]] = id;
        foreach ((string preToken, long count) in counts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(preToken);
            if (bytes.Length > 1)
                _words.Add(new Word(Array.ConvertAll(bytes, value => idOfByte[value]), count));
        }
    }

    private void CountPairs()
    {
        for (int word = 0; word < _words.Count; word++)
            for (int i = 0; i + 1 < _words[word].Length; i++)
                Increase((_words[word].Symbols[i], _words[word].Symbols[i + 1]), word);
        QueueRisen();
    }

    private Gpt2Tokenizer Learn(int vocabularySize, IProgress<double>? progress, CancellationToken cancel)
    {
        var tokens = new List<byte[]>(vocabularySize);
        foreach (byte value in ByteAlphabet.Order)
            tokens.Add([value]);
        var merges = new List<Merge>();
        var learnt = new HashSet<string>(StringComparer.Ordinal);
        int mergeCount = vocabularySize - Gpt2Tokenizer.MinVocabularySize;
        while (merges.Count < mergeCount)
        {
            cancel.ThrowIfCancellationRequested();
            if (MostFrequentPair() is not { } pair)
                throw new InvalidDataException(
                    $"Vocabulary size {vocabularySize}: the text has repeated patterns for {tokens.Count + 1} tokens only; "
                    + $"expected more text, or a vocabulary of at most {tokens.Count + 1}.");
            byte[] token = [.. tokens[pair.Left], .. tokens[pair.Right]];
            PairStatistics statistics = _pairs[pair];
            _pairs.Remove(pair);
            // Two ways of joining can spell the same bytes; one id per token keeps vocab.json a map, so the later way is passed over.
            string symbols = ByteAlphabet.ToSymbols(token);
            if (symbols == Gpt2Tokenizer.EndOfText || !learnt.Add(symbols))
                continue;
            int id = tokens.Count;
            tokens.Add(token);
            merges.Add(new Merge(pair.Left, pair.Right, id));
            Apply(pair, id, statistics.Words, cancel);
            progress?.Report((double)merges.Count / mergeCount);
        }
        tokens.Add(Encoding.UTF8.GetBytes(Gpt2Tokenizer.EndOfText));
        return new Gpt2Tokenizer([.. tokens], [.. merges], tokens.Count - 1);
    }

    private (int Left, int Right)? MostFrequentPair()
    {
        while (_queue.TryDequeue(out (int Left, int Right) pair, out PairRank rank))
        {
            if (!_pairs.TryGetValue(pair, out PairStatistics? statistics))
                continue;
            if (statistics.Count == rank.Count)
                return statistics.Count >= MinPairCount ? pair : null;
            if (statistics.Count > 0 && statistics.Count < rank.Count)
                _queue.Enqueue(pair, new PairRank(statistics.Count, pair.Left, pair.Right));   // it has become rarer since it was queued
        }
        return null;
    }

    private void Apply((int Left, int Right) pair, int id, List<int> words, CancellationToken cancel)
    {
        int previousWord = -1;
        for (int index = 0; index < words.Count; index++)
        {
            if (index % CancellationIntervalWords == 0)
                cancel.ThrowIfCancellationRequested();
            if (words[index] == previousWord)
                continue;
            previousWord = words[index];
            ApplyToWord(pair, id, previousWord);
        }
        QueueRisen();
    }

    private void ApplyToWord((int Left, int Right) pair, int id, int wordIndex)
    {
        Word word = _words[wordIndex];
        int[] symbols = word.Symbols;
        int written = 0;
        for (int read = 0; read < word.Length;)
        {
            if (symbols[read] != pair.Left || read + 1 >= word.Length || symbols[read + 1] != pair.Right)
            {
                symbols[written++] = symbols[read++];
                continue;
            }
            if (written > 0)
            {
                Decrease((symbols[written - 1], pair.Left), word.Count);
                Increase((symbols[written - 1], id), wordIndex);
            }
            if (read + 2 < word.Length)
            {
                Decrease((pair.Right, symbols[read + 2]), word.Count);
                Increase((id, symbols[read + 2]), wordIndex);
            }
            symbols[written++] = id;
            read += 2;
        }
        word.Length = written;
    }

    private void Increase((int Left, int Right) pair, int word)
    {
        ref PairStatistics? statistics = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, pair, out _);
        statistics ??= new PairStatistics();
        statistics.Count += _words[word].Count;
        if (statistics.Words.Count == 0 || statistics.Words[^1] != word)
            statistics.Words.Add(word);
        _risen.Add(pair);
    }

    private void Decrease((int Left, int Right) pair, long count)
    {
        if (_pairs.TryGetValue(pair, out PairStatistics? statistics))
            statistics.Count -= count;
    }

    private void QueueRisen()
    {
        foreach ((int Left, int Right) pair in _risen)
            if (_pairs.TryGetValue(pair, out PairStatistics? statistics) && statistics.Count > 0)
                _queue.Enqueue(pair, new PairRank(statistics.Count, pair.Left, pair.Right));
        _risen.Clear();
    }

    /// <summary>Orders the queue: the most frequent first, then the lower ids.</summary>
    private readonly record struct PairRank(long Count, int Left, int Right) : IComparable<PairRank>
    {
        public int CompareTo(PairRank other)
        {
            int order = other.Count.CompareTo(Count);
            if (order == 0)
                order = Left.CompareTo(other.Left);
            return order == 0 ? Right.CompareTo(other.Right) : order;
        }
    }
}
