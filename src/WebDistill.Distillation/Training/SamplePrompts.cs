using System.Text;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>What is answered at the samples of a run.</summary>
/// <param name="Ids">The prompts as tokens, each of at least one.</param>
/// <param name="Vocabulary">What their ids, and those of the answers, stand for.</param>
/// <param name="Notes">What a reader of the run's record should know about them.</param>
public sealed record SamplePrompts(IReadOnlyList<IReadOnlyList<int>> Ids, Vocabulary Vocabulary, IReadOnlyList<string> Notes)
{
    /// <summary>Prompts of a run that was given none.</summary>
    public const int UsualCount = 3;

    /// <summary>Tokens of each of these.</summary>
    public const int UsualTokens = 16;

    // A document that is drawn may be too short, and there may be no other.
    private const int MostDraws = 100;

    /// <summary>Those that the options ask for; null where they ask for none.</summary>
    /// <param name="text">Whose documents a run begins to tell that was given no prompt.</param>
    /// <param name="positions">The smaller n_positions of the models.</param>
    public static SamplePrompts? Of(RunOptions options, TextTokenizer tokenizer, TokenFile text, int positions)
    {
        if (options.Samples.IntervalSteps == 0)
            return null;
        // An answer gets its room first, but no more than half of the context.
        int most = Math.Max(1, positions - Math.Min(options.Samples.MaxNewTokens, positions / 2));
        List<string> notes = [];
        IReadOnlyList<int>[] prompts = options.Samples.Prompts.Count == 0
            ? Beginnings(text, Math.Min(UsualTokens, most), options.Seed)
            : [.. options.Samples.Prompts.Select(prompt => End(tokenizer.Tokenizer.EncodeToIds(prompt), most, notes))];
        if (prompts.Length == 0)
            notes.Add("No document has two tokens: there is no prompt to answer, and no samples are made.");
        return new SamplePrompts(prompts, tokenizer.Vocabulary, notes);
    }

    /// <summary>The text of some ids.</summary>
    internal string TextOf(IEnumerable<int> ids) => Encoding.UTF8.GetString([.. ids.SelectMany(id => Vocabulary.TokenBytes(id).ToArray())]);

    private static IReadOnlyList<int> End(IReadOnlyList<int> ids, int most, List<string> notes)
    {
        if (ids.Count <= most)
            return ids;
        notes.Add($"A prompt of the samples has {ids.Count} tokens, and with its answer the models have room for {most}: its last {most} are answered.");
        return [.. ids.Skip(ids.Count - most)];
    }

    /// <summary>The beginnings of documents that the seed draws, all of one length; of a text that has hardly any documents, stretches from within them too.</summary>
    private static int[][] Beginnings(TokenFile text, int tokens, long seed)
    {
        var random = new SplittableRandom(seed);
        var drawn = new Dictionary<long, int>();
        for (int draw = 0; draw < MostDraws && drawn.Values.Count(IsLong) < UsualCount; draw++)
        {
            TokenDocument document = text.Document(random.Next((int)Math.Min(text.DocumentCount, int.MaxValue)));
            int skipped = draw > 0 && text.DocumentCount < UsualCount && IsLong(document.Length) ? random.Next(document.Length - 2 * tokens + 1) : 0;
            if (document.Length - skipped >= 2)
                drawn[document.Offset + skipped] = document.Length - skipped;
        }
        // What is left of a document is the room in which one can see whether an answer goes the same way: as much again as the prompt.
        KeyValuePair<long, int>[] chosen = [.. drawn.OrderByDescending(place => Math.Min(place.Value, 2 * tokens)).Take(UsualCount)];
        int length = chosen.Select(place => place.Value / 2).Append(tokens).Min();
        return [.. chosen.Select(place =>
        {
            var ids = new int[length];
            text.Read(place.Key, ids);
            return ids;
        })];

        bool IsLong(int length) => length >= 2 * tokens;
    }
}
