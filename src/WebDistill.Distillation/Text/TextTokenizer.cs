using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Files;

namespace WebDistill.Distillation.Text;

/// <summary>A tokenizer of any kind with its vocabulary: what a model, a data set and a checkpoint carry.</summary>
/// <param name="Tokenizer">Turns text into ids and back.</param>
/// <param name="Vocabulary">The ids.</param>
/// <param name="Save">Writes the tokenizer's files into a folder, as other programs read them.</param>
public sealed record TextTokenizer(Tokenizer Tokenizer, Vocabulary Vocabulary, Action<string, FileLayer> Save)
{
    /// <summary>GPT-2's knows its own vocabulary and files.</summary>
    public static implicit operator TextTokenizer(Gpt2Tokenizer tokenizer) => new(tokenizer, tokenizer.Vocabulary, tokenizer.Save);

    /// <summary>And so does BERT's.</summary>
    public static implicit operator TextTokenizer(BertWordPiece tokenizer) => new(tokenizer, tokenizer.Vocabulary, tokenizer.Save);

    /// <summary>Appends the ids of a text, without those that begin and end it.</summary>
    public void EncodeTo(string text, List<int> ids)
    {
        // Ours need no list for each text.
        if (Tokenizer is Gpt2Tokenizer gpt2)
            gpt2.EncodeTo(text, ids);
        else if (Tokenizer is BertWordPiece wordPiece)
            wordPiece.EncodeTo(text, ids);
        else
            ids.AddRange(Tokenizer.EncodeToIds(text));
    }
}
