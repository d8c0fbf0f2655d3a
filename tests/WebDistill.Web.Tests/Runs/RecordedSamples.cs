using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Tests.Runs;

/// <summary>Samples as a training would have left them.</summary>
internal static class RecordedSamples
{
    /// <summary>Two prompts, whose mean KL is 2 and 4 nats before the first update and nearer to 0 with each one.</summary>
    public static async Task AddAsync(DatabaseWriter writer, Run run, IEnumerable<int> steps, bool hasTeacher = true) => await writer.WriteAsync(async db =>
    {
        foreach (int step in steps)
            db.Samples.AddRange(SampleRows.Of(run, Set(step, hasTeacher)));
        return await db.SaveChangesAsync();
    });

    public static SampleSet Set(int step, bool hasTeacher = true)
    {
        double kl = 2.0 / (1 + step);
        return new SampleSet(step,
        [
            Answer("Once upon a time", " there was a fox.<|endoftext|>", kl, (7, " there"), (8, $" after {step}"), (9, "\n"), (1, "<|endoftext|>")),
            Answer("The <b>boat</b>", " left the harbour.", 2 * kl, (10, " sank"), (11, ".")),
        ]);

        // The first token is twice as far from the teacher as the mean, the last one not at all.
        SampledAnswer Answer(string prompt, string teacher, double mean, params (int Id, string Text)[] tokens) => new(prompt, hasTeacher ? teacher : null,
            [.. tokens.Select((token, i) => new SampledToken(token.Id, token.Text, !hasTeacher ? null : i == 0 ? 2 * mean : i == tokens.Length - 1 ? 0 : mean))]);
    }
}
