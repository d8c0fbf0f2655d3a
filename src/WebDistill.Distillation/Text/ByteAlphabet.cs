namespace WebDistill.Distillation.Text;

/// <summary>
/// GPT-2's printable stand-ins for the 256 bytes: a byte that prints (! to ~, ¡ to ¬, ® to ÿ) stands for itself, the others follow from
/// U+0100 on. vocab.json and merges.txt are written in these characters (openai/gpt-2, src/encoder.py, bytes_to_unicode).
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] s_characters = new char[256];
    private static readonly short[] s_bytes = new short[0x100 + 256];

    static ByteAlphabet()
    {
        var order = new List<byte>(256);
        for (int value = 0; value < 256; value++)
            if (value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF))
            {
                s_characters[value] = (char)value;
                order.Add((byte)value);
            }
        char next = '\u0100';
        for (int value = 0; value < 256; value++)
            if (s_characters[value] == 0)
            {
                s_characters[value] = next++;
                order.Add((byte)value);
            }
        Order = order;
        Array.Fill(s_bytes, (short)-1);
        for (int value = 0; value < 256; value++)
            s_bytes[s_characters[value]] = (short)value;
    }

    /// <summary>The bytes in the order in which GPT-2 numbers them: id i is the byte Order[i].</summary>
    public static IReadOnlyList<byte> Order { get; }

    public static char ToCharacter(byte value) => s_characters[value];

    /// <summary>The byte that a character stands for, or -1.</summary>
    public static int ToByte(char character) => character < s_bytes.Length ? s_bytes[character] : -1;

    public static string ToSymbols(ReadOnlySpan<byte> bytes)
    {
        Span<char> symbols = bytes.Length <= 256 ? stackalloc char[bytes.Length] : new char[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
            symbols[i] = s_characters[bytes[i]];
        return new string(symbols);
    }
}
