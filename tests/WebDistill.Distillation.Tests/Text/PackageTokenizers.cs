using System.Text;
using System.Text.RegularExpressions;
using Microsoft.ML.Tokenizers;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Tests.Text;

/// <summary>Microsoft.ML.Tokenizers' own tokenizers with a vocabulary of ours: what ours is held to.</summary>
internal static partial class PackageTokenizers
{
    /// <summary>GPT-2's expression. .NET's expressions see UTF-16 units, in which no letter or digit beyond the basic plane is one.</summary>
    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    public static partial Regex Gpt2Pattern();

    /// <summary>Its byte-pair encoding, splitting with GPT-2's expression.</summary>
    public static BpeTokenizer Bpe(string folder) => Bpe(folder, new RegexPreTokenizer(Gpt2Pattern(), null));

    /// <summary>Its byte-pair encoding of the pre-tokens that another finds.</summary>
    public static BpeTokenizer Bpe(string folder, PreTokenizer preTokenizer) => BpeTokenizer.Create(
        new BpeOptions(Path.Combine(folder, "vocab.json"), Path.Combine(folder, "merges.txt")) { ByteLevel = true, PreTokenizer = preTokenizer });

    /// <summary>Its tiktoken, which knows tokens by their bytes and merges by the id of what a merge makes.</summary>
    public static TiktokenTokenizer Tiktoken(Gpt2Tokenizer ours)
    {
        var ranks = new StringBuilder();
        for (int id = 0; id < ours.Vocabulary.Size; id++)
            if (id != ours.Vocabulary.EndOfTextId)
                ranks.Append(Convert.ToBase64String(ours.Vocabulary.TokenBytes(id).Span)).Append(' ').Append(id).Append('\n');
        return TiktokenTokenizer.Create(new MemoryStream(Encoding.ASCII.GetBytes(ranks.ToString())), ours.PreTokenizer, normalizer: null);
    }
}
