using System.Text;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>vocab.txt: one token a line, its id the number of the line from 0 on.</summary>
internal static class WordPieceFiles
{
    public const string VocabularyFileName = "vocab.txt";

    /// <summary>Reads the tokens of a folder.</summary>
    /// <exception cref="InvalidDataException">The file is missing or malformed; says where and what was expected.</exception>
    public static string[] Read(string folder)
    {
        var file = new FileInfo(Path.Combine(folder, VocabularyFileName));
        if (!file.Exists)
            throw new InvalidDataException($"{VocabularyFileName} is missing; expected it in the folder, as in a Hugging Face BERT folder.");
        if (file.Length > FileLimits.VocabularyBytes)
            throw new InvalidDataException($"{VocabularyFileName}: {file.Length} bytes; expected at most {FileLimits.VocabularyBytes}. It is not the vocabulary of a "
                + "tokenizer.");
        byte[] bytes = File.ReadAllBytes(file.FullName);
        if (Utf8Text.BeginsAsUtf16(bytes))
            throw new InvalidDataException($"{VocabularyFileName}: begins with a UTF-16 byte-order mark; expected UTF-8. Save the file as UTF-8.");
        ReadOnlyMemory<byte> text = Utf8Text.WithoutMark(bytes);
        if (Utf8Text.FirstInvalid(text.Span) is int position)
            throw new InvalidDataException($"{VocabularyFileName}: byte {bytes.Length - text.Length + position} is 0x{text.Span[position]:X2}, which is not valid UTF-8; expected UTF-8 "
                + "text. Convert the file to UTF-8.");
        if (text.Length == 0)
            throw new InvalidDataException($"{VocabularyFileName}: 0 tokens; expected one a line. Download the file again.");
        string[] lines = Encoding.UTF8.GetString(text.Span).Split('\n');
        // The last line ends like the others, or does not.
        if (lines[^1].Length == 0)
            lines = lines[..^1];
        if (lines.Length > FileLimits.VocabularyTokens)
            throw new InvalidDataException($"{VocabularyFileName}: {lines.Length} tokens; expected at most {FileLimits.VocabularyTokens}.");
        var lineOf = new Dictionary<string, int>(lines.Length, StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            lines[i] = lines[i].TrimEnd('\r');
            if (lines[i].Length == 0)
                throw new InvalidDataException($"{VocabularyFileName}, line {i + 1}: it is empty; expected a token on every line, whose id is its number. Download the file again.");
            if (!lineOf.TryAdd(lines[i], i))
                throw new InvalidDataException($"{VocabularyFileName}, line {i + 1}: the token '{ForeignText.Quote(lines[i])}' stands in line {lineOf[lines[i]] + 1} already; expected every "
                    + "token once. Download the file again.");
        }
        return lines;
    }

    /// <summary>Writes the tokens into a folder, which is made if need be.</summary>
    public static void Write(string folder, IReadOnlyList<string> tokens, FileLayer files)
    {
        files.CreateFolder(folder);
        DurableFile.Write(Path.Combine(folder, VocabularyFileName), stream =>
        {
            using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
            foreach (string token in tokens)
                text.WriteLine(token);
        }, files);
    }
}
