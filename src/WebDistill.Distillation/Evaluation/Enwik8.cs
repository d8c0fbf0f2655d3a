namespace WebDistill.Distillation.Evaluation;

/// <summary>enwik8 (Hutter prize): the last 5 of the first 100 million bytes of a Wikipedia dump, markup included.</summary>
public sealed class Enwik8 : TextPerplexity
{
    private const int FileBytes = 100_000_000;
    private const int TestBytes = 5_000_000;

    /// <inheritdoc/>
    public override string Name => "enwik8";

    /// <inheritdoc/>
    public override string Title => "enwik8";

    /// <inheritdoc/>
    public override string Purpose => "How well Wikipedia with all its markup is predicted, in bits per byte.";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Files => ["enwik8/enwik8", "enwik8"];

    /// <inheritdoc/>
    public override string Origin => "enwik8.zip of mattmahoney.net/dc/textdata, unpacked";

    /// <inheritdoc/>
    public override string Licence => "CC BY-SA 3.0 and GFDL";

    /// <inheritdoc/>
    protected override string Leading => BitsPerByteName;

    /// <inheritdoc/>
    protected override string Treatment => "The last 5 000 000 bytes of the file (the test part of the usual split 90 : 5 : 5), unchanged.";

    /// <inheritdoc/>
    protected override ReadOnlyMemory<byte> Select(byte[] file)
    {
        if (file.Length != FileBytes)
            throw new InvalidDataException($"The file has {file.Length} bytes, expected the {FileBytes} of enwik8. Get it from {Origin}.");
        int start = FileBytes - TestBytes;
        // Not in the middle of a character: bytes 10xxxxxx continue one.
        while ((file[start] & 0xC0) == 0x80)
            start++;
        return file.AsMemory(start);
    }
}
