namespace WebDistill.Distillation.Text;

/// <summary>The ids of a vocabulary that stand for no text but for a place in it.</summary>
/// <param name="BeginOfText">Begins a document.</param>
/// <param name="EndOfText">Ends and separates documents.</param>
/// <param name="Padding">Fills rows up.</param>
/// <param name="Unknown">Stands for text that the vocabulary cannot write.</param>
/// <param name="Mask">Stands for what is to be guessed; null in a vocabulary that is not made for that.</param>
public readonly record struct TokenRoles(int BeginOfText, int EndOfText, int Padding, int Unknown, int? Mask)
{
    /// <summary>As GPT-2 has it: one id for everything, and nothing is guessed.</summary>
    public static TokenRoles Single(int endOfText) => new(endOfText, endOfText, endOfText, endOfText, null);

    /// <summary>Whether a document begins with another id than the one that ended the document before.</summary>
    public bool BeginsDocuments => BeginOfText != EndOfText;

    /// <summary>Each of them once.</summary>
    public IReadOnlyList<int> All => [.. new[] { BeginOfText, EndOfText, Padding, Unknown, Mask ?? EndOfText }.Distinct()];

    /// <summary>Refuses ids that are not in a vocabulary of this size.</summary>
    /// <exception cref="ArgumentException">Says which and what was expected.</exception>
    internal void Check(int vocabularySize)
    {
        foreach ((string role, int id) in new[]
            { ("End-of-text", EndOfText), ("Begin-of-text", BeginOfText), ("Padding", Padding), ("Unknown", Unknown), ("Mask", Mask ?? EndOfText) })
        {
            if (id < 0 || id >= vocabularySize)
                throw new ArgumentException($"{role} id {id}; expected 0 to {vocabularySize - 1}.");
        }
    }
}
