using WebDistill.Distillation.Files;
namespace WebDistill.Distillation.Text;

/// <summary>Reads a corpus file in chunks that begin and end between two documents, and refuses what is not UTF-8 text.</summary>
internal sealed class CorpusChunkReader : IDisposable
{
    private const int ChunkBytes = 1 << 20;

    private readonly FileStream _stream;
    private readonly string _name;
    private readonly CorpusFormat _format;
    private byte[] _buffer = new byte[ChunkBytes];
    private int _count;
    private long _offset;
    private long _line = 1;
    private bool _atEnd;

    /// <exception cref="InvalidDataException">The file is missing, empty or UTF-16.</exception>
    public CorpusChunkReader(string path, CorpusFormat format)
    {
        if (!File.Exists(path))
            throw new InvalidDataException($"{Path.GetFileName(path)} is missing; expected a corpus file.");
        _name = Path.GetFileName(path);
        _format = format;
        _stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        if (_stream.Length == 0)
            throw Refuse("0 bytes; expected text. Choose another file.");
        Fill();
        ReadOnlySpan<byte> start = _buffer.AsSpan(0, _count);
        if (Utf8Text.BeginsAsUtf16(start))
            throw Refuse("begins with a UTF-16 byte-order mark; expected UTF-8. Save the file as UTF-8.");
        if (start.StartsWith(Utf8Text.Mark))
            Consume(Utf8Text.Mark.Length);
    }

    /// <summary>Size of the file, bytes.</summary>
    public long Length => _stream.Length;

    /// <summary>The next chunk, not yet checked by <see cref="Check"/>; null at the end of the file.</summary>
    /// <exception cref="InvalidDataException">One document is larger than an array can be.</exception>
    public CorpusChunk? Next()
    {
        while (true)
        {
            Fill();
            if (_count == 0)
                return null;
            int complete = _atEnd ? _count : _format.CompletePrefix(_buffer.AsSpan(0, _count));
            if (complete > 0)
                return Take(complete);
            if (_buffer.Length > Array.MaxLength / 2)
                throw Refuse($"more than {_buffer.Length} bytes from byte {_offset} on without an end of the document; expected smaller "
                    + "documents. Another format may fit the file better.");
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }
    }

    /// <summary>Refuses bytes that are not text; done apart from reading, so that several threads share the work.</summary>
    /// <exception cref="InvalidDataException">Invalid UTF-8 or a NUL; the message names the byte offset.</exception>
    public static void Check(CorpusChunk chunk)
    {
        ReadOnlySpan<byte> bytes = chunk.Bytes.Span;
        int nul = bytes.IndexOf((byte)0);
        if (nul >= 0)
            throw new InvalidDataException($"{chunk.FileName}: byte {chunk.ByteOffset + nul} is 0; expected UTF-8 text without NUL. The "
                + "file is binary, or UTF-16 without a byte-order mark: save it as UTF-8.");
        if (Utf8Text.FirstInvalid(bytes) is not int position)
            return;
        throw new InvalidDataException($"{chunk.FileName}: byte {chunk.ByteOffset + position} is 0x{bytes[position]:X2}, which is not "
            + "valid UTF-8; expected UTF-8 text. Convert the file to UTF-8.");
    }

    public void Dispose() => _stream.Dispose();

    private CorpusChunk Take(int length)
    {
        byte[] bytes = _buffer.AsSpan(0, length).ToArray();
        var chunk = new CorpusChunk(_name, bytes, _offset, _line);
        _line += bytes.AsSpan().Count((byte)'\n');
        Consume(length);
        return chunk;
    }

    private void Consume(int length)
    {
        _offset += length;
        _count -= length;
        _buffer.AsSpan(length, _count).CopyTo(_buffer);
    }

    private void Fill()
    {
        while (!_atEnd && _count < _buffer.Length)
        {
            int read = _stream.Read(_buffer, _count, _buffer.Length - _count);
            _atEnd = read == 0;
            _count += read;
        }
    }

    private InvalidDataException Refuse(string problem)
    {
        _stream.Dispose();
        return new InvalidDataException($"{_name}: {problem}");
    }
}
