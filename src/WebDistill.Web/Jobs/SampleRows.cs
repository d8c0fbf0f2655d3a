using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Training;

namespace WebDistill.Web.Jobs;

/// <summary>The samples of a run as rows of the database, and back.</summary>
internal static class SampleRows
{
    /// <summary>A row for each prompt.</summary>
    public static IEnumerable<Sample> Of(Run run, SampleSet samples) => samples.Answers.Select((answer, place) => new Sample
    {
        RunId = run.Id, Step = samples.Step, Place = place, Attempt = run.Attempt, Prompt = answer.Prompt, Teacher = answer.Teacher,
        Student = JsonSerializer.Serialize(answer.Student.Select(token => token.Text)),
        Ids = PackedNumbers.Pack([.. answer.Student.Select(token => (double?)token.Id)]),
        KlNats = answer.MeanKlNatsPerToken is null ? null : PackedNumbers.Pack([.. answer.Student.Select(token => token.KlNats)]),
        MeanKlNats = answer.MeanKlNatsPerToken,
    });

    /// <summary>The rows of one update, in the order of their places.</summary>
    public static SampleSet Read(int step, IEnumerable<Sample> rows) => new(step, [.. rows.OrderBy(row => row.Place).Select(row => new SampledAnswer(
        row.Prompt, row.Teacher, [.. JsonSerializer.Deserialize<string[]>(row.Student)!.Select((text, i) => new SampledToken(
            (int)PackedNumbers.At(row.Ids, i)!.Value, text, row.KlNats is null ? null : PackedNumbers.At(row.KlNats, i)))]))]);
}
