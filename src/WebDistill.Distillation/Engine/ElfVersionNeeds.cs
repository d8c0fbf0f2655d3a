using System.Buffers.Binary;
using System.Text;

namespace WebDistill.Distillation.Engine;

/// <summary>
/// The versions that a 64-bit little-endian ELF file demands of its libraries (section SHT_GNU_verneed, Linux Standard Base 5.0, part
/// "Symbol Versioning").
/// </summary>
internal static class ElfVersionNeeds
{
    private const uint SectionOfNeeds = 0x6FFFFFFE;
    private const ushort WeakFlag = 2;

    /// <summary>
    /// Makes every demand for <paramref name="version"/> a weak one, in place: a library that lacks it no longer keeps the file from being loaded.
    /// </summary>
    /// <returns>Whether there was such a demand.</returns>
    /// <exception cref="BadImageFormatException">Not such a file, or an offset in it lies outside of it.</exception>
    public static bool MakeWeak(Span<byte> file, string version)
    {
        if (file.Length < 64 || !file.StartsWith("\u007FELF"u8) || file[4] != 2 || file[5] != 1)
            throw new BadImageFormatException("Not a 64-bit little-endian ELF file.");
        ReadOnlySpan<byte> wanted = Encoding.ASCII.GetBytes(version + '\0');
        bool found = false;
        try
        {
            long table = ReadOffset(file, 0x28);
            (int size, int count) = (ReadHalf(file, 0x3A), ReadHalf(file, 0x3C));
            for (int i = 0; i < count; i++)
            {
                int section = checked((int)(table + (long)i * size));
                if (ReadWord(file, section + 4) != SectionOfNeeds)
                    continue;
                int names = SectionStart(file, table, size, (int)ReadWord(file, section + 0x28));
                found |= MakeWeak(file, SectionStart(file, table, size, i), (int)ReadWord(file, section + 0x2C), names, wanted);
            }
        }
        catch (Exception exception) when (exception is ArgumentOutOfRangeException or OverflowException)
        {
            throw new BadImageFormatException("An offset in the ELF file lies outside of it.", exception);
        }
        return found;
    }

    /// <summary>One entry for each library (Verneed), each with a list of versions (Vernaux); both are linked by distances.</summary>
    private static bool MakeWeak(Span<byte> file, int library, int libraries, int names, ReadOnlySpan<byte> wanted)
    {
        bool found = false;
        for (; libraries > 0; libraries--)
        {
            int need = Ahead(library, ReadWord(file, library + 8));
            for (int needs = ReadHalf(file, library + 2); needs > 0; needs--)
            {
                if (file[Ahead(names, ReadWord(file, need + 8))..].StartsWith(wanted))
                {
                    Span<byte> flags = file.Slice(need + 4, sizeof(ushort));
                    BinaryPrimitives.WriteUInt16LittleEndian(flags, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(flags) | WeakFlag));
                    found = true;
                }
                if (ReadWord(file, need + 12) is not (> 0 and uint toNeed))
                    break;
                need = Ahead(need, toNeed);
            }
            if (ReadWord(file, library + 12) is not (> 0 and uint toLibrary))
                break;
            library = Ahead(library, toLibrary);
        }
        return found;
    }

    // Distances have no sign: lists that only lead ahead end with the file, whatever a damaged one says of their length.
    private static int Ahead(int from, uint distance) => checked((int)(from + (long)distance));

    private static int SectionStart(ReadOnlySpan<byte> file, long table, int size, int index) =>
        checked((int)ReadOffset(file, checked((int)(table + (long)index * size + 0x18))));

    private static long ReadOffset(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadInt64LittleEndian(file.Slice(at, sizeof(long)));

    private static uint ReadWord(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt32LittleEndian(file.Slice(at, sizeof(uint)));

    private static ushort ReadHalf(ReadOnlySpan<byte> file, int at) => BinaryPrimitives.ReadUInt16LittleEndian(file.Slice(at, sizeof(ushort)));
}
