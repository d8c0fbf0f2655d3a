using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>How two texts that are too long together are cut.</summary>
public enum PairTruncation
{
    /// <summary>Token by token off the longer one, off the second where both are as long.</summary>
    LongestFirst,

    /// <summary>Off the first one alone.</summary>
    OnlyFirst,
}

/// <summary>One or two texts as a model of the BERT family reads them: [CLS] first [SEP], then second [SEP], then padding.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="TypeIds">0 in the first text and in padding, 1 in the second.</param>
/// <param name="Attention">1 at a token, 0 at padding.</param>
public sealed record PairEncoding(IReadOnlyList<int> Ids, IReadOnlyList<int> TypeIds, IReadOnlyList<int> Attention);

/// <summary>
/// WordPiece exactly as BERT does it (<see cref="WordPieceEncoder"/>), with vocab.txt and the settings beside it. A text does not come back
/// unchanged: what is lost is white space, case, accents and what the vocabulary cannot write. Immutable and thread-safe.
/// </summary>
/// <remarks>
/// Special tokens in a text are what they are called, in exact case. Reading a text is one thing here:
/// <see cref="EncodeSettings.ConsiderNormalization"/> and <see cref="EncodeSettings.ConsiderPreTokenization"/> change nothing.
/// </remarks>
public sealed class BertWordPiece : Tokenizer
{
    // In this order, as Hugging Face's clean_up_tokenization joins them.
    private static readonly (string Apart, string Joined)[] s_joined =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    private readonly WordPieceTable _table;
    private readonly string[] _tokens;
    private readonly HashSet<int> _special;
    private readonly ConcurrentBag<WordPieceEncoder> _idleEncoders = [];

    /// <param name="tokens">In order of id, each once.</param>
    /// <exception cref="InvalidDataException">A special token is not among them.</exception>
    public BertWordPiece(IReadOnlyList<string> tokens, BertWordPieceOptions options)
    {
        (_tokens, Options) = ([.. tokens], options);
        string[] special = [.. options.SpecialTokens.Select(token => token.Token)];
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((string setting, string token) in options.SpecialTokens)
        {
            int id = Array.IndexOf(_tokens, token);
            ids[token] = id >= 0 ? id : throw new InvalidDataException($"{WordPieceFiles.VocabularyFileName}: the token '{ForeignText.Quote(token)}' ({setting}) is missing; expected it "
                + $"beside the other {_tokens.Length} tokens. Add it, or name the one that stands for it in {WordPieceSettings.ConfigFileName}.");
        }
        _special = [.. ids.Values];
        _table = new WordPieceTable(_tokens, special, ids[options.Unknown], options);
        var roles = new TokenRoles(ids[options.Classification], ids[options.Separator], ids[options.Padding], ids[options.Unknown], ids[options.Mask]);
        Vocabulary = new Vocabulary([.. _tokens.Select(token => Encoding.UTF8.GetBytes(IsContinuation(token) ? token[2..] : $" {token}"))], roles, Hash(_tokens, options));
    }

    /// <summary>How text is read.</summary>
    public BertWordPieceOptions Options { get; }

    /// <summary>The ids. A token that begins a word adds a space and itself to a text, one that goes on with a word itself alone.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>Reads vocab.txt, and tokenizer_config.json and special_tokens_map.json where they are there.</summary>
    /// <exception cref="InvalidDataException">A file is missing or malformed; the message names the file, the place and what was expected.</exception>
    public static BertWordPiece Load(string folder) => new(WordPieceFiles.Read(folder), WordPieceSettings.Read(folder));

    /// <summary>Writes vocab.txt, tokenizer_config.json and special_tokens_map.json, which <see cref="Load"/> and Hugging Face's tokenizers read.</summary>
    public void Save(string folder, FileLayer files)
    {
        WordPieceFiles.Write(folder, _tokens, files);
        WordPieceSettings.Write(folder, Options, files);
    }

    /// <summary>Appends the ids of a text, without those that begin and end it.</summary>
    public void EncodeTo(ReadOnlySpan<char> text, List<int> ids) => Encode(text, ids, ranges: null, int.MaxValue);

    /// <summary>A text, or two, with what begins and ends them.</summary>
    /// <param name="second">Null for one text.</param>
    /// <param name="maxLength">Most tokens in all; null cuts nothing.</param>
    /// <param name="pad">Whether shorter ones are filled up to it.</param>
    /// <exception cref="ArgumentException">The texts cannot be cut to that length, or there is none to fill up to.</exception>
    public PairEncoding EncodePair(
        string first, string? second = null, int? maxLength = null, PairTruncation truncation = PairTruncation.LongestFirst, bool pad = false)
    {
        List<int> one = [], two = [];
        EncodeTo(first, one);
        if (second is not null)
            EncodeTo(second, two);
        int special = second is null ? 2 : 3;
        if (pad && maxLength is null)
            throw new ArgumentException("Padding is asked for without a length; expected the number of tokens to fill up to.", nameof(pad));
        if (maxLength is int most)
            Cut(one, second is null ? null : two, most - special, truncation, most);
        TokenRoles roles = Vocabulary.Roles;
        List<int> ids = [roles.BeginOfText, .. one, roles.EndOfText];
        int firstLength = ids.Count;
        if (second is not null)
            ids.AddRange([.. two, roles.EndOfText]);
        int length = ids.Count, columns = pad ? maxLength!.Value : length;
        ids.AddRange(Enumerable.Repeat(roles.Padding, columns - length));
        return new PairEncoding(ids, [.. Enumerable.Range(0, columns).Select(i => i >= firstLength && i < length ? 1 : 0)],
            [.. Enumerable.Range(0, columns).Select(i => i < length ? 1 : 0)]);
    }

    /// <summary>The text of ids: words with a space between them, but none before the usual marks.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public override string Decode(IEnumerable<int> ids) => Decode(ids, withSpecialTokens: true);

    /// <summary>The same, perhaps without special tokens.</summary>
    public string Decode(IEnumerable<int> ids, bool withSpecialTokens)
    {
        var text = new StringBuilder();
        foreach (int id in ids)
        {
            if (!Vocabulary.Contains(id))
                throw new ArgumentOutOfRangeException(nameof(ids), id, $"Id {id} is not in the vocabulary; expected 0 to {Vocabulary.Size - 1}.");
            if (!withSpecialTokens && _special.Contains(id))
                continue;
            string token = _tokens[id];
            if (text.Length == 0)
                text.Append(token);
            else if (IsContinuation(token))
                text.Append(token, 2, token.Length - 2);
            else
                text.Append(' ').Append(token);
        }
        string joined = text.ToString().Trim();
        foreach ((string apart, string together) in s_joined)
            joined = joined.Replace(apart, together, StringComparison.Ordinal);
        return joined;
    }

    /// <summary>Decodes as many ids from the first on as have room for certain: before marks are joined to words.</summary>
    /// <returns>Done; DestinationTooSmall; InvalidData when the next id is not in the vocabulary.</returns>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        var taken = new List<int>();
        OperationStatus status = OperationStatus.Done;
        int room = destination.Length;
        foreach (int id in ids)
        {
            if (!Vocabulary.Contains(id))
            {
                status = OperationStatus.InvalidData;
                break;
            }
            room -= taken.Count == 0 || IsContinuation(_tokens[id]) ? _tokens[id].Length - (taken.Count == 0 ? 0 : 2) : _tokens[id].Length + 1;
            if (room < 0)
            {
                status = OperationStatus.DestinationTooSmall;
                break;
            }
            taken.Add(id);
        }
        string text = Decode(taken);
        text.CopyTo(destination);
        (idsConsumed, charsWritten) = (taken.Count, text.Length);
        return status;
    }

    /// <inheritdoc/>
    /// <remarks>The value of a token is the vocabulary's, its range the part of the text that it came from.</remarks>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        ReadOnlySpan<char> all = text ?? textSpan;
        (List<int> ids, List<Range> ranges, int charsConsumed) = Encode(all, settings.MaxTokenCount);
        return new EncodeResults<EncodedToken>
        {
            Tokens = [.. ids.Select((id, i) => new EncodedToken(id, _tokens[id], ranges[i]))], CharsConsumed = charsConsumed,
        };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        ReadOnlySpan<char> all = text ?? textSpan;
        if (settings.MaxTokenCount < int.MaxValue)
        {
            (List<int> fitting, _, int charsConsumed) = Encode(all, settings.MaxTokenCount);
            return new EncodeResults<int> { Tokens = fitting, CharsConsumed = charsConsumed };
        }
        var ids = new List<int>(all.Length / 4 + 1);
        EncodeTo(all, ids);
        return new EncodeResults<int> { Tokens = ids, CharsConsumed = all.Length };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        EncodeToIds(text, textSpan, settings).Tokens.Count;

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(
        string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        normalizedText = null;
        ReadOnlySpan<char> all = text ?? textSpan;
        (List<int> ids, List<Range> ranges, int end) = Encode(all, fromEnd ? int.MaxValue : settings.MaxTokenCount);
        if (!fromEnd)
        {
            tokenCount = ids.Count;
            return end;
        }
        RequirePositive(settings.MaxTokenCount);
        tokenCount = Math.Min(ids.Count, settings.MaxTokenCount);
        return tokenCount == ids.Count ? 0 : ranges[ids.Count - tokenCount].Start.Value;
    }

    private static bool IsContinuation(string token) => token.StartsWith("##", StringComparison.Ordinal);

    private (List<int> Ids, List<Range> Ranges, int CharsConsumed) Encode(ReadOnlySpan<char> text, int maxTokenCount)
    {
        RequirePositive(maxTokenCount);
        List<int> ids = [];
        List<Range> ranges = [];
        Encode(text, ids, ranges, maxTokenCount);
        if (ids.Count < maxTokenCount || maxTokenCount == int.MaxValue)
            return (ids, ranges, text.Length);
        ids.RemoveRange(maxTokenCount, ids.Count - maxTokenCount);
        ranges.RemoveRange(maxTokenCount, ranges.Count - maxTokenCount);
        return (ids, ranges, ranges[^1].End.Value);
    }

    private void Encode(ReadOnlySpan<char> text, List<int> ids, List<Range>? ranges, int enough)
    {
        if (!_idleEncoders.TryTake(out WordPieceEncoder? encoder))
            encoder = new WordPieceEncoder(_table);
        encoder.Encode(text, ids, ranges, enough);
        _idleEncoders.Add(encoder);
    }

    private static void Cut(List<int> one, List<int>? two, int room, PairTruncation truncation, int maxLength)
    {
        int surplus = one.Count + (two?.Count ?? 0) - room;
        int least = truncation == PairTruncation.OnlyFirst ? two?.Count ?? 0 : 0;
        if (room < least)
            throw new ArgumentException($"At most {maxLength} tokens; expected at least {maxLength - room + least}: what begins and ends the texts"
                + $"{(least > 0 ? $", and the second one's {least}, which are not cut" : "")}.", nameof(maxLength));
        for (; surplus > 0; surplus--)
        {
            List<int> cut = two is null || truncation == PairTruncation.OnlyFirst || one.Count > two.Count ? one : two;
            cut.RemoveAt(cut.Count - 1);
        }
    }

    private static void RequirePositive(int maxTokenCount)
    {
        if (maxTokenCount <= 0)
            throw new ArgumentOutOfRangeException(nameof(maxTokenCount), maxTokenCount, $"At most {maxTokenCount} tokens; expected at least 1.");
    }

    private static string Hash(string[] tokens, BertWordPieceOptions options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData("WebDistill WordPiece 1"u8);
        hash.AppendData([options.LowerCase ? (byte)1 : (byte)0, options.LeavesOutAccents ? (byte)1 : (byte)0, options.SplitChinese ? (byte)1 : (byte)0]);
        Append(options.SpecialTokens.Select(special => special.Token).ToArray());
        Append(tokens);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(string[] texts)
        {
            Span<byte> number = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(number, texts.Length);
            hash.AppendData(number);
            foreach (string text in texts)
            {
                byte[] bytes = Encoding.UTF8.GetBytes(text);
                BinaryPrimitives.WriteInt32LittleEndian(number, bytes.Length);
                hash.AppendData(number);
                hash.AppendData(bytes);
            }
        }
    }
}
