using WebDistill.Data;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Distillation.Evaluation.ClassScores;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Models;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>One class among what a model told of labelled examples. Figures from 0 to 1, higher is better.</summary>
/// <param name="Precision">Share of the texts for which it was told that are of it.</param>
/// <param name="Recall">Share of its texts for which it was told.</param>
/// <param name="F1">The harmonic mean of both.</param>
/// <param name="Texts">Texts of it.</param>
/// <param name="Told">Texts for which it was told.</param>
public sealed record ClassScore(string Name, double Precision, double Recall, double F1, long Texts, long Told);

/// <summary>What a model told of the held-out examples of a data set.</summary>
/// <param name="ContextLength">Most tokens of a text that were read.</param>
/// <param name="Texts">Texts that were read, from the start of the file.</param>
/// <param name="NatsPerText">Mean of −ln p of the texts' classes.</param>
/// <param name="Figures">By the names of the figures: accuracy, f1-macro, matthews and so on.</param>
/// <param name="Classes">The classes in the order of the logits.</param>
/// <param name="Confusion">For each class of the texts, in that order, for how many of them each class was told.</param>
public sealed record ClassReport(
    Guid ModelId, Guid DatasetId, int ContextLength, long Texts, double NatsPerText, IReadOnlyDictionary<string, double> Figures, IReadOnlyList<ClassScore> Classes, IReadOnlyList<IReadOnlyList<long>> Confusion);

/// <summary>Measures models that sort texts, class by class. One at a time: each takes the processors.</summary>
public sealed class ClassScores(ModelService models, ModelCache cache, DatasetTable datasets, DataFolder folder) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>What a model, or a checkpoint, tells of the held-out examples of a data set.</summary>
    /// <param name="contextLength">Most tokens of a text that are read; null reads as many as the model has positions for.</param>
    /// <param name="maxTokens">Tokens read at most, from the start of the file.</param>
    /// <exception cref="NotFoundException">There is no such model.</exception>
    /// <exception cref="OptionsInvalidException">The model does not sort texts, or not into the classes of the data set, or the data set has no held-out examples.</exception>
    /// <exception cref="FilesGoneException">Files of either are gone or damaged.</exception>
    /// <exception cref="ConflictException">There is no memory for the model at this moment.</exception>
    public async Task<ClassReport> MeasureAsync(Guid modelId, Guid datasetId, int? contextLength = null, int? maxTokens = null, CancellationToken cancel = default)
    {
        Model model = await models.FindAsync(modelId, cancel) ?? throw NotFoundException.Of("model", modelId);
        if (ModelHeads.ProblemOfSorting($"'{model.Name}'", ModelFamilies.Find(model.Family), model.HeadKind()) is string otherTask)
            throw new OptionsInvalidException("model", otherTask);
        Dataset dataset = await datasets.FindAsync(datasetId, cancel)
            ?? throw new OptionsInvalidException("dataset", $"There is no data set '{datasetId}'. Name one of labelled examples.");
        if (!dataset.HoldsExamples() || dataset is not { State: DatasetState.Ready, ValidationTokens: > 0 })
            throw new OptionsInvalidException("dataset", $"The data set '{dataset.Name}' has no held-out labelled examples that are ready; expected some. Name one that has.");
        if (dataset.TokenizerSha256 != model.TokenizerSha256)
            throw new OptionsInvalidException("dataset", $"The data set '{dataset.Name}' was tokenised with another vocabulary (SHA-256 {dataset.TokenizerSha256}) than '{model.Name}' has ({model.TokenizerSha256 ?? "none"}): the same "
                + "id means different text in the two. Name one that was tokenised with the model's.");
        int context = Math.Min(contextLength ?? int.MaxValue, model.ContextLength);
        await _turn.WaitAsync(cancel);
        try
        {
            return await Task.Run(() => Measure(model, dataset, context, maxTokens ?? new ScheduleOptions().ValidationMaxTokens, cancel), cancel);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();

    private ClassReport Measure(Model model, Dataset dataset, int context, int maxTokens, CancellationToken cancel) => StoredFiles.Read(
        $"the data set '{dataset.Name}'", "Choose another one, or upload its examples again.", () =>
    {
        using LabelledFile examples = LabelledFile.Open(DatasetFiles.Validation(folder.Dataset(dataset.Id)));
        using ModelLease lease = cache.Acquire(model.Id, keep: false);
        ClassEvaluation told;
        try
        {
            told = ClassEvaluation.Measure(lease.Model, examples, context, maxTokens, cancel);
        }
        catch (ArgumentException unfit)
        {
            throw new OptionsInvalidException("dataset", unfit.Message);
        }
        ConfusionMatrix counted = told.Counted;
        return new ClassReport(model.Id, dataset.Id, context, counted.Total, told.NatsPerText, ClassMetrics.For(counted.Classes).ToDictionary(metric => metric.Name, metric => metric.Of(counted)),
            [.. counted.FiguresOfAll().Select((one, i) => new ClassScore(examples.Classes[i], one.Precision, one.Recall, one.F1, one.Support, one.Told))],
            [.. Enumerable.Range(0, counted.Classes).Select(actual => (IReadOnlyList<long>)[.. Enumerable.Range(0, counted.Classes).Select(other => counted[actual, other])])]);
    });
}
