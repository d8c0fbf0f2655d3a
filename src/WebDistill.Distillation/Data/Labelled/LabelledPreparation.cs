using System.Runtime.InteropServices;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>What a labelled file was made of.</summary>
/// <param name="Classes">The classes, with the examples of each in the training file.</param>
/// <param name="HeldOutCounts">Examples of each in the held-out file; null without one.</param>
/// <param name="LongestTokens">Tokens of the longest example of both files, with those that begin, separate and end its texts.</param>
/// <param name="MeanTokens">Their mean in the training file.</param>
public sealed record LabelledStatistics(LabelledClasses Classes, IReadOnlyList<long>? HeldOutCounts, int LongestTokens, double MeanTokens);

/// <summary>From files of labelled examples to labelled files.</summary>
public static class LabelledPreparation
{
    /// <summary>
    /// Tokenises a training file, and perhaps a held-out one of the same columns and classes, in memory bounded by the longest text, beside 8 bytes for each text and 4 for each example. Texts are stored whole: how many
    /// tokens of them are read is decided by whoever makes batches.
    /// </summary>
    /// <param name="heldOutSource">Null without one; then nothing is written to <paramref name="heldOutPath"/>.</param>
    /// <remarks>Both files appear at the end, whole or not at all.</remarks>
    /// <exception cref="InvalidDataException">
    /// As for <see cref="LabelledClasses.Find"/>; the held-out file has a class that the training file lacks; pairs are read with a tokenizer that has no id between two texts; or a text has no
    /// token.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static LabelledStatistics Prepare(
        string trainSource, string? heldOutSource, LabelledOptions options, TextTokenizer tokenizer, string trainPath, string heldOutPath, FileLayer files, CancellationToken cancel = default)
    {
        if (options.SecondColumn is not null && !tokenizer.Vocabulary.Roles.BeginsDocuments)
            throw new InvalidDataException("Pairs of texts are to be read with a tokenizer that has no id to put between two texts; expected one that has, as BERT's WordPiece. Choose the tokenizer of such "
                + "a model, or single texts.");
        LabelledClasses classes = LabelledClasses.Find(trainSource, options);
        var number = classes.Names.Index().ToDictionary(entry => entry.Item, entry => entry.Index, StringComparer.Ordinal);
        bool holdsPairs = options.SecondColumn is not null;
        using var train = new LabelledFileWriter(trainPath, tokenizer.Vocabulary, classes.Names, holdsPairs, files);
        using LabelledFileWriter? heldOut = heldOutSource is null ? null : new LabelledFileWriter(heldOutPath, tokenizer.Vocabulary, classes.Names, holdsPairs, files);
        long tokens = Tokenise(trainSource, train, out int longest, out _);
        long[]? heldOutCounts = null;
        if (heldOut is not null)
        {
            Tokenise(heldOutSource!, heldOut, out int longestHeldOut, out heldOutCounts);
            longest = Math.Max(longest, longestHeldOut);
        }
        train.Commit();
        heldOut?.Commit();
        return new LabelledStatistics(classes, heldOutCounts, longest, (double)tokens / train.ExampleCount);

        long Tokenise(string source, LabelledFileWriter writer, out int longestOfAll, out long[] counts)
        {
            List<int> first = [], second = [];
            long sum = 0;
            longestOfAll = 0;
            counts = new long[classes.Names.Count];
            foreach (LabelledExample example in LabelledReader.Read(source, options))
            {
                cancel.ThrowIfCancellationRequested();
                if (!number.TryGetValue(example.Label, out int label))
                    throw LabelledClasses.Unknown(source, example, classes.Names, "the training file lacks");
                first.Clear();
                tokenizer.EncodeTo(example.Text, first);
                second.Clear();
                if (example.Second is not null)
                    tokenizer.EncodeTo(example.Second, second);
                int length = LabelledBatches.LengthOf(first.Count, second.Count, holdsPairs, tokenizer.Vocabulary.Roles, int.MaxValue);
                if (length == 0)
                    throw new InvalidDataException($"{LabelledText.Place(source, example.Line)}: no token is left of the text '{ForeignText.Quote(example.Text)}'; expected at least one. Leave the row out.");
                writer.Append(CollectionsMarshal.AsSpan(first), CollectionsMarshal.AsSpan(second), label);
                counts[label]++;
                sum += length;
                longestOfAll = Math.Max(longestOfAll, length);
            }
            return sum;
        }
    }
}
