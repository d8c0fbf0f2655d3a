using System.Buffers.Binary;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>
/// The layout of a labelled file, all numbers little-endian: this header of <see cref="Bytes"/> bytes; TokenCount ids as uint16 (vocabulary up to 65536) or int32; the names of the classes
/// as a JSON list in UTF-8; for each text the index of its first token, int64; for each example its class, int32. The first three parts are padded with zeros to a multiple of 8. A text is
/// followed directly by the next: the ids that begin, separate and end texts are put in when a batch is made. Of pairs the texts of an example follow each other.
/// </summary>
internal readonly record struct LabelledFileHeader(
    int BytesPerToken, long TokenCount, long ExampleCount, int TextsPerExample, int VocabularySize, TokenRoles Roles, string TokenizerSha256, int ClassCount, int ClassNameBytes)
{
    public const int Bytes = 104;

    private const int Version = 1, NoMask = -1, HashBytes = 32;
    private const string Fix = "Prepare the data set again.";

    public const int MagicBytes = 8;

    private static ReadOnlySpan<byte> Magic => "WDLABELS"u8;

    /// <summary>Whether bytes begin as a labelled file does.</summary>
    public static bool IsOne(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic);

    public long ClassNamesOffset => Bytes + Padded(TokenCount * BytesPerToken);

    public long TextTableOffset => ClassNamesOffset + Padded(ClassNameBytes);

    public long TextCount => ExampleCount * TextsPerExample;

    public long ClassTableOffset => TextTableOffset + TextCount * sizeof(long);

    public long FileBytes => ClassTableOffset + ExampleCount * sizeof(int);

    public void Write(Span<byte> bytes)
    {
        bytes[..Bytes].Clear();
        Magic.CopyTo(bytes);
        WriteAll(bytes[8..], [Version, BytesPerToken]);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], TokenCount);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], ExampleCount);
        WriteAll(bytes[32..], [TextsPerExample, VocabularySize]);
        Convert.FromHexString(TokenizerSha256).CopyTo(bytes[40..]);
        WriteAll(bytes[72..], [ClassCount, ClassNameBytes, Roles.BeginOfText, Roles.EndOfText, Roles.Padding, Roles.Unknown, Roles.Mask ?? NoMask]);
    }

    /// <exception cref="InvalidDataException">The bytes are not the header of a file of this length.</exception>
    public static LabelledFileHeader Read(string file, ReadOnlySpan<byte> bytes, long fileBytes)
    {
        if (bytes.Length < Bytes)
            throw new InvalidDataException($"{file}: {bytes.Length} bytes; expected a labelled file of at least {Bytes}. {Fix}");
        if (!IsOne(bytes))
            throw new InvalidDataException($"{file}: does not begin with '{System.Text.Encoding.ASCII.GetString(Magic)}'; expected a labelled file. {Fix}");
        if (Integer(bytes, 8) is not Version and int version)
            throw new InvalidDataException($"{file}: labelled file version {version}; expected {Version}. {Fix}");
        int mask = Integer(bytes, 96);
        var header = new LabelledFileHeader(
            Integer(bytes, 12), BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]), Integer(bytes, 32), Integer(bytes, 36),
            new TokenRoles(Integer(bytes, 80), Integer(bytes, 84), Integer(bytes, 88), Integer(bytes, 92), mask == NoMask ? null : mask),
            Convert.ToHexStringLower(bytes.Slice(40, HashBytes)), Integer(bytes, 72), Integer(bytes, 76));
        new StoredIds(header.VocabularySize).CheckHeader(file, header.BytesPerToken, header.Roles);
        if (header.TextsPerExample is not (1 or 2))
            throw new InvalidDataException($"{file}: {header.TextsPerExample} texts per example; expected 1 or 2. {Fix}");
        if (header.ClassCount is < 2 or > LabelledClasses.Most || header.ClassNameBytes < 0)
            throw new InvalidDataException($"{file}: {header.ClassCount} classes with names of {header.ClassNameBytes} bytes; expected 2 to {LabelledClasses.Most}. {Fix}");
        // Bounded first, so that the size that they take cannot overflow.
        bool countsCanBe = (ulong)header.TokenCount <= (ulong)fileBytes && (ulong)header.ExampleCount <= (ulong)fileBytes;
        if (!countsCanBe || header.FileBytes != fileBytes)
            throw new InvalidDataException($"{file}: {fileBytes} bytes, but the header counts {header.TokenCount} tokens and {header.ExampleCount} examples; expected a file of the size that they "
                + $"take. It is truncated or damaged. {Fix}");
        return header;
    }

    private static long Padded(long bytes) => (bytes + 7) / 8 * 8;

    private static int Integer(ReadOnlySpan<byte> bytes, int position) => BinaryPrimitives.ReadInt32LittleEndian(bytes[position..]);

    private static void WriteAll(Span<byte> bytes, ReadOnlySpan<int> numbers)
    {
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(bytes[(i * sizeof(int))..], numbers[i]);
    }
}
