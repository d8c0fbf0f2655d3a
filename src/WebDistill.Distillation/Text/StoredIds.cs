using System.Buffers;
using System.Runtime.InteropServices;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>Ids of one vocabulary in a file: little-endian, uint16 for a vocabulary of up to 65536 ids and int32 above.</summary>
internal readonly record struct StoredIds(int VocabularySize)
{
    private const string Fix = "Prepare the data set again.";

    /// <summary>Bytes of each id.</summary>
    public int BytesPerId => VocabularySize <= ushort.MaxValue + 1 ? sizeof(ushort) : sizeof(int);

    /// <exception cref="InvalidDataException">A header says something that no file with this vocabulary can have.</exception>
    public void CheckHeader(string file, int bytesPerId, TokenRoles roles)
    {
        foreach (int id in roles.All)
        {
            if (id < 0 || id >= VocabularySize)
                throw new InvalidDataException($"{file}: vocabulary size {VocabularySize}, an id with a role of its own is {id}; expected one inside the vocabulary. {Fix}");
        }
        if (bytesPerId != BytesPerId)
            throw new InvalidDataException($"{file}: {bytesPerId} bytes per token; expected {BytesPerId} for a vocabulary of {VocabularySize}. {Fix}");
    }

    /// <summary>Writes ids, which must be in the vocabulary.</summary>
    public void Write(Stream stream, ReadOnlySpan<int> ids)
    {
        if (BytesPerId == sizeof(int))
        {
            stream.Write(MemoryMarshal.AsBytes(ids));
            return;
        }
        ushort[] narrow = ArrayPool<ushort>.Shared.Rent(ids.Length);
        for (int i = 0; i < ids.Length; i++)
            narrow[i] = (ushort)ids[i];
        stream.Write(MemoryMarshal.AsBytes(narrow.AsSpan(0, ids.Length)));
        ArrayPool<ushort>.Shared.Return(narrow);
    }

    /// <summary>Copies ids out of a file.</summary>
    /// <param name="start">Where the first id of all stands, in bytes.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="offset">Index of the first one that is wanted.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the file.</exception>
    /// <exception cref="InvalidDataException">An id is not in the vocabulary: the file is damaged.</exception>
    public void Read(MappedFile file, long start, long count, long offset, Span<int> ids)
    {
        if (offset < 0 || offset > count - ids.Length)
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{ids.Length} tokens from {offset} on; expected a part of the file's {count}.");
        ReadOnlySpan<byte> bytes = file.Span(start + offset * BytesPerId, checked(ids.Length * BytesPerId));
        if (BytesPerId == sizeof(int))
            MemoryMarshal.Cast<byte, int>(bytes).CopyTo(ids);
        else
        {
            ReadOnlySpan<ushort> narrow = MemoryMarshal.Cast<byte, ushort>(bytes);
            for (int i = 0; i < ids.Length; i++)
                ids[i] = narrow[i];
        }
        for (int i = 0; i < ids.Length; i++)
            if ((uint)ids[i] >= (uint)VocabularySize)
                throw new InvalidDataException($"{file.Name}: token {offset + i} is {ids[i]}; expected an id below the vocabulary size {VocabularySize}. {Fix}");
    }
}
