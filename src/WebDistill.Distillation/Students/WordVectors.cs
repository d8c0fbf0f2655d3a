using System.Buffers.Text;
using System.Globalization;
using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Recurrent;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Students;

/// <summary>What a file of word vectors brought to a model.</summary>
/// <param name="Words">Vectors in the file.</param>
/// <param name="Found">Tokens of the vocabulary that got one.</param>
public sealed record WordVectorsRead(long Words, int Found);

/// <summary>
/// Word vectors out of a text file, as GloVe and word2vec write it: a word and its numbers on each line, between spaces, perhaps below a line with the number of words and that of numbers.
/// </summary>
/// <remarks>
/// A token gets the vector of the word that it writes when it begins one: "cat" is that of GPT-2's " cat" and of WordPiece's "cat", and "##s" gets none. Words are compared as they stand,
/// in exact case. Of a word that stands there twice the first counts. The file is read once, in pieces, whatever its size.
/// </remarks>
public static class WordVectors
{
    /// <summary>Replaces the embeddings of the tokens that the file has a vector of; the others stay as they were drawn.</summary>
    /// <param name="model">A BiLSTM whose embeddings have as many numbers as the vectors.</param>
    /// <param name="vocabulary">That of the model.</param>
    /// <exception cref="ArgumentException">The model is none that has word vectors, or the vocabulary is not its own.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is missing or not UTF-8, a line has too few or other numbers, or no token has a vector in it; says the line, what stands there, what was expected and the fix.
    /// </exception>
    public static WordVectorsRead ReadInto(TextModel model, string path, Vocabulary vocabulary)
    {
        if (model is not BiLstm lstm)
            throw new ArgumentException($"Word vectors are to be read into a {model.Architecture.Family.Title}; expected a {BiLstmFamily.Instance.Title}, whose tokens are words alone.", nameof(model));
        if (vocabulary.Size != model.Architecture.VocabularySize)
            throw new ArgumentException($"The vocabulary has {vocabulary.Size} tokens and the model {model.Architecture.VocabularySize}; expected as many. Choose the model's own.", nameof(vocabulary));
        int width = (int)lstm.Words.shape[1];
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < vocabulary.Size; id++)
        {
            if (vocabulary.TokenText(id) is [' ', .. { Length: > 0 } word])
                known.TryAdd(word, id);
        }
        float[] embeddings = ParameterData.ToArray(lstm.Words);
        HashSet<int> found = [];
        long words = 0;
        foreach ((string word, float[] vector) in Read(path, width, known.ContainsKey))
        {
            words++;
            if (known.TryGetValue(word, out int id) && found.Add(id))
                vector.CopyTo(embeddings, id * width);
        }
        if (found.Count == 0)
            throw new InvalidDataException($"{Path.GetFileName(path)}: none of its {words} words is among the {known.Count} tokens that begin a word; expected some. Choose vectors of the language and the case of "
                + "the vocabulary.");
        ParameterData.Write(lstm.Words, embeddings.CopyTo);
        return new WordVectorsRead(words, found.Count);
    }

    /// <summary>Every word of the file; the numbers of those alone that are wanted, else none.</summary>
    private static IEnumerable<(string Word, float[] Vector)> Read(string path, int width, Func<string, bool> isWanted)
    {
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
            throw new InvalidDataException($"{name} is missing; expected a text file of word vectors. Choose it again.");
        using var reader = new CorpusChunkReader(path, TextLinesCorpus.Format);
        bool isFirst = true;
        while (reader.Next() is { } chunk)
        {
            CorpusChunkReader.Check(chunk);
            long number = chunk.FirstLine - 1;
            foreach (ReadOnlyMemory<byte> line in Lines(chunk))
            {
                number++;
                ReadOnlySpan<byte> content = line.Span.TrimEnd((byte)' ');
                if (content.IsEmpty || number == 1 && IsHeader(content, name, width))
                    continue;
                int start = Numbers(content, width, isFirst, name, number);
                isFirst = false;
                string word = Encoding.UTF8.GetString(content[..start]);
                yield return (word, isWanted(word) ? Parse(content[(start + 1)..], width, name, number) : []);
            }
        }
    }

    private static List<ReadOnlyMemory<byte>> Lines(CorpusChunk chunk)
    {
        List<ReadOnlyMemory<byte>> found = [];
        var lines = new LineScanner(chunk.Bytes.Span);
        while (lines.TryNext(out Line line))
            found.Add(chunk.Bytes.Slice(line.Offset, line.Length));
        return found;
    }

    /// <summary>Whether the first line is word2vec's: the number of words and that of numbers.</summary>
    private static bool IsHeader(ReadOnlySpan<byte> line, string file, int width)
    {
        int space = line.IndexOf((byte)' ');
        if (space < 0 || !IsWhole(line[..space], out _) || !IsWhole(line[(space + 1)..], out long numbers))
            return false;
        // Of vectors of one number it could be a word like any other.
        return numbers == width ? width > 1 : width == 1 ? false
            : throw new InvalidDataException($"{file}, line 1: vectors of {numbers} numbers; expected {width}, as the model's embeddings have. Choose other vectors, or embeddings of {numbers}.");

        static bool IsWhole(ReadOnlySpan<byte> text, out long number) => Utf8Parser.TryParse(text, out number, out int length) && length == text.Length && number > 0;
    }

    /// <summary>Where the space before the numbers of a line stands. A word may hold spaces itself, but the first one tells how many numbers there are.</summary>
    private static int Numbers(ReadOnlySpan<byte> line, int width, bool isFirst, string file, long number)
    {
        int spaces = line.Count((byte)' ');
        if (spaces < width || isFirst && spaces > width)
            throw new InvalidDataException($"{file}, line {number}: {spaces} numbers behind '{ForeignText.Quote(Encoding.UTF8.GetString(line[..Math.Max(0, line.IndexOf((byte)' '))]))}'; expected {width}, as the model's "
                + $"embeddings have. {(isFirst ? "Choose other vectors, or embeddings of that width" : "The line is damaged, or cut short: take the file from its source again")}.");
        int start = line.Length;
        for (int i = 0; i < width; i++)
            start = line[..start].LastIndexOf((byte)' ');
        return start;
    }

    private static float[] Parse(ReadOnlySpan<byte> numbers, int width, string file, long line)
    {
        var vector = new float[width];
        for (int i = 0; i < width; i++)
        {
            int end = numbers.IndexOf((byte)' ');
            ReadOnlySpan<byte> one = end < 0 ? numbers : numbers[..end];
            if (!float.TryParse(one, NumberStyles.Float, CultureInfo.InvariantCulture, out vector[i]) || !float.IsFinite(vector[i]))
                throw new InvalidDataException($"{file}, line {line}: number {i + 1} is '{ForeignText.Quote(Encoding.UTF8.GetString(one))}'; expected a finite number. The line is damaged: take the file from its source again.");
            numbers = end < 0 ? [] : numbers[(end + 1)..];
        }
        return vector;
    }
}
