using System.Text;
using WebDistill.Data;
using WebDistill.Distillation.Files;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Security;

namespace WebDistill.Web.Compare;

/// <summary>/api/verdicts</summary>
internal static class VerdictApi
{
    public static void MapVerdicts(this IEndpointRouteBuilder api) =>
        api.MapGet("/verdicts", AnswerAsync).Produces<VerdictFile>().ProducesValidationProblem().ProducesProblem(404).LimitTransfers().WithTags("Runs")
            .WithSummary("Which of some runs, joined by commas, is better: arms, seeds, paired differences with intervals and one word; html, md or json");

    private static async Task<IResult> AnswerAsync(string? runs, string? measure, Guid? baseline, string? format, RunService service, RunTable table, ModelService models,
        DatasetTable datasets, CancellationToken cancel)
    {
        RequireFormat(format);
        if (measure is not null && RunVerdict.NameOf(measure) is null)
            throw new OptionsInvalidException("measure", $"There is no measure '{ForeignText.Quote(measure)}', expected one of: {string.Join(", ", RunVerdict.Measures.Select(known => known.Name))}.");
        Guid[] ids = [.. (runs ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(text => Guid.TryParse(text, out Guid id) ? id
            : throw new OptionsInvalidException("runs", $"'{ForeignText.Quote(text)}' is no id of a run. Give ids joined by commas.")).Distinct()];
        Dictionary<Guid, Run> found = (await table.FindAsync(ids, cancel)).ToDictionary(run => run.Id);
        if (ids.FirstOrDefault(id => !found.ContainsKey(id)) is var missing && missing != default)
            throw NotFoundException.Of("run", missing);
        Run[] ordered = [.. ids.Select(id => found[id])];
        IReadOnlyDictionary<Guid, MeasuredPair> best = await service.BestAsync(ids, cancel);
        OptionTexts texts = await OptionTexts.ReadAsync(ordered.Select(StoredOptions.Of), table, models, datasets, cancel);
        RunComparison comparison = RunComparison.Of([.. ordered.Select((run, slot) => ComparedRun.Of(run, slot, best.GetValueOrDefault(run.Id)))], [], texts);
        IReadOnlyList<ComparedArm> arms = ComparedArm.Of(comparison);
        VerdictFile file = VerdictFile.Of(RunVerdict.Of(comparison, arms, measure, arms.FirstOrDefault(arm => arm.Runs.Any(run => run.Run.Id == baseline))), ComparedArm.Between(comparison, arms));
        return Answer(file, format, "verdict");
    }

    /// <exception cref="OptionsInvalidException">It is none of <see cref="VerdictFile.Formats"/>.</exception>
    internal static void RequireFormat(string? format)
    {
        if (format is not null && VerdictFile.Formats.All(known => known.Name != format))
            throw new OptionsInvalidException("format", $"There is no format '{ForeignText.Quote(format)}', expected one of: {string.Join(", ", VerdictFile.Formats.Select(known => known.Name))}.");
    }

    /// <summary>The file in a format that was required, JSON where none is named.</summary>
    /// <param name="fileName">Of a download, without its ending.</param>
    internal static IResult Answer(VerdictFile file, string? format, string fileName)
    {
        (string name, _, string contentType) = VerdictFile.Formats.Single(known => known.Name == (format ?? "json"));
        return name == "json" ? Results.Text(file.Write(name), contentType, Encoding.UTF8) : Results.File(Encoding.UTF8.GetBytes(file.Write(name)), contentType, $"{fileName}.{name}");
    }
}
