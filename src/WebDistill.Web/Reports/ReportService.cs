using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Evaluations;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Reports;

/// <summary>Puts what was measured of some models side by side. Figures belong to weights: a model has those of its hash.</summary>
public sealed class ReportService(
    IDbContextFactory<WebDistillDb> contexts, ModelService models, DatasetTable datasets, RunService runs, RunTable table,
    EvaluationService evaluations, RunTags tags, RunNotes notes)
{
    /// <summary>The report of a run: its teacher, and its student or the newest checkpoint of it.</summary>
    /// <exception cref="NotFoundException">There is no such run, or it has no model and no checkpoint yet.</exception>
    public async Task<EvaluationReport> OfRunAsync(Guid runId, CancellationToken cancel = default)
    {
        Run run = await runs.GetAsync(runId, cancel);
        Guid student = run.StudentModelId ?? (await runs.CheckpointsAsync(runId, cancel)).LastOrDefault()?.Id
            ?? throw new NotFoundException($"The run '{run.Name}' has no model and no checkpoint yet. Wait for its first checkpoint.");
        bool hasTeacher = run.TeacherId is Guid id && await models.FindAsync(id, cancel) is not null;
        EvaluationReport report = await OfModelsAsync(hasTeacher ? [run.TeacherId!.Value, student] : [student], hasTeacher ? run.TeacherId : null, cancel);
        return report with { Title = run.Name, Run = await DescribeAsync(run, cancel) };
    }

    /// <summary>The report of chosen models.</summary>
    /// <param name="modelIds">Models and checkpoints.</param>
    /// <param name="teacherId">One of them, with which the others are compared; null compares with the first.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="NotFoundException">One of them does not exist.</exception>
    public async Task<EvaluationReport> OfModelsAsync(IReadOnlyList<Guid> modelIds, Guid? teacherId, CancellationToken cancel = default)
    {
        List<ReportModel> compared = [];
        foreach (Guid id in modelIds.Distinct().OrderByDescending(id => id == teacherId))
        {
            Model model = await models.FindAsync(id, cancel)
                ?? throw new NotFoundException($"There is no model and no checkpoint {id}; it may have been deleted.");
            compared.Add(new ReportModel(id, model.Name, id == teacherId, model.WeightsSha256, model.TokenizerSha256, model.Layers, model.Width,
                model.Heads, model.ContextLength, model.ParameterCount, model.WeightBytes) { Head = model.HeadKind() });
        }
        string[] hashes = [.. compared.Select(model => model.WeightsSha256)];
        Evaluation[] measured = [.. (await evaluations.OfWeightsAsync(hashes, cancel))
            .Where(e => e.Status == EvaluationStatus.Completed
                // Fidelity to another teacher belongs into another report.
                && (e.ReferenceSha256 is null || compared.Any(model => model.IsTeacher && model.WeightsSha256 == e.ReferenceSha256)))];
        ReportSection[] sections = [.. measured
            .GroupBy(e => (e.Set, e.SourceSha256, e.ContextLength, e.Stride))
            .OrderBy(group => Order(group.Key.Set)).ThenBy(group => group.Key.ContextLength)
            .Select(group => Section(compared, group))];
        return new EvaluationReport(string.Join(", ", compared.Select(model => model.Name)), DateTime.UtcNow, compared,
            Summarise(compared, sections), sections, null);
    }

    private static int Order(string set) => EvaluationSets.All.Select(known => known.Name).ToList().IndexOf(set);

    private static ReportSection Section(IReadOnlyList<ReportModel> compared, IEnumerable<Evaluation> group)
    {
        // Newest first: of two machines the later measurement of a speed counts.
        (Evaluation Evaluation, EvaluationResult Result)[] results =
            [.. group.OrderByDescending(e => e.FinishedAt).Select(e => (e, EvaluationService.Result(e)!))];
        EvaluationResult?[] ofModels = [.. compared.Select(model =>
            results.FirstOrDefault(result => result.Evaluation.WeightsSha256 == model.WeightsSha256).Result)];
        (Evaluation newest, EvaluationResult any) = results[0];
        return new ReportSection(
            newest.Set, EvaluationSets.Get(newest.Set).Title, newest.SourceName, newest.SourceSha256, newest.ContextLength, newest.Stride,
            any.Protocol, newest.Engine!, newest.Version!, any.Counts,
            [.. any.Figures.Select(figure => Row(newest, figure, [.. ofModels.Select(result =>
                result?.Figures.FirstOrDefault(other => other.Name == figure.Name))]))],
            [.. ofModels.SelectMany((result, i) => (result?.Breakdowns ?? []).Select(breakdown => new ReportBreakdown(i, breakdown)))],
            [.. ofModels.Select((result, i) => new ReportSamples(i, result?.Samples ?? [])).Where(samples => samples.Samples.Count > 0)])
        {
            Disturbance = string.Join(" ", ofModels.Select((result, i) => result?.Disturbance is string disturbed ? $"{compared[i].Name}: {disturbed}" : null).OfType<string>()) is { Length: > 0 } all ? all : null,
        };
    }

    private static ReportRow Row(Evaluation evaluation, EvaluationFigure figure, EvaluationFigure?[] ofModels)
    {
        PerplexityProtocol named = PerplexityProtocol.OfFigure(evaluation.Set, figure.Name, evaluation.ContextLength, evaluation.Stride);
        return new(figure.Name, figure.Unit, figure.Better, [.. ofModels.Select(own => own?.Value)], [.. ofModels.Select(own => own?.Nats)])
        {
            Name = named.Name,
            What = named.What,
            Spreads = [.. ofModels.Select(own => Figures.Spread(own?.Lowest, own?.Highest, figure.Unit))],
        };
    }

    private static IReadOnlyList<ReportRow> Summarise(IReadOnlyList<ReportModel> compared, IReadOnlyList<ReportSection> sections)
    {
        List<ReportRow> rows =
        [
            Row("Parameters", "parameters", model => model.Parameters),
            Row("Weights on the disk", "bytes", model => model.WeightBytes),
        ];
        foreach (ReportSection section in sections)
        {
            if (section.Set == SizeAndSpeedName)
                rows.AddRange(section.Rows.Where(row => row.Unit == "tokens/s"));
            else
                rows.Add(section.Rows[0] with { Name = $"{section.Title}{Text(section)}: {section.Rows[0].Name}" });
        }
        return rows;

        ReportRow Row(string figure, string unit, Func<ReportModel, long> size) => new(figure, unit, Better.Lower,
            [.. compared.Select(model => (double?)size(model))], [.. compared.Select(_ => (double?)null)]);

        string Text(ReportSection section) => sections.Count(other => other.Set == section.Set) > 1
            ? $" ({section.SourceName})"
            : "";
    }

    private static readonly string SizeAndSpeedName = new SizeAndSpeed().Name;

    private async Task<ReportRun> DescribeAsync(Run run, CancellationToken cancel)
    {
        JsonObject values = OptionTexts.Values(StoredOptions.Of(run)), defaults = OptionTexts.Values(new RunOptions());
        OptionTexts texts = await OptionTexts.ReadAsync([StoredOptions.Of(run)], table, models, datasets, cancel);
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Dataset? dataset = run.DatasetId is Guid text ? await datasets.FindAsync(text, cancel) : null;
        ClassesResponse? classes = ClassesResponse.Of(run.Score(), run.TeacherScore());
        ValidationFigure figure = classes is null ? ValidationFigure.OfPredictions : ValidationFigure.OfClasses;
        List<MeasuredPair> validation = await db.Measured([run.Id], figure.Series.Name, figure.Loss.Name).ToListAsync(cancel);
        return new ReportRun(
            run.Id, run.Name, run.Status, run.Step, run.TrainedSeconds,
            [.. LossCatalogue.RunSchema.Settings.Select(field => new ReportOption(field.Label,
                texts.Of(field, field.In(values)), JsonNode.DeepEquals(field.In(values), field.In(defaults))))],
            run.DatasetSha256, run.Engine, run.Version, run.ValidationPerplexity, run.Validation()?.NatsPerToken,
            [.. validation.OrderBy(point => point.Step).Select(point => new ReportPoint(point.Step, point.Value, classes is null ? Perplexity.Stored(point.Value, point.Logarithm)?.NatsPerToken : null))])
        {
            Tags = await tags.OfAsync(run.Id, cancel),
            Notes = [.. (await notes.ListAsync(run.Id, cancel: cancel)).Select(NoteResponse.Of)],
            TeacherPerplexity = run.TeacherPerplexity,
            ValidationTokens = ScoreTexts.TokensRead(StoredOptions.Of(run), dataset?.ValidationTokens),
            FillsMasks = run.Task() == ModelHead.MaskedToken,
            Classes = classes,
        };
    }
}
