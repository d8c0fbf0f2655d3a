using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>vocab.json and merges.txt: how GPT-2 and Hugging Face keep a byte-level vocabulary on disk.</summary>
internal static class Gpt2VocabularyFiles
{
    private const string VocabularyFileName = "vocab.json";
    private const string MergesFileName = "merges.txt";

    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Reads both files of a folder.</summary>
    /// <exception cref="InvalidDataException">A file is missing or malformed; the message names the file, the place and what was
    /// expected.</exception>
    public static (byte[][] Tokens, Merge[] Merges, int EndOfTextId) Read(string folder)
    {
        string vocabularyPath = RequireFile(folder, VocabularyFileName);
        string mergesPath = RequireFile(folder, MergesFileName);
        Dictionary<string, int> idOfToken = ReadVocabulary(vocabularyPath, out byte[][] tokens);
        if (!idOfToken.TryGetValue(Gpt2Tokenizer.EndOfText, out int endOfTextId))
            throw new InvalidDataException($"{VocabularyFileName}: the token {Gpt2Tokenizer.EndOfText} is missing; expected it beside the other "
                + $"{tokens.Length} tokens, as in GPT-2's vocabulary.");
        return (tokens, ReadMerges(mergesPath, idOfToken), endOfTextId);
    }

    /// <summary>Writes both files into a folder, which is made if need be.</summary>
    public static void Write(string folder, Vocabulary vocabulary, IReadOnlyList<Merge> merges, FileLayer files)
    {
        files.CreateFolder(folder);
        DurableFile.Write(Path.Combine(folder, VocabularyFileName), stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            json.WriteStartObject();
            for (int id = 0; id < vocabulary.Size; id++)
                json.WriteNumber(Symbols(id), id);
            json.WriteEndObject();
        }, files);
        DurableFile.Write(Path.Combine(folder, MergesFileName), stream =>
        {
            using var text = new StreamWriter(stream, s_utf8, leaveOpen: true) { NewLine = "\n" };
            text.WriteLine("#version: 0.2");
            foreach (Merge merge in merges)
                text.WriteLine($"{Symbols(merge.Left)} {Symbols(merge.Right)}");
        }, files);

        string Symbols(int id) => ByteAlphabet.ToSymbols(vocabulary.TokenBytes(id).Span);
    }

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
            using JsonDocument document = JsonDocument.Parse(Utf8Text.WithoutMark(File.ReadAllBytes(path)));
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
}
