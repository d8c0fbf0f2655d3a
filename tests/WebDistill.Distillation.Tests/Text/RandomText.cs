using System.Text;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>Texts full of what is hard to tokenise.</summary>
internal static class RandomText
{
    /// <summary>At least so many UTF-16 units of words, white space, contractions and characters of all planes.</summary>
    public static string Of(Random random, int length, bool loneSurrogates)
    {
        string[] frequent = [" ", " ", "  ", "\n", "\t", "'s", "'ll", "'", "the", "a", "12", "½", "é", "\u00A0", "\u2003", "\u001C", "你好",
            "😀", "𝒜𝒷", "𝟘", "\u0301", "...", "ß", "'re"];
        var text = new StringBuilder();
        while (text.Length < length)
        {
            int kind = random.Next(10);
            if (kind < 7)
                text.Append(frequent[random.Next(frequent.Length)]);
            else if (kind < 9)
                text.Append((char)random.Next(0xD800));
            else if (loneSurrogates)
                text.Append((char)random.Next(0xD800, 0xE000));
            else
                text.Append(new Rune(random.Next(0x10000, 0x110000)).ToString());
        }
        return text.ToString();
    }

    /// <summary>The same without characters beyond the basic plane.</summary>
    public static string OfBasicPlane(Random random, int length) =>
        string.Concat(Of(random, length, loneSurrogates: false).Where(character => !char.IsSurrogate(character)));
}
