using System.Runtime.InteropServices;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>How far a preparation is.</summary>
/// <param name="Fraction">Share of the bytes of all files, 0 to 1: of the training file as it is read, of a held-out one when it is done, for nobody has counted that before.</param>
/// <param name="Examples">Examples so far.</param>
/// <param name="Tokens">Tokens of their texts so far.</param>
public readonly record struct LabelledProgress(double Fraction, long Examples, long Tokens);

/// <summary>From files of labelled examples to labelled files.</summary>
public static class LabelledPreparation
{
    private const int ExamplesPerReport = 256;

    /// <summary>Why texts cannot be read as pairs with a tokenizer; null when they can.</summary>
    public static string? ProblemOfPairs(Vocabulary vocabulary) => vocabulary.Roles.BeginsDocuments ? null
        : "Pairs of texts are to be read with a tokenizer that has no id to put between two texts; expected one that has, as BERT's WordPiece. Choose the tokenizer of such a model, or single texts.";

    /// <summary>
    /// Bytes that labelled files can take: a token for every byte of the text at most, and 12 bytes for an example of one text, 20 for a pair, of which none has fewer than 4 bytes of the file (6).
    /// </summary>
    public static long MostBytes(long textBytes, int vocabularySize) => CorpusPreparation.MostTokenBytes(textBytes, vocabularySize) + 4 * textBytes;

    /// <summary>
    /// Tokenises a training file, and a held-out one of the same columns and classes or a share of the training file, in memory bounded by the longest text, beside 8 bytes for each text and 4 for each
    /// example. Texts are stored whole: how many tokens of them are read is decided by whoever makes batches.
    /// </summary>
    /// <param name="heldOutSource">Null without one. Where there is neither one nor a share, nothing is written to <paramref name="heldOutPath"/>.</param>
    /// <param name="heldOutShare">Of each class of the training file, as <see cref="LabelledSplit"/> draws it; 0 with a held-out file.</param>
    /// <param name="classes">As <see cref="LabelledClasses.Find"/> found them in the training file.</param>
    /// <remarks>Both files appear at the end, whole or not at all.</remarks>
    /// <exception cref="InvalidDataException">
    /// As for <see cref="LabelledReader.Read(string, LabelledOptions)"/>; the held-out file has a class that the training file lacks; nothing can be held out, for no class has two examples; pairs are read with a tokenizer that has no id between
    /// two texts; or a text has no token.
    /// </exception>
    /// <exception cref="ArgumentException">The options contradict each other, or a held-out file and a share are both given.</exception>
    public static LabelledStatistics Prepare(
        string trainSource, string? heldOutSource, double heldOutShare, LabelledClasses classes, LabelledOptions options, TextTokenizer tokenizer, string trainPath, string heldOutPath, FileLayer files,
        IProgress<LabelledProgress>? progress = null, CancellationToken cancel = default)
    {
        if (heldOutSource is not null && heldOutShare != 0)
            throw new ArgumentException($"A held-out file and a held-out share of {heldOutShare} are both given; expected one of them. Leave the other out.", nameof(heldOutShare));
        bool holdsOut = heldOutSource is not null || heldOutShare > 0, holdsPairs = options.SecondColumn is not null;
        if (holdsPairs && ProblemOfPairs(tokenizer.Vocabulary) is string problem)
            throw new InvalidDataException(problem);
        var split = new LabelledSplit(classes.Counts, heldOutShare);
        if (heldOutShare > 0 && split.HeldOut == 0)
            throw new InvalidDataException($"{Path.GetFileName(trainSource)}: each class has one example, of which the held-out share is {heldOutShare}; expected a class with 2, so that one can be held out. Add examples, "
                + "give a file of held-out ones, or set that share to 0.");
        var number = classes.Names.Index().ToDictionary(entry => entry.Item, entry => entry.Index, StringComparer.Ordinal);
        using (var train = new LabelledFileWriter(trainPath, tokenizer.Vocabulary, classes.Names, holdsPairs, files))
        using (LabelledFileWriter? heldOut = !holdsOut ? null : new LabelledFileWriter(heldOutPath, tokenizer.Vocabulary, classes.Names, holdsPairs, files))
        {
            long trainBytes = new FileInfo(trainSource).Length, allBytes = trainBytes + (heldOutSource is null ? 0 : new FileInfo(heldOutSource).Length), examplesOfTrain = classes.Counts.Sum();
            long examples = 0, tokens = 0;
            Tokenise(trainSource, label => split.Takes(label) ? heldOut! : train);
            if (heldOutSource is not null)
                Tokenise(heldOutSource, _ => heldOut!);
            train.Commit();
            heldOut?.Commit();

            void Tokenise(string source, Func<int, LabelledFileWriter> writerOf)
            {
                List<int> first = [], second = [];
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
                    if (LabelledBatches.LengthOf(first.Count, second.Count, holdsPairs, tokenizer.Vocabulary.Roles, int.MaxValue) == 0)
                        throw new InvalidDataException($"{LabelledText.Place(source, example.Line)}: no token is left of the text '{ForeignText.Quote(example.Text)}'; expected at least one. Leave the row out.");
                    writerOf(label).Append(CollectionsMarshal.AsSpan(first), CollectionsMarshal.AsSpan(second), label);
                    tokens += first.Count + second.Count;
                    if (++examples % ExamplesPerReport == 0)
                        progress?.Report(new LabelledProgress((double)Math.Min(examples, examplesOfTrain) / examplesOfTrain * trainBytes / allBytes, examples, tokens));
                }
            }
        }
        using LabelledFile made = LabelledFile.Open(trainPath);
        using LabelledFile? madeHeldOut = holdsOut ? LabelledFile.Open(heldOutPath) : null;
        return LabelledStatistics.Of(made, madeHeldOut);
    }
}
