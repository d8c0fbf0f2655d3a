using System.Buffers.Binary;

namespace WebDistill.Distillation.Text;

/// <summary>
/// The layout of a token file, all numbers little-endian: this header of <see cref="Size"/> bytes; TokenCount ids as uint16 (vocabulary up
/// to 65536) or int32, padded with zeros to a multiple of 8; then DocumentCount int64, the index of each document's first token. Every
/// document is followed by one end-of-text id, which TokenCount includes. Byte <see cref="EndOfTextByte"/> is 1 where no document holds that id
/// inside; early versions wrote 0 there, which says nothing. Version 1 has <see cref="LeastBytes"/> bytes and one id for every role, as GPT-2; version 2 goes on
/// with the ids that begin a document, pad, are unknown and are the mask (-1 for none), int32 each.
/// </summary>
internal readonly record struct TokenFileHeader(
    int BytesPerToken, long TokenCount, long DocumentCount, int VocabularySize, TokenRoles Roles, string TokenizerSha256,
    bool EndOfTextOnlyAfterDocuments)
{
    public const int LeastBytes = 80;
    public const int MostBytes = LeastBytes + 4 * sizeof(int);

    private const int SingleRoleVersion = 1, RolesVersion = 2, NoMask = -1;
    private const int HashBytes = 32;
    private const int EndOfTextByte = 40 + HashBytes;

    private static ReadOnlySpan<byte> Magic => "WDTOKENS"u8;

    public int Size => SizeFor(Roles);

    public long DocumentTableOffset => Size + (TokenCount * BytesPerToken + 7) / 8 * 8;

    public long FileBytes => DocumentTableOffset + DocumentCount * sizeof(long);

    public static int SizeFor(TokenRoles roles) => IsSingle(roles) ? LeastBytes : MostBytes;

    public void Write(Span<byte> bytes)
    {
        bytes[..Size].Clear();
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[8..], IsSingle(Roles) ? SingleRoleVersion : RolesVersion);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[12..], BytesPerToken);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], TokenCount);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], DocumentCount);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[32..], VocabularySize);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[36..], Roles.EndOfText);
        Convert.FromHexString(TokenizerSha256).CopyTo(bytes[40..]);
        bytes[EndOfTextByte] = EndOfTextOnlyAfterDocuments ? (byte)1 : (byte)0;
        if (IsSingle(Roles))
            return;
        BinaryPrimitives.WriteInt32LittleEndian(bytes[80..], Roles.BeginOfText);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[84..], Roles.Padding);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[88..], Roles.Unknown);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[92..], Roles.Mask ?? NoMask);
    }

    private static bool IsSingle(TokenRoles roles) => roles == TokenRoles.Single(roles.EndOfText);

    /// <exception cref="InvalidDataException">The bytes are not the header of a file of this length.</exception>
    public static TokenFileHeader Read(string file, ReadOnlySpan<byte> bytes, long fileBytes)
    {
        const string fix = "Prepare the data set again.";
        if (bytes.Length < LeastBytes)
            throw new InvalidDataException($"{file}: {bytes.Length} bytes; expected a token file of at least {LeastBytes}. {fix}");
        if (!bytes.StartsWith(Magic))
            throw new InvalidDataException($"{file}: does not begin with '{System.Text.Encoding.ASCII.GetString(Magic)}'; expected a "
                + $"token file. {fix}");
        int version = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        if (version is not (SingleRoleVersion or RolesVersion))
            throw new InvalidDataException($"{file}: token file version {version}; expected {SingleRoleVersion} or {RolesVersion}. {fix}");
        if (version == RolesVersion && bytes.Length < MostBytes)
            throw new InvalidDataException($"{file}: {bytes.Length} bytes; expected a token file of at least {MostBytes}. {fix}");
        int end = BinaryPrimitives.ReadInt32LittleEndian(bytes[36..]);
        TokenRoles roles = version == SingleRoleVersion ? TokenRoles.Single(end) : new TokenRoles(
            BinaryPrimitives.ReadInt32LittleEndian(bytes[80..]), end, BinaryPrimitives.ReadInt32LittleEndian(bytes[84..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[88..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[92..]) is var mask and not NoMask ? mask : null);
        var header = new TokenFileHeader(
            BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]),
            roles,
            Convert.ToHexStringLower(bytes.Slice(40, HashBytes)),
            bytes[EndOfTextByte] == 1);
        if (header.VocabularySize < 1 || end < 0 || end >= header.VocabularySize)
            throw new InvalidDataException($"{file}: vocabulary size {header.VocabularySize}, end-of-text id {end}; "
                + $"expected an id inside the vocabulary. {fix}");
        new StoredIds(header.VocabularySize).CheckHeader(file, header.BytesPerToken, roles);
        // Bounded first, so that the size that they take cannot overflow.
        bool countsCanBe = (ulong)header.TokenCount <= (ulong)fileBytes && (ulong)header.DocumentCount <= (ulong)fileBytes;
        if (!countsCanBe || header.FileBytes != fileBytes)
            throw new InvalidDataException(
                $"{file}: {fileBytes} bytes, but the header counts {header.TokenCount} tokens and {header.DocumentCount} documents; "
                    + $"expected a file of the size that they take. It is truncated or damaged. {fix}");
        return header;
    }
}
