using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace WebDistill.Distillation.Text;

/// <summary>
/// GPT-2's split of a text into pre-tokens, scanned by hand over Unicode scalar values:
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c> (openai/gpt-2, src/encoder.py).
/// </summary>
/// <remarks>A lone surrogate counts as U+FFFD: neither letter, nor number, nor white space.</remarks>
internal sealed class Gpt2PreTokenizer : PreTokenizer
{
    /// <summary>The one there is: it has no state.</summary>
    public static readonly Gpt2PreTokenizer Instance = new();

    private const byte Other = 0, Letter = 1, Number = 2, Space = 3, Surrogate = 4;

    private static readonly byte[] s_classes = ClassifyBasicPlane();

    private Gpt2PreTokenizer()
    {
    }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = End(text, start);
            yield return (start, end - start);
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var preTokens = new List<(int Offset, int Length)>();
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = End(text, start);
            preTokens.Add((start, end - start));
        }
        return preTokens;
    }

    /// <summary>End (exclusive) of the pre-token that begins at <paramref name="start"/>, which lies before the end of the text.</summary>
    public static int End(ReadOnlySpan<char> text, int start)
    {
        char first = text[start];
        if (first == '\'')
        {
            int contraction = ContractionLength(text[(start + 1)..]);
            if (contraction > 0)
                return start + 1 + contraction;
        }

        int bodyStart = first == ' ' && start + 1 < text.Length ? start + 1 : start;
        byte kind = ClassAt(text, bodyStart, out int width);
        if (kind != Space)
        {
            int end = bodyStart + width;
            while (end < text.Length && ClassAt(text, end, out width) == kind)
                end += width;
            return end;
        }

        int spaceEnd = start + 1;
        while (spaceEnd < text.Length && s_classes[text[spaceEnd]] == Space)
            spaceEnd++;
        // \s+(?!\S) leaves the last white space of a run to what follows it, unless it is the only one.
        return spaceEnd == text.Length || spaceEnd == start + 1 ? spaceEnd : spaceEnd - 1;
    }

    private static int ContractionLength(ReadOnlySpan<char> afterApostrophe)
    {
        if (afterApostrophe.IsEmpty)
            return 0;
        switch (afterApostrophe[0])
        {
            case 's' or 't' or 'm' or 'd':
                return 1;
            case 'r' or 'v':
                return afterApostrophe.Length > 1 && afterApostrophe[1] == 'e' ? 2 : 0;
            case 'l':
                return afterApostrophe.Length > 1 && afterApostrophe[1] == 'l' ? 2 : 0;
            default:
                return 0;
        }
    }

    private static byte ClassAt(ReadOnlySpan<char> text, int index, out int width)
    {
        byte kind = s_classes[text[index]];
        width = 1;
        if (kind != Surrogate)
            return kind;
        Rune.DecodeFromUtf16(text[index..], out Rune rune, out width);
        return Classify(Rune.GetUnicodeCategory(rune));
    }

    private static byte[] ClassifyBasicPlane()
    {
        var classes = new byte[0x10000];
        for (int value = 0; value < classes.Length; value++)
        {
            var character = (char)value;
            classes[value] = char.IsSurrogate(character) ? Surrogate
                : char.IsWhiteSpace(character) ? Space
                : Classify(CharUnicodeInfo.GetUnicodeCategory(character));
        }
        return classes;
    }

    private static byte Classify(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
        _ => Other,
    };
}
