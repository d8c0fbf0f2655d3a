using System.Text;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Evaluation;

/// <summary>The tokens of a text, with the size of the text itself.</summary>
/// <param name="Read">Gives them.</param>
/// <param name="Count">How many there are: at least 2.</param>
/// <param name="Words">Pieces between white space of the text.</param>
/// <param name="Bytes">The text's size in UTF-8.</param>
internal sealed record EvaluationTokens(TokenReader Read, long Count, long Words, long Bytes)
{
    /// <summary>The tokens of a text.</summary>
    /// <exception cref="InvalidDataException">It has fewer than two.</exception>
    public static EvaluationTokens Of(string text, TextTokenizer tokenizer)
    {
        int[] all = [.. tokenizer.Tokenizer.EncodeToIds(text)];
        RequireTwo(all.Length);
        return new EvaluationTokens((offset, destination) => all.AsSpan((int)offset, destination.Length).CopyTo(destination), all.Length,
            EvaluationText.CountWords(text), Encoding.UTF8.GetByteCount(text));
    }

    /// <summary>The tokens of a data set; those that begin and end a document belong to no word and have no byte.</summary>
    /// <exception cref="InvalidDataException">There are fewer than two, or another tokenizer made them.</exception>
    public static EvaluationTokens Of(TokenFile tokens, TextTokenizer tokenizer)
    {
        if (tokens.TokenizerSha256 != tokenizer.Vocabulary.Sha256)
            throw new InvalidDataException($"The data set was tokenised with the tokenizer {tokens.TokenizerSha256[..12]}…, the model has "
                + $"{tokenizer.Vocabulary.Sha256[..12]}…. Choose a data set that was prepared with the model's tokenizer.");
        RequireTwo(tokens.TokenCount);
        const int chunk = 1 << 16;
        var ids = new int[chunk];
        long words = 0, bytes = 0;
        bool inside = false;
        for (long offset = 0; offset < tokens.TokenCount; offset += chunk)
        {
            Span<int> part = ids.AsSpan(0, (int)Math.Min(chunk, tokens.TokenCount - offset));
            tokens.Read(offset, part);
            foreach (int id in part)
            {
                if (id == tokens.EndOfTextId || id == tokens.Roles.BeginOfText)
                {
                    inside = false;
                    continue;
                }
                foreach (byte value in tokenizer.Vocabulary.TokenBytes(id).Span)
                {
                    bool isSpace = value is (byte)' ' or (>= 9 and <= 13);
                    if (!isSpace && !inside)
                        words++;
                    inside = !isSpace;
                    bytes++;
                }
            }
        }
        return new EvaluationTokens(tokens.Read, tokens.TokenCount, words, bytes);
    }

    private static void RequireTwo(long count)
    {
        if (count < 2)
            throw new InvalidDataException($"The text has {count} tokens, expected at least 2. Use a longer text.");
    }
}
