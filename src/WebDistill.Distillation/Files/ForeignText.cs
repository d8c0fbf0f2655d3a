using System.Globalization;
using System.Text;

namespace WebDistill.Distillation.Files;

/// <summary>
/// Text that came from outside: names that people give, and whatever a message quotes of a request or a file. The one rule of what may
/// stand in a name, and the one way into a message.
/// </summary>
public static class ForeignText
{
    /// <summary>Longest quotation, characters.</summary>
    public const int MaxQuotedCharacters = 200;

    private const int ZeroWidthNonJoiner = 0x200C, ZeroWidthJoiner = 0x200D;

    /// <summary>
    /// A text as a message quotes it: one line of at most <see cref="MaxQuotedCharacters"/> characters and a note of how many there were;
    /// what would not be seen, or would change the line around it, is written as its code, such as \u202E.
    /// </summary>
    public static string Quote(string? text) => text is null ? "" : Write(text, MaxQuotedCharacters);

    /// <summary>A text of any length as <see cref="Quote"/> writes a short one.</summary>
    public static string Visible(string text) => Write(text, int.MaxValue);

    private static string Write(string text, int maxCharacters)
    {
        if (text.Length <= maxCharacters && FirstUnprintable(text) is null)
            return text;
        var quoted = new StringBuilder(Math.Min(text.Length, maxCharacters) + 40);
        int position = 0;
        while (position < text.Length)
        {
            bool isRune = Rune.TryGetRuneAt(text, position, out Rune rune);
            int width = isRune ? rune.Utf16SequenceLength : 1;
            bool isPlain = isRune && IsPrintable(text, position, rune);
            int length = isPlain ? width : rune.Value > 0xFFFF ? 10 : 6;
            if (quoted.Length + length > maxCharacters)
                break;
            if (isPlain)
                quoted.Append(text, position, width);
            else if (rune.Value > 0xFFFF)
                quoted.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:X8}");
            else
                quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[position]:X4}");
            position += width;
        }
        if (position < text.Length)
            quoted.Append(CultureInfo.InvariantCulture, $"… ({text.Length} characters)");
        return quoted.ToString();
    }

    /// <summary>
    /// Where a text stops being one line of printable characters: a control character, a line break, half of a surrogate pair, or a
    /// character that is invisible or turns the direction of writing. Null when it is printable. The joiners U+200C and U+200D are
    /// printable between two characters that are not ASCII, as Persian, Indic scripts and emoji use them.
    /// </summary>
    public static int? FirstUnprintable(string text)
    {
        for (int position = 0; position < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, position, out Rune rune) || !IsPrintable(text, position, rune))
                return position;
            position += rune.Utf16SequenceLength;
        }
        return null;
    }

    /// <summary>The beginning of a text, of no more than that many UTF-16 characters; no character that people see as one is cut in two.</summary>
    public static string Beginning(string text, int mostCharacters)
    {
        if (text.Length <= mostCharacters)
            return text;
        int end = 0;
        while (end + StringInfo.GetNextTextElementLength(text, end) is var next && next <= mostCharacters)
            end = next;
        return text[..end];
    }

    /// <summary>The problem of a name that is not one line of printable text; null when it is.</summary>
    public static string? NameProblem(string name) => FirstUnprintable(name) is not int position ? null
        : string.Create(CultureInfo.InvariantCulture, $"The name '{Quote(name)}' has the character U+{Code(name, position):X4} at place "
            + $"{position + 1}, expected one line of visible characters. Leave it out.");

    private static int Code(string text, int position) => Rune.TryGetRuneAt(text, position, out Rune rune) ? rune.Value : text[position];

    private static bool IsPrintable(string text, int position, Rune rune)
    {
        if (rune.Value is ZeroWidthNonJoiner or ZeroWidthJoiner)
            return position > 0 && position + 1 < text.Length && text[position - 1] > 0x7F && text[position + 1] > 0x7F;
        return Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
    }
}
