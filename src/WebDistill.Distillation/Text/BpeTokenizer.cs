using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace WebDistill.Distillation.Text;

/// <summary>
/// Byte-level byte-pair encoding exactly as GPT-2 does it (Radford et al. 2019; openai/gpt-2, src/encoder.py). Any text can be encoded and
/// comes back unchanged, except that lone surrogates become U+FFFD. Immutable and thread-safe.
/// </summary>
public sealed class BpeTokenizer
{
    /// <summary>The one special token: it ends and separates documents.</summary>
    public const string EndOfText = "<|endoftext|>";

    /// <summary>The smallest vocabulary: 256 bytes and the end-of-text token.</summary>
    public const int MinVocabularySize = 257;

    private const string VocabularyFileName = "vocab.json";
    private const string MergesFileName = "merges.txt";

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    private readonly byte[][] _tokens;
    private readonly Merge[] _merges;
    private readonly MergeTable _mergeTable;
    private readonly int[] _idOfByte = new int[256];
    private readonly ConcurrentBag<BpeEncoder> _idleEncoders = [];

    internal BpeTokenizer(byte[][] tokens, Merge[] merges, int endOfTextId)
    {
        _tokens = tokens;
        _merges = merges;
        _mergeTable = new MergeTable(merges);
        EndOfTextId = endOfTextId;
        for (int id = 0; id < tokens.Length; id++)
            if (tokens[id].Length == 1)
                _idOfByte[tokens[id][0]] = id;
        Sha256 = Hash();
    }

    /// <summary>Number of ids; they are 0 to VocabularySize - 1.</summary>
    public int VocabularySize => _tokens.Length;

    /// <summary>Id of <see cref="EndOfText"/>.</summary>
    public int EndOfTextId { get; }

    /// <summary>SHA-256, in lower-case hex, of the tokens' bytes in order of id, the merges in order of rank and the end-of-text id:
    /// independent of how the files are formatted; two tokenizers with the same hash encode every text alike.</summary>
    public string Sha256 { get; }

    /// <summary>Reads vocab.json and merges.txt from a folder.</summary>
    /// <exception cref="InvalidDataException">A file is missing or malformed; the message names the file, the place and what was
    /// expected.</exception>
    public static BpeTokenizer Load(string folder)
    {
        string vocabularyPath = RequireFile(folder, VocabularyFileName);
        string mergesPath = RequireFile(folder, MergesFileName);
        Dictionary<string, int> idOfToken = ReadVocabulary(vocabularyPath, out byte[][] tokens);
        if (!idOfToken.TryGetValue(EndOfText, out int endOfTextId))
            throw new InvalidDataException($"{VocabularyFileName}: the token {EndOfText} is missing; expected it beside the other "
                + $"{tokens.Length} tokens, as in GPT-2's vocabulary.");
        return new BpeTokenizer(tokens, ReadMerges(mergesPath, idOfToken), endOfTextId);
    }

    /// <summary>Learns a vocabulary: the 256 bytes, the merges of the most frequent neighbours, and <see cref="EndOfText"/> as the last
    /// id.</summary>
    /// <param name="vocabularySize">Ids in all, at least <see cref="MinVocabularySize"/>.</param>
    /// <param name="progress">Share of the merges that are learnt, 0 to 1; stays 0 while the documents are counted.</param>
    /// <exception cref="InvalidDataException">The documents are too small or too uniform for that many merges.</exception>
    public static BpeTokenizer Train(
        IEnumerable<string> documents, int vocabularySize, IProgress<double>? progress = null, CancellationToken cancel = default) =>
        BpeTrainer.Train(documents, vocabularySize, progress, cancel);

    /// <summary>Writes vocab.json and merges.txt, which <see cref="Load"/> and Hugging Face's tokenizers read.</summary>
    public void Save(string folder, FileLayer files)
    {
        files.CreateFolder(folder);
        DurableFile.Write(Path.Combine(folder, VocabularyFileName), stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            json.WriteStartObject();
            for (int id = 0; id < _tokens.Length; id++)
                json.WriteNumber(ByteAlphabet.ToSymbols(_tokens[id]), id);
            json.WriteEndObject();
        }, files);
        DurableFile.Write(Path.Combine(folder, MergesFileName), stream =>
        {
            using var text = new StreamWriter(stream, s_utf8, leaveOpen: true) { NewLine = "\n" };
            text.WriteLine("#version: 0.2");
            foreach (Merge merge in _merges)
                text.WriteLine($"{ByteAlphabet.ToSymbols(_tokens[merge.Left])} {ByteAlphabet.ToSymbols(_tokens[merge.Right])}");
        }, files);
    }

    /// <summary>The ids of a text.</summary>
    /// <param name="considerSpecialTokens">Whether "&lt;|endoftext|&gt;" in the text becomes <see cref="EndOfTextId"/>; otherwise it is
    /// ordinary text.</param>
    public IReadOnlyList<int> EncodeToIds(string text, bool considerSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 1);
        ReadOnlySpan<char> rest = text;
        while (considerSpecialTokens && rest.IndexOf(EndOfText) is var found and >= 0)
        {
            EncodeTo(rest[..found], ids);
            ids.Add(EndOfTextId);
            rest = rest[(found + EndOfText.Length)..];
        }
        EncodeTo(rest, ids);
        return ids;
    }

    /// <summary>Encoders that wait for work: as many as ever worked at the same time.</summary>
    internal int IdleEncoderCount => _idleEncoders.Count;

    /// <summary>Appends the ids of a text, special tokens being ordinary text: the fast path.</summary>
    public void EncodeTo(ReadOnlySpan<char> text, List<int> ids)
    {
        if (!_idleEncoders.TryTake(out BpeEncoder? encoder))
            encoder = new BpeEncoder(_mergeTable, _idOfByte);
        encoder.Encode(text, ids);
        _idleEncoders.Add(encoder);
    }

    /// <summary>Number of ids of a text, special tokens being ordinary text.</summary>
    public int CountTokens(string text) => EncodeToIds(text).Count;

    /// <summary>The text of ids. Bytes that are not UTF-8 become U+FFFD, one per maximal ill-formed part, as with Python's
    /// errors='replace'.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public string Decode(IEnumerable<int> ids)
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (int id in ids)
            bytes.Write(TokenBytes(id).Span);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>The bytes that an id stands for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public ReadOnlyMemory<byte> TokenBytes(int id)
    {
        if ((uint)id >= (uint)_tokens.Length)
            throw new ArgumentOutOfRangeException(nameof(id), id, $"Id {id} is not in the vocabulary; expected 0 to {_tokens.Length - 1}.");
        return _tokens[id];
    }

    /// <summary>One token decoded alone, for display: parts of a character show as U+FFFD.</summary>
    public string TokenText(int id) => Encoding.UTF8.GetString(TokenBytes(id).Span);

    private static string RequireFile(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new InvalidDataException($"{name} is missing; expected {VocabularyFileName} and {MergesFileName} side by side, as "
                + "in a Hugging Face GPT-2 folder.");
        return file.Length <= FileLimits.VocabularyBytes ? path : throw new InvalidDataException(
            $"{name}: {file.Length} bytes; expected at most {FileLimits.VocabularyBytes}. It is not the vocabulary of a tokenizer.");
    }

    private static Dictionary<string, int> ReadVocabulary(string path, out byte[][] tokens)
    {
        var idOfToken = new Dictionary<string, int>(StringComparer.Ordinal);
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"{VocabularyFileName}: the root is {document.RootElement.ValueKind}; expected an object of token: id.");
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetInt32(out int id) || id < 0)
                    throw new InvalidDataException($"{VocabularyFileName}: token {Quote(property.Name)} has the id {ForeignText.Quote(property.Value.GetRawText())}; "
                        + "expected a whole number from 0 on.");
                if (!idOfToken.TryAdd(property.Name, id))
                    throw new InvalidDataException($"{VocabularyFileName}: token {Quote(property.Name)} occurs twice; expected every token once.");
                if (idOfToken.Count > FileLimits.VocabularyTokens)
                    throw new InvalidDataException($"{VocabularyFileName}: more than {FileLimits.VocabularyTokens} tokens, which is the "
                        + "limit.");
            }
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{VocabularyFileName}, line {problem.LineNumber + 1}: not valid JSON ({problem.Message}); expected an "
                + "object of token: id.", problem);
        }
        catch (InvalidOperationException problem)   // a lone surrogate or invalid UTF-8
        {
            throw new InvalidDataException($"{VocabularyFileName}: a token is not valid text ({problem.Message}); expected only GPT-2's 256 "
                + "stand-ins for bytes.", problem);
        }

        tokens = new byte[idOfToken.Count][];
        foreach ((string token, int id) in idOfToken)
        {
            if (id >= tokens.Length)
                throw new InvalidDataException($"{VocabularyFileName}: token {Quote(token)} has the id {id}; expected ids 0 to {tokens.Length - 1} "
                    + $"without a gap, there being {tokens.Length} tokens.");
            if (tokens[id] is not null)
                throw new InvalidDataException($"{VocabularyFileName}: tokens {Quote(ByteAlphabet.ToSymbols(tokens[id]))} and {Quote(token)} have the "
                    + $"same id {id}; expected every id once.");
            tokens[id] = ToBytes(token, id);
        }
        for (int value = 0; value < 256; value++)
            if (!idOfToken.ContainsKey(ByteAlphabet.ToCharacter((byte)value).ToString()))
                throw new InvalidDataException(
                    $"{VocabularyFileName}: the byte {value} (written {Quote(ByteAlphabet.ToCharacter((byte)value).ToString())}) has no token; "
                        + "expected all 256 single bytes of a byte-level vocabulary.");
        return idOfToken;
    }

    private static byte[] ToBytes(string token, int id)
    {
        if (token.Length == 0)
            throw new InvalidDataException($"{VocabularyFileName}: id {id} has an empty token; expected at least one byte.");
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            int value = ByteAlphabet.ToByte(token[i]);
            if (value < 0)
                throw new InvalidDataException(
                    $"{VocabularyFileName}: token {Quote(token)} (id {id}) contains U+{(int)token[i]:X4}; expected only GPT-2's 256 stand-ins for "
                        + "bytes (a space is written Ġ). Is this a byte-level vocabulary?");
            bytes[i] = (byte)value;
        }
        return bytes;
    }

    private static Merge[] ReadMerges(string path, Dictionary<string, int> idOfToken)
    {
        string[] lines = File.ReadAllText(path).Split('\n');
        var merges = new List<Merge>(lines.Length);
        var known = new HashSet<(int, int)>();
        var made = new HashSet<int>();
        for (int value = 0; value < 256; value++)
            made.Add(idOfToken[ByteAlphabet.ToCharacter((byte)value).ToString()]);

        for (int index = 0; index < lines.Length; index++)
        {
            string line = lines[index].TrimEnd('\r');
            if (index == 0 && line.StartsWith("#version", StringComparison.Ordinal) || line.Length == 0 && index == lines.Length - 1)
                continue;
            string place = $"{MergesFileName}, line {index + 1}: {Quote(line)}";
            int space = line.IndexOf(' ');
            if (space <= 0 || space == line.Length - 1 || line.IndexOf(' ', space + 1) >= 0)
                throw new InvalidDataException($"{place} is not a merge; expected two tokens with one space between them.");
            int left = MergePart(place, line[..space], idOfToken, made);
            int right = MergePart(place, line[(space + 1)..], idOfToken, made);
            string joined = string.Concat(line.AsSpan(0, space), line.AsSpan(space + 1));
            if (!idOfToken.TryGetValue(joined, out int id))
                throw new InvalidDataException($"{place} makes {Quote(joined)}, which {VocabularyFileName} does not contain; expected "
                    + "files of one tokenizer.");
            if (!known.Add((left, right)))
                throw new InvalidDataException($"{place} occurs twice; expected every merge once.");
            made.Add(id);
            merges.Add(new Merge(left, right, id));
        }
        return [.. merges];
    }

    private static int MergePart(string place, string part, Dictionary<string, int> idOfToken, HashSet<int> made)
    {
        if (!idOfToken.TryGetValue(part, out int id))
            throw new InvalidDataException($"{place} uses {Quote(part)}, which {VocabularyFileName} does not contain; expected files of "
                + "one tokenizer.");
        if (!made.Contains(id))
            throw new InvalidDataException($"{place} uses {Quote(part)} before any line makes it; expected the lines in the order in "
                + "which they were learnt.");
        return id;
    }

    private static string Quote(string text) => $"'{ForeignText.Quote(text)}'";

    private string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[4];
        hash.AppendData("WebDistill BPE 1"u8);
        Append(hash, number, _tokens.Length);
        foreach (byte[] token in _tokens)
        {
            Append(hash, number, token.Length);
            hash.AppendData(token);
        }
        Append(hash, number, _merges.Length);
        foreach (Merge merge in _merges)
        {
            Append(hash, number, merge.Left);
            Append(hash, number, merge.Right);
            Append(hash, number, merge.Id);
        }
        Append(hash, number, EndOfTextId);
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        static void Append(IncrementalHash hash, Span<byte> number, int value)
        {
            BinaryPrimitives.WriteInt32LittleEndian(number, value);
            hash.AppendData(number);
        }
    }
}
