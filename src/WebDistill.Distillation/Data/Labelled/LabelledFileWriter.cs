using System.Runtime.InteropServices;
using System.Text.Json;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>Writes a labelled file example by example; it appears under its name on <see cref="Commit"/>, whole or not at all.</summary>
public sealed class LabelledFileWriter : IDisposable
{
    private readonly DurableFile _file;
    private readonly Vocabulary _vocabulary;
    private readonly bool _holdsPairs;
    private readonly int _classCount;
    private readonly byte[] _classNames;
    private readonly List<long> _textStarts = [];
    private readonly List<int> _classes = [];
    private readonly StoredIds _ids;
    private long _tokens;

    /// <param name="classes">Their names, in the order of their numbers.</param>
    /// <param name="holdsPairs">Whether each example has two texts.</param>
    /// <exception cref="ArgumentException">There are fewer than two classes, or more than <see cref="LabelledClasses.Most"/>, or the vocabulary has no id to put between two texts.</exception>
    public LabelledFileWriter(string path, Vocabulary vocabulary, IReadOnlyList<string> classes, bool holdsPairs, FileLayer files)
    {
        if (classes.Count is < 2 or > LabelledClasses.Most)
            throw new ArgumentException($"{classes.Count} classes; expected 2 to {LabelledClasses.Most}.", nameof(classes));
        if (holdsPairs && !vocabulary.Roles.BeginsDocuments)
            throw new ArgumentException("Pairs of texts with a vocabulary that has no id to put between them; expected one that has, as BERT's.", nameof(holdsPairs));
        (_vocabulary, _holdsPairs, _classCount) = (vocabulary, holdsPairs, classes.Count);
        _classNames = JsonSerializer.SerializeToUtf8Bytes(classes);
        _ids = new StoredIds(vocabulary.Size);
        _file = new DurableFile(path, files);
        try
        {
            _file.Stream.Write(stackalloc byte[LabelledFileHeader.Bytes]);
        }
        catch
        {
            // Nobody else has it yet to remove what was written.
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Examples written so far.</summary>
    public long ExampleCount => _classes.Count;

    /// <summary>Appends an example.</summary>
    /// <param name="first">The ids of its text, without those that begin and end it.</param>
    /// <param name="second">Those of the second text of a pair; empty in a file of single texts.</param>
    /// <param name="label">The number of its class.</param>
    /// <exception cref="ArgumentException">An id is not in the vocabulary, a second text stands where there is none, or there is no such class.</exception>
    public void Append(ReadOnlySpan<int> first, ReadOnlySpan<int> second, int label)
    {
        if (label < 0 || label >= _classCount)
            throw new ArgumentException($"Example {ExampleCount} is of class {label}; expected 0 to {_classCount - 1}.", nameof(label));
        if (!_holdsPairs && second.Length > 0)
            throw new ArgumentException($"Example {ExampleCount} has a second text of {second.Length} tokens; expected none in a file of single texts.", nameof(second));
        // Nothing of an example is written before all of it is known to be good.
        Check(first);
        Check(second);
        Append(first);
        if (_holdsPairs)
            Append(second);
        _classes.Add(label);
    }

    /// <summary>Makes the file appear.</summary>
    public void Commit()
    {
        var header = new LabelledFileHeader(_ids.BytesPerId, _tokens, ExampleCount, _holdsPairs ? 2 : 1, _vocabulary.Size, _vocabulary.Roles, _vocabulary.Sha256, _classCount, _classNames.Length);
        PadTo(header.ClassNamesOffset);
        _file.Stream.Write(_classNames);
        PadTo(header.TextTableOffset);
        _file.Stream.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_textStarts)));
        _file.Stream.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_classes)));
        Span<byte> bytes = stackalloc byte[LabelledFileHeader.Bytes];
        header.Write(bytes);
        _file.Stream.Position = 0;
        _file.Stream.Write(bytes);
        _file.Commit();
    }

    public void Dispose() => _file.Dispose();

    private void Check(ReadOnlySpan<int> ids)
    {
        for (int i = 0; i < ids.Length; i++)
            if (!_vocabulary.Contains(ids[i]))
                throw new ArgumentException($"Example {ExampleCount}, token {i} is {ids[i]}; expected 0 to {_vocabulary.Size - 1}.", nameof(ids));
    }

    private void Append(ReadOnlySpan<int> ids)
    {
        _textStarts.Add(_tokens);
        _tokens += ids.Length;
        _ids.Write(_file.Stream, ids);
    }

    private void PadTo(long position) => _file.Stream.Write(stackalloc byte[(int)(position - _file.Stream.Position)]);
}
