using System.IO.MemoryMappedFiles;

namespace WebDistill.Distillation.Files;

/// <summary>A read-only file mapped into memory: read as a span, paged in by the operating system.</summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _map;   // an empty file cannot be mapped
    private readonly MemoryMappedViewAccessor? _view;
    private byte* _start;

    /// <exception cref="PlatformNotSupportedException">The machine stores numbers big-endian; every format read here is
    /// little-endian.</exception>
    public MappedFile(string path)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Token files and weights are little-endian; expected a little-endian machine.");
        Path = path;
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        Length = stream.Length;
        if (Length == 0)
        {
            stream.Dispose();
            return;
        }
        _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        _start += _view.PointerOffset;
    }

    public string Path { get; }

    /// <summary>The file's name, for messages.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>A part of the file, valid until Dispose.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie in the file.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
            throw new ArgumentOutOfRangeException(nameof(offset), offset,
                $"{Name}: {length} bytes from {offset} on; expected a part of the file's {Length} bytes.");
        if (length == 0)
            return [];
        ObjectDisposedException.ThrowIf(_start is null, this);
        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    public void Dispose()
    {
        if (_start is not null)
            _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _start = null;
        _view?.Dispose();
        _map?.Dispose();
    }
}
