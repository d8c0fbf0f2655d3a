using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>
/// Byte-level byte-pair encoding exactly as GPT-2 does it (Radford et al. 2019; openai/gpt-2, src/encoder.py), with GPT-2's vocabulary or one
/// of its own. Any text can be encoded and comes back unchanged, except that lone surrogates become U+FFFD. Immutable and thread-safe.
/// </summary>
/// <remarks>
/// Text is not normalised: <see cref="EncodeSettings.ConsiderNormalization"/> changes nothing. Where
/// <see cref="EncodeSettings.ConsiderPreTokenization"/> is false the whole text is merged as one pre-token, which gives other ids than GPT-2's.
/// Special tokens in a text are ordinary text, but for <see cref="EncodeWithEndOfText"/>.
/// </remarks>
public sealed class Gpt2Tokenizer : Tokenizer
{
    /// <summary>The one special token: it ends and separates documents.</summary>
    public const string EndOfText = "<|endoftext|>";

    /// <summary>The smallest vocabulary: 256 bytes and the end-of-text token.</summary>
    public const int MinVocabularySize = 257;

    private readonly Merge[] _merges;
    private readonly MergeTable _mergeTable;
    private readonly int[] _idOfByte = new int[256];
    private readonly ConcurrentBag<BpeEncoder> _idleEncoders = [];

    internal Gpt2Tokenizer(byte[][] tokens, Merge[] merges, int endOfTextId)
    {
        _merges = merges;
        _mergeTable = new MergeTable(merges);
        for (int id = 0; id < tokens.Length; id++)
            if (tokens[id].Length == 1)
                _idOfByte[tokens[id][0]] = id;
        Vocabulary = new Vocabulary(tokens, endOfTextId, Hash(tokens, merges, endOfTextId));
    }

    /// <summary>The ids. The hash is of the tokens' bytes in order of id, the merges in order of rank and the end-of-text id.</summary>
    public Vocabulary Vocabulary { get; }

    /// <inheritdoc/>
    public override PreTokenizer PreTokenizer => Gpt2PreTokenizer.Instance;

    /// <summary>Encoders that wait for work: as many as ever worked at the same time.</summary>
    internal int IdleEncoderCount => _idleEncoders.Count;

    /// <summary>Reads vocab.json and merges.txt from a folder.</summary>
    /// <exception cref="InvalidDataException">A file is missing or malformed; the message names the file, the place and what was
    /// expected.</exception>
    public static Gpt2Tokenizer Load(string folder)
    {
        (byte[][] tokens, Merge[] merges, int endOfTextId) = Gpt2VocabularyFiles.Read(folder);
        return new Gpt2Tokenizer(tokens, merges, endOfTextId);
    }

    /// <summary>Learns a vocabulary: the 256 bytes, the merges of the most frequent neighbours, and <see cref="EndOfText"/> as the last
    /// id.</summary>
    /// <param name="vocabularySize">Ids in all, at least <see cref="MinVocabularySize"/>.</param>
    /// <param name="progress">Share of the merges that are learnt, 0 to 1; stays 0 while the documents are counted.</param>
    /// <exception cref="InvalidDataException">The documents are too small or too uniform for that many merges.</exception>
    public static Gpt2Tokenizer Train(
        IEnumerable<string> documents, int vocabularySize, IProgress<double>? progress = null, CancellationToken cancel = default) =>
        BpeTrainer.Train(documents, vocabularySize, progress, cancel);

    /// <summary>Writes vocab.json and merges.txt, which <see cref="Load"/> and Hugging Face's tokenizers read.</summary>
    public void Save(string folder, FileLayer files) => Gpt2VocabularyFiles.Write(folder, Vocabulary, _merges, files);

    /// <summary>Appends the ids of a text: the fast path of corpora, without a list for each document.</summary>
    public void EncodeTo(ReadOnlySpan<char> text, List<int> ids) => Encode(text, ids, considerPreTokenization: true, int.MaxValue);

    /// <summary>The ids of a text in which "&lt;|endoftext|&gt;" is the end-of-text id.</summary>
    public IReadOnlyList<int> EncodeWithEndOfText(string text)
    {
        var ids = new List<int>(text.Length / 3 + 1);
        ReadOnlySpan<char> rest = text;
        while (rest.IndexOf(EndOfText) is var found and >= 0)
        {
            EncodeTo(rest[..found], ids);
            ids.Add(Vocabulary.EndOfTextId);
            rest = rest[(found + EndOfText.Length)..];
        }
        EncodeTo(rest, ids);
        return ids;
    }

    /// <summary>The text of ids. Bytes that are not UTF-8 become U+FFFD, one per maximal ill-formed part, as with Python's
    /// errors='replace'.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public override string Decode(IEnumerable<int> ids)
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (int id in ids)
            bytes.Write(Vocabulary.TokenBytes(id).Span);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>Decodes as many ids as there is room for; both counts stand where a token ends and a character does.</summary>
    /// <param name="idsConsumed">Ids whose text is written, whole.</param>
    /// <returns>Done; DestinationTooSmall; NeedMoreData when the last ids end inside a character; InvalidData when the next id is not in the
    /// vocabulary. Bytes that are not UTF-8 are written as U+FFFD.</returns>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        (idsConsumed, charsWritten) = (0, 0);
        var held = new List<byte>();    // of a character that is not complete
        int heldIds = 0, written = 0;
        foreach (int id in ids)
        {
            if (!Vocabulary.Contains(id))
                return OperationStatus.InvalidData;
            held.AddRange(Vocabulary.TokenBytes(id).Span);
            heldIds++;
            ReadOnlySpan<byte> rest = CollectionsMarshal.AsSpan(held);
            while (!rest.IsEmpty && Rune.DecodeFromUtf8(rest, out Rune rune, out int bytes) != OperationStatus.NeedMoreData)
            {
                if (!rune.TryEncodeToUtf16(destination[written..], out int characters))
                    return OperationStatus.DestinationTooSmall;
                written += characters;
                rest = rest[bytes..];
            }
            held.RemoveRange(0, held.Count - rest.Length);
            if (held.Count == 0)
            {
                idsConsumed += heldIds;
                (charsWritten, heldIds) = (written, 0);
            }
        }
        return held.Count == 0 ? OperationStatus.Done : OperationStatus.NeedMoreData;
    }

    /// <inheritdoc/>
    /// <remarks>The value of a token is the part of the text that it came from. A token that holds only some bytes of a character covers the
    /// whole of it, and so does its neighbour.</remarks>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        ReadOnlySpan<char> all = text ?? textSpan;
        List<int> ids = Encode(all, settings);
        int charsConsumed = Fit(all, ids, settings.MaxTokenCount);
        var tokens = new List<EncodedToken>(ids.Count);
        var spans = new TokenSpans(all);
        foreach (int id in ids)
        {
            Range range = spans.Next(Vocabulary.TokenBytes(id).Length);
            tokens.Add(new EncodedToken(id, all[range].ToString(), range));
        }
        return new EncodeResults<EncodedToken> { Tokens = tokens, CharsConsumed = charsConsumed };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        ReadOnlySpan<char> all = text ?? textSpan;
        List<int> ids = Encode(all, settings);
        return new EncodeResults<int> { Tokens = ids, CharsConsumed = Fit(all, ids, settings.MaxTokenCount) };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        EncodeToIds(text, textSpan, settings).Tokens.Count;

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        normalizedText = null;
        if (!fromEnd)
        {
            EncodeResults<int> fitting = EncodeToIds(text, textSpan, settings);
            tokenCount = fitting.Tokens.Count;
            return fitting.CharsConsumed;
        }
        RequirePositive(settings.MaxTokenCount);
        ReadOnlySpan<char> all = text ?? textSpan;
        var ids = new List<int>(all.Length / 3 + 1);
        Encode(all, ids, settings.ConsiderPreTokenization, int.MaxValue);
        var spans = new TokenSpans(all);
        int before = 0;
        while (before < ids.Count && (ids.Count - before > settings.MaxTokenCount || !spans.IsBetweenCharacters))
            spans.Next(Vocabulary.TokenBytes(ids[before++]).Length);
        tokenCount = ids.Count - before;
        return spans.End;
    }

    private List<int> Encode(ReadOnlySpan<char> text, EncodeSettings settings)
    {
        RequirePositive(settings.MaxTokenCount);
        var ids = new List<int>(Math.Min(text.Length / 3 + 1, settings.MaxTokenCount));
        Encode(text, ids, settings.ConsiderPreTokenization, settings.MaxTokenCount);
        return ids;
    }

    /// <summary>Appends the ids of a text, up to the pre-token with which there are <paramref name="enough"/>.</summary>
    private void Encode(ReadOnlySpan<char> text, List<int> ids, bool considerPreTokenization, int enough)
    {
        if (!_idleEncoders.TryTake(out BpeEncoder? encoder))
            encoder = new BpeEncoder(_mergeTable, _idOfByte);
        if (considerPreTokenization)
            encoder.Encode(text, ids, enough);
        else
            encoder.EncodeAsOnePreToken(text, ids);
        _idleEncoders.Add(encoder);
    }

    /// <summary>Removes what is beyond a number of tokens, and the rest of a character that this cuts. Returns the characters that are
    /// left.</summary>
    private int Fit(ReadOnlySpan<char> text, List<int> ids, int maxTokenCount)
    {
        if (maxTokenCount == int.MaxValue)
            return text.Length;
        var spans = new TokenSpans(text);
        (int ids, int characters) whole = (0, 0);
        for (int i = 0; i < Math.Min(ids.Count, maxTokenCount); i++)
        {
            spans.Next(Vocabulary.TokenBytes(ids[i]).Length);
            if (spans.IsBetweenCharacters)
                whole = (i + 1, spans.End);
        }
        ids.RemoveRange(whole.ids, ids.Count - whole.ids);
        return whole.characters;
    }

    private static void RequirePositive(int maxTokenCount)
    {
        if (maxTokenCount <= 0)
            throw new ArgumentOutOfRangeException(nameof(maxTokenCount), maxTokenCount, $"At most {maxTokenCount} tokens; expected at least 1.");
    }

    private static string Hash(byte[][] tokens, Merge[] merges, int endOfTextId)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[4];
        hash.AppendData("WebDistill BPE 1"u8);
        Append(hash, number, tokens.Length);
        foreach (byte[] token in tokens)
        {
            Append(hash, number, token.Length);
            hash.AppendData(token);
        }
        Append(hash, number, merges.Length);
        foreach (Merge merge in merges)
        {
            Append(hash, number, merge.Left);
            Append(hash, number, merge.Right);
            Append(hash, number, merge.Id);
        }
        Append(hash, number, endOfTextId);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        static void Append(IncrementalHash hash, Span<byte> number, int value)
        {
            BinaryPrimitives.WriteInt32LittleEndian(number, value);
            hash.AppendData(number);
        }
    }
}
