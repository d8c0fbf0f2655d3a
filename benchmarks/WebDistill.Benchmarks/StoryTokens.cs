using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Text.Stories;

namespace WebDistill.Benchmarks;

/// <summary>Generated stories, tokenised with a vocabulary that was trained on them.</summary>
internal static class StoryTokens
{
    /// <summary>Writes both splits into a folder and opens them.</summary>
    /// <param name="heldOut">How many of the stories are held out.</param>
    public static (TokenFile Train, TokenFile Held, Gpt2Tokenizer Tokenizer) Write(DirectoryInfo folder, int seed, int stories, int heldOut, int vocabularySize)
    {
        string[] all = [.. StoryCorpus.Generate(seed, stories)];
        Gpt2Tokenizer tokenizer = Gpt2Tokenizer.Train(all, vocabularySize);
        return (File("train", all[heldOut..]), File("held", all[..heldOut]), tokenizer);

        TokenFile File(string name, IEnumerable<string> texts)
        {
            string path = Path.Combine(folder.FullName, $"{name}-{seed}.tokens");
            using (var writer = new TokenFileWriter(path, tokenizer.Vocabulary, FileLayer.Disk))
            {
                foreach (string text in texts)
                    writer.AppendDocument([.. tokenizer.EncodeWithEndOfText(text)]);
                writer.Commit();
            }
            return TokenFile.Open(path);
        }
    }
}
