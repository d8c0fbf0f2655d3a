using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Data.Labelled;

/// <summary>What the labelled files of a data set hold. An example has the tokens of its texts and those that begin, separate and end them.</summary>
/// <param name="Classes">The classes, with the examples of each that are trained on.</param>
/// <param name="HeldOutCounts">Examples of each that are held out; null where none are.</param>
/// <param name="LongestTokens">Tokens of the longest example of both files.</param>
/// <param name="MeanTokens">Tokens of an example that is trained on, on the average.</param>
/// <param name="TrainTokens">Tokens that are trained on.</param>
/// <param name="HeldOutTokens">Tokens that are held out.</param>
public sealed record LabelledStatistics(
    LabelledClasses Classes, IReadOnlyList<long>? HeldOutCounts, int LongestTokens, double MeanTokens, long TrainTokens, long HeldOutTokens)
{
    /// <summary>Examples that are trained on.</summary>
    public long TrainExamples => Classes.Counts.Sum();

    /// <summary>Examples that are held out.</summary>
    public long HeldOutExamples => HeldOutCounts?.Sum() ?? 0;

    /// <summary>Counts what labelled files hold.</summary>
    /// <param name="heldOut">Null where nothing is held out.</param>
    public static LabelledStatistics Of(LabelledFile train, LabelledFile? heldOut)
    {
        (long trainTokens, int longest) = Measure(train);
        (long heldOutTokens, int longestHeldOut) = heldOut is null ? default : Measure(heldOut);
        return new LabelledStatistics(new LabelledClasses(train.Classes, train.CountClasses()), heldOut?.CountClasses(), Math.Max(longest, longestHeldOut),
            (double)trainTokens / train.ExampleCount, trainTokens, heldOutTokens);
    }

    private static (long Tokens, int Longest) Measure(LabelledFile file)
    {
        long tokens = 0;
        int longest = 0;
        for (long i = 0; i < file.ExampleCount; i++)
        {
            TokenExample example = file.Example(i);
            int length = LabelledBatches.LengthOf(example.First, example.Second, file.HoldsPairs, file.Roles, int.MaxValue);
            tokens += length;
            longest = Math.Max(longest, length);
        }
        return (tokens, longest);
    }
}
