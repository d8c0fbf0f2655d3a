using System.Runtime.InteropServices;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>Where the texts of an example lie among the tokens of a file.</summary>
/// <param name="Offset">Index of the first token.</param>
/// <param name="First">Tokens of the text; of a pair those of the first.</param>
/// <param name="Second">Tokens of the second text, which follow; 0 of a single text.</param>
/// <param name="Class">The number of its class.</param>
public readonly record struct TokenExample(long Offset, int First, int Second, int Class);

/// <summary>What a run over labelled examples is to do, before anything of them is read.</summary>
/// <param name="Classes">The names of the classes, in the order of the logits.</param>
/// <param name="HoldsPairs">Whether each example has two texts.</param>
public sealed record LabelledTask(IReadOnlyList<string> Classes, bool HoldsPairs)
{
    /// <summary>Fewest tokens that an example has room in: what begins, separates and ends its texts, and a token of each.</summary>
    public int ShortestContext => HoldsPairs ? 5 : 3;
}

/// <summary>Tokenised examples with their classes, and the names of these. Memory-mapped; safe to read from several threads.</summary>
public sealed class LabelledFile : IDisposable
{
    private readonly MappedFile _file;
    private readonly LabelledFileHeader _header;

    private LabelledFile(MappedFile file, LabelledFileHeader header)
    {
        (_file, _header) = (file, header);
        Classes = ReadClasses();
    }

    /// <summary>The names of the classes, in the order of their numbers.</summary>
    public IReadOnlyList<string> Classes { get; }

    public long ExampleCount => _header.ExampleCount;

    /// <summary>What a run over it is to do.</summary>
    public LabelledTask Task => new(Classes, HoldsPairs);

    /// <summary>Whether each example has two texts.</summary>
    public bool HoldsPairs => _header.TextsPerExample == 2;

    /// <summary>Tokens of all texts, without those that begin, separate and end them.</summary>
    public long TokenCount => _header.TokenCount;

    /// <summary>Number of ids of the tokenizer; every id in the file is below it.</summary>
    public int VocabularySize => _header.VocabularySize;

    /// <summary>The ids that stand for no text but for a place in it.</summary>
    public TokenRoles Roles => _header.Roles;

    /// <summary><see cref="Vocabulary.Sha256"/> of the tokenizer that made the ids.</summary>
    public string TokenizerSha256 => _header.TokenizerSha256;

    /// <summary>Whether a file begins as a labelled one does; false where there is none.</summary>
    public static bool IsOne(string path)
    {
        if (!File.Exists(path))
            return false;
        using FileStream file = File.OpenRead(path);
        Span<byte> begins = stackalloc byte[LabelledFileHeader.MagicBytes];
        return file.ReadAtLeast(begins, begins.Length, throwOnEndOfStream: false) == begins.Length && LabelledFileHeader.IsOne(begins);
    }

    /// <summary>Opens a file and checks all of it but the ids, which are checked as they are read.</summary>
    /// <exception cref="InvalidDataException">The file is missing, truncated, damaged or of another version.</exception>
    public static LabelledFile Open(string path)
    {
        if (!File.Exists(path))
            throw new InvalidDataException($"{Path.GetFileName(path)} is missing; expected a labelled file. Prepare the data set again.");
        var mapped = new MappedFile(path);
        try
        {
            var file = new LabelledFile(mapped, LabelledFileHeader.Read(mapped.Name, mapped.Span(0, (int)Math.Min(mapped.Length, LabelledFileHeader.Bytes)), mapped.Length));
            file.CheckExamples();
            return file;
        }
        catch
        {
            mapped.Dispose();
            throw;
        }
    }

    /// <summary>An example.</summary>
    /// <param name="index">0 to ExampleCount - 1, in the order of the file that it was made of.</param>
    public TokenExample Example(long index)
    {
        if (index < 0 || index >= ExampleCount)
            throw new ArgumentOutOfRangeException(nameof(index), index, $"Example {index}; expected 0 to {ExampleCount - 1}.");
        long text = index * _header.TextsPerExample, start = TextStart(text), middle = TextStart(text + 1), end = TextStart(text + _header.TextsPerExample);
        return new TokenExample(start, (int)(middle - start), (int)(end - middle), ClassOf(index));
    }

    /// <summary>Examples of each class.</summary>
    public IReadOnlyList<long> CountClasses()
    {
        var counts = new long[Classes.Count];
        for (long example = 0; example < ExampleCount; example++)
            counts[ClassOf(example)]++;
        return counts;
    }

    /// <summary>Copies ids.</summary>
    /// <param name="offset">Index of the first token.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the file.</exception>
    /// <exception cref="InvalidDataException">An id is not in the vocabulary: the file is damaged.</exception>
    public void Read(long offset, Span<int> ids) => new StoredIds(VocabularySize).Read(_file, LabelledFileHeader.Bytes, TokenCount, offset, ids);

    public void Dispose() => _file.Dispose();

    private long TextStart(long text) => text == _header.TextCount ? TokenCount
        : MemoryMarshal.Read<long>(_file.Span(_header.TextTableOffset + text * sizeof(long), sizeof(long)));

    private int ClassOf(long example) => MemoryMarshal.Read<int>(_file.Span(_header.ClassTableOffset + example * sizeof(int), sizeof(int)));

    private string[] ReadClasses()
    {
        string[]? names;
        try
        {
            names = JsonSerializer.Deserialize<string[]>(_file.Span(_header.ClassNamesOffset, _header.ClassNameBytes));
        }
        catch (JsonException problem)
        {
            throw new InvalidDataException($"{_file.Name}: the names of the classes cannot be read ({problem.Message}). Prepare the data set again.", problem);
        }
        return names?.Length == _header.ClassCount && names.All(name => name is not null) ? names
            : throw new InvalidDataException($"{_file.Name}: {names?.Length ?? 0} names of classes; expected {_header.ClassCount}. Prepare the data set again.");
    }

    private void CheckExamples()
    {
        if (ExampleCount == 0)
            throw new InvalidDataException($"{_file.Name}: no example; expected at least one. Prepare the data set again.");
        if (TextStart(0) != 0)
            throw new InvalidDataException($"{_file.Name}: the first text begins at token {TextStart(0)}; expected 0. Prepare the data set again.");
        for (long text = 0; text < _header.TextCount; text++)
        {
            if (TextStart(text + 1) - TextStart(text) is (< 0 or > int.MaxValue) and long length)
                throw new InvalidDataException($"{_file.Name}: text {text} has {length} tokens; expected 0 to {int.MaxValue}. The table of texts is damaged: prepare the data set again.");
        }
        for (long example = 0; example < ExampleCount; example++)
        {
            if ((uint)ClassOf(example) >= (uint)Classes.Count)
                throw new InvalidDataException($"{_file.Name}: example {example} is of class {ClassOf(example)}; expected 0 to {Classes.Count - 1}. Prepare the data set again.");
        }
    }
}
