using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Text;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Hosting;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Evaluations;

/// <summary>What can be asked about evaluations and done with them, for pages and API alike.</summary>
public sealed class EvaluationService(
    IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder, ModelService models, EvaluationFiles files,
    EvaluationQueue queue, EvaluationAnnouncements announcements, ModelFolders folders, HostSettings settings)
{
    /// <summary>Evaluations, newest first: the newest ones, or those that follow another one.</summary>
    /// <inheritdoc cref="Lists.AfterAsync"/>
    public async Task<IReadOnlyList<Evaluation>> ListAsync(
        Guid? after = null, int limit = Lists.DefaultLimit, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Evaluations.AsNoTracking().AfterAsync(after, limit, "evaluation", cancel);
    }

    /// <summary>A piece of the table of evaluations, newest first.</summary>
    public async Task<Slice<Evaluation>> SliceAsync(int first, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Evaluations.AsNoTracking().NewestFirst().SliceAsync(first, cancel);
    }

    /// <summary>Every evaluation of some weights, newest first.</summary>
    public async Task<IReadOnlyList<Evaluation>> OfWeightsAsync(IReadOnlyCollection<string> sha256, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Evaluations.AsNoTracking().Where(e => sha256.Contains(e.WeightsSha256)).NewestFirst().ToListAsync(cancel);
    }

    /// <summary>One evaluation.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<Evaluation> GetAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Evaluations.AsNoTracking().SingleOrDefaultAsync(e => e.Id == id, cancel) ?? throw NotFoundException.Of("evaluation", id);
    }

    /// <summary>The figures of a completed evaluation; null before.</summary>
    public static EvaluationResult? Result(Evaluation evaluation) => evaluation.ResultJson is string json
        ? JsonSerializer.Deserialize<EvaluationResult>(json, WebJson.Measured)
        : null;

    /// <summary>
    /// Queues an evaluation. What was measured already is not measured again: the same weights, text and protocol answer with the evaluation
    /// that there is; one that failed or was cancelled goes on from what it had.
    /// </summary>
    /// <returns>The evaluation, and whether it is new.</returns>
    /// <exception cref="OptionsInvalidException">Names every field that cannot be used.</exception>
    /// <exception cref="ConflictException">As many wait as may.</exception>
    public async Task<(Evaluation Evaluation, bool IsNew)> CreateAsync(EvaluationRequest request, CancellationToken cancel = default) =>
        await EnqueueAsync(await DescribeAsync(request, cancel), cancel);

    private async Task<(Evaluation Evaluation, bool IsNew)> EnqueueAsync(Evaluation asked, CancellationToken cancel)
    {
        (Evaluation Evaluation, bool IsNew) created = await writer.WriteAsync(async db =>
        {
            Evaluation? known = await db.Evaluations.SingleOrDefaultAsync(e => e.Key == asked.Key, cancel);
            if (known is null or { Status: EvaluationStatus.Failed or EvaluationStatus.Cancelled }
                && await db.Evaluations.CountAsync(e => e.Status == EvaluationStatus.Queued, cancel) >= settings.Limits.QueuedEvaluations)
                throw new ConflictException($"{settings.Limits.QueuedEvaluations} evaluations wait already, which is the limit "
                    + $"(Limits:{nameof(InputLimits.QueuedEvaluations)}). Wait until some have ended, or cancel some.");
            if (known is null)
                db.Evaluations.Add(known = asked);
            else if (known.Status is EvaluationStatus.Failed or EvaluationStatus.Cancelled)
            {
                // The same weights may stand in another place by now.
                (known.Status, known.Error, known.FinishedAt) = (EvaluationStatus.Queued, null, null);
                (known.ModelId, known.ModelName) = (asked.ModelId, asked.ModelName);
                (known.ReferenceModelId, known.DatasetId, known.SourceName) = (asked.ReferenceModelId, asked.DatasetId, asked.SourceName);
            }
            await db.SaveChangesAsync(cancel);
            return (known, known.Id == asked.Id);
        }, cancel);
        announcements.Announce(created.Evaluation.Id);
        queue.Wake();
        return created;
    }

    /// <summary>
    /// Queues everything that can be measured here of some models: every set whose file is there, size and speed, and on a data set the
    /// perplexity of each and the fidelity of all but the teacher.
    /// </summary>
    /// <param name="modelIds">The models.</param>
    /// <param name="teacherId">The one that the others are compared with; null compares none.</param>
    /// <param name="datasetId">The data set; null leaves out what needs one.</param>
    /// <param name="cancel">Queues no more; what is queued stays.</param>
    /// <exception cref="OptionsInvalidException">One of them cannot be measured; nothing is queued then.</exception>
    public async Task<IReadOnlyList<Evaluation>> CreateAllAsync(
        IReadOnlyList<Guid> modelIds, Guid? teacherId, Guid? datasetId, CancellationToken cancel = default)
    {
        List<EvaluationRequest> requests = [];
        foreach (EvaluationSet set in EvaluationSets.All)
        {
            bool readsData = set.Source == EvaluationSource.AnyText;
            if (set.Source == EvaluationSource.File && files.Find(set) is null || readsData && datasetId is null || set.ComparesTwo && teacherId is null)
                continue;
            requests.AddRange(modelIds.Where(id => !set.ComparesTwo || id != teacherId).Select(id => new EvaluationRequest
            {
                ModelId = id,
                Set = set.Name,
                ReferenceModelId = set.ComparesTwo ? teacherId : null,
                DatasetId = readsData ? datasetId : null,
            }));
        }
        List<Evaluation> asked = [];
        foreach (EvaluationRequest request in requests)
            asked.Add(await DescribeAsync(request, cancel));
        List<Evaluation> created = [];
        foreach (Evaluation evaluation in asked)
            created.Add((await EnqueueAsync(evaluation, cancel)).Evaluation);
        return created;
    }

    /// <summary>Ends an evaluation that waits or is being computed; asked for again it goes on from what it had.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It has ended.</exception>
    public async Task CancelAsync(Guid id, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            Evaluation evaluation = await db.Evaluations.SingleOrDefaultAsync(e => e.Id == id, cancel) ?? throw NotFoundException.Of("evaluation", id);
            if (evaluation.Status is not (EvaluationStatus.Queued or EvaluationStatus.Running))
                throw new ConflictException($"The evaluation of '{evaluation.ModelName}' has ended already ({evaluation.Status}).");
            (evaluation.Status, evaluation.FinishedAt) = (EvaluationStatus.Cancelled, DateTime.UtcNow);
            await db.SaveChangesAsync(cancel);
        }, cancel);
        queue.Cancel(id);
        announcements.Announce(id);
    }

    /// <summary>Lets an evaluation that waits for the machine to be idle be computed beside the training; its figures say so then.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It does not wait.</exception>
    public async Task MeasureNowAsync(Guid id, CancellationToken cancel = default)
    {
        Evaluation evaluation = await GetAsync(id, cancel);
        if (evaluation.Status != EvaluationStatus.Queued)
            throw new ConflictException($"The evaluation of '{evaluation.ModelName}' does not wait ({evaluation.Status}).");
        queue.WaitNoLonger(id);
    }

    /// <summary>Forgets an evaluation with its figures.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    /// <exception cref="ConflictException">It is being computed.</exception>
    public async Task DeleteAsync(Guid id, CancellationToken cancel = default)
    {
        await writer.WriteAsync(async db =>
        {
            Evaluation evaluation = await db.Evaluations.SingleOrDefaultAsync(e => e.Id == id, cancel) ?? throw NotFoundException.Of("evaluation", id);
            if (evaluation.Status == EvaluationStatus.Running)
                throw new ConflictException($"The evaluation of '{evaluation.ModelName}' is being computed. Cancel it first.");
            db.Evaluations.Remove(evaluation);
            await db.SaveChangesAsync(cancel);
        }, cancel);
        announcements.Announce(id);
    }

    private async Task<Model?> FindAsync(string field, Guid id, List<OptionProblem> problems, CancellationToken cancel)
    {
        try
        {
            Model? model = await models.FindAsync(id, cancel);
            if (model is null)
                problems.Add(new(field, $"There is no model and no checkpoint {id}; it may have been deleted."));
            return model;
        }
        catch (FilesGoneException gone)
        {
            problems.Add(new(field, gone.Message));
            return null;
        }
    }

    /// <summary>The evaluation that a request asks for, with every field checked.</summary>
    private async Task<Evaluation> DescribeAsync(EvaluationRequest request, CancellationToken cancel)
    {
        List<OptionProblem> problems = [];
        EvaluationSet? set = EvaluationSets.All.FirstOrDefault(known => known.Name == request.Set);
        if (set is null)
            problems.Add(new("set", $"There is no evaluation set '{ForeignText.Quote(request.Set)}', expected one of: "
                + $"{string.Join(", ", EvaluationSets.All.Select(known => known.Name))}."));
        Model? model = await FindAsync("modelId", request.ModelId, problems, cancel);
        if (model?.ProblemOfContinuing() is string other)
            problems.Add(new("modelId", other));
        if (set is null || model is null || problems.Count > 0)
            throw new OptionsInvalidException(problems);

        int context = request.ContextLength ?? model.ContextLength;
        if (context < 2 || context > model.ContextLength)
            problems.Add(new("contextLength", $"The context is {context} tokens, expected 2 to the {model.ContextLength} positions of "
                + $"'{model.Name}'."));
        int stride = request.Stride ?? (set.UsesStride ? Math.Max(1, context / 2) : context);
        if (stride < 1 || stride > context || !set.UsesStride && stride != context)
            problems.Add(new("stride", set.UsesStride
                ? $"The stride is {stride} tokens, expected 1 to the context of {context}."
                : $"{set.Title} does not slide a window. Leave the stride out."));
        if (set.Source != EvaluationSource.None && model.TokenizerSha256 is null)
            problems.Add(new("modelId", $"'{model.Name}' came without the files of a tokenizer and cannot read text. Import it with them ({TokenizerKinds.FilesInWords})."));

        Model? reference = null;
        if (set.ComparesTwo)
        {
            reference = request.ReferenceModelId is Guid id ? await FindAsync("referenceModelId", id, problems, cancel) : null;
            if (request.ReferenceModelId is null)
                problems.Add(new("referenceModelId", $"{set.Title} compares a student with its teacher. Name the teacher."));
            else if (reference is null)
                throw new OptionsInvalidException(problems);
            else if (reference.ProblemOfContinuing() is string otherReference)
                problems.Add(new("referenceModelId", otherReference));
            else if (reference.TokenizerSha256 != model.TokenizerSha256)
                problems.Add(new("referenceModelId", $"'{reference.Name}' has another tokenizer than '{model.Name}': their tokens cannot be "
                    + "compared. Choose the student's own teacher."));
            else if (reference.ContextLength < context)
                problems.Add(new("contextLength", $"The context is {context} tokens, expected at most the {reference.ContextLength} positions "
                    + $"of '{reference.Name}'."));
        }
        else if (request.ReferenceModelId is not null)
            problems.Add(new("referenceModelId", $"{set.Title} measures one model. Leave the second one out."));

        RequireFiles("modelId", model, problems);
        if (reference is not null)
            RequireFiles("referenceModelId", reference, problems);
        Source? source = await FindSourceAsync(set, request, model, problems, cancel);
        if (problems.Count > 0)
            throw new OptionsInvalidException(problems);
        string? sourceSha256 = source!.Path is string path
            ? await Task.Run(() => StoredFiles.Read($"'{source.Name}'", "Choose another text, or put it there again.", () => FileHash.Sha256(path)), cancel)
            : null;
        return new Evaluation
        {
            Id = Guid.CreateVersion7(),
            Key = Key(set, model, reference, sourceSha256, context, stride),
            Set = set.Name,
            ModelId = model.Id,
            ModelName = model.Name,
            WeightsSha256 = model.WeightsSha256,
            ReferenceModelId = reference?.Id,
            ReferenceName = reference?.Name,
            ReferenceSha256 = reference?.WeightsSha256,
            DatasetId = request.DatasetId,
            SourceName = source.Name,
            SourceSha256 = sourceSha256,
            ContextLength = context,
            Stride = stride,
            CreatedAt = DateTime.UtcNow,
        };
    }

    private void RequireFiles(string field, Model model, List<OptionProblem> problems)
    {
        try
        {
            folders.Require(model.Id);
        }
        catch (FilesGoneException gone)
        {
            problems.Add(new(field, gone.Message));
        }
    }

    private async Task<Source?> FindSourceAsync(
        EvaluationSet set, EvaluationRequest request, Model model, List<OptionProblem> problems, CancellationToken cancel)
    {
        if (set.Source != EvaluationSource.AnyText && (request.DatasetId ?? (object?)request.FileName) is not null)
            problems.Add(new(request.DatasetId is null ? "fileName" : "datasetId", $"{set.Title} reads no text of one's choice. Leave it out."));
        switch (set.Source)
        {
            case EvaluationSource.None:
                return new Source("", null);
            case EvaluationSource.File:
                if (files.Find(set) is string found)
                    return new Source(Path.GetFileName(found), found);
                problems.Add(new("set", files.WhereFrom(set)));
                return null;
        }
        if (request.DatasetId is null == request.FileName is null)
        {
            problems.Add(new("datasetId", $"{set.Title} needs a text: name either a data set (datasetId) or a file of the evaluation folder "
                + "(fileName)."));
            return null;
        }
        if (request.FileName is string name)
        {
            if (files.FindText(name) is string path)
                return new Source(name, path);
            problems.Add(new("fileName", $"There is no text file '{ForeignText.Quote(name)}' in the evaluation folder, expected one of: "
                + $"{string.Join(", ", files.Texts())}."));
            return null;
        }
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Dataset? dataset = await db.Datasets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == request.DatasetId, cancel);
        if (dataset is null)
            problems.Add(new("datasetId", $"There is no data set {request.DatasetId}; it may have been deleted."));
        else if (dataset.HoldsExamples())
            problems.Add(new("datasetId", $"The data set '{dataset.Name}' holds examples with classes, and {set.Title} reads running text. Choose a data set of a text."));
        else if (dataset.State != DatasetState.Ready)
            problems.Add(new("datasetId", $"The data set '{dataset.Name}' is not ready ({dataset.State}). Wait until it is."));
        else if (dataset.TokenizerSha256 != model.TokenizerSha256)
            problems.Add(new("datasetId", $"The data set '{dataset.Name}' was tokenised with another tokenizer than the one of "
                + $"'{model.Name}'. Prepare the text once more with this model's tokenizer."));
        else
            return SourceOf(dataset, folder);
        return null;
    }

    /// <summary>Where the tokens of a data set stand that are evaluated.</summary>
    internal static Source SourceOf(Dataset dataset, DataFolder folder)
    {
        string place = folder.Dataset(dataset.Id);
        return dataset.ValidationTokens > 0
            ? new Source($"{dataset.Name}, held-out part", DatasetFiles.Validation(place))
            : new Source($"{dataset.Name}, whole", DatasetFiles.Train(place));
    }

    private static string Key(EvaluationSet set, Model model, Model? reference, string? sourceSha256, int context, int stride)
    {
        string[] parts =
        [
            set.Name, set.ProtocolVersion.ToString(CultureInfo.InvariantCulture), model.WeightsSha256, model.TokenizerSha256 ?? "",
            reference?.WeightsSha256 ?? "", sourceSha256 ?? "", context.ToString(CultureInfo.InvariantCulture),
            stride.ToString(CultureInfo.InvariantCulture), set.DependsOnMachine ? $"{Environment.MachineName} {Device.Name}" : "",
        ];
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))));
    }

    /// <summary>What an evaluation reads.</summary>
    /// <param name="Name">For people.</param>
    /// <param name="Path">The file; null when nothing is read.</param>
    internal sealed record Source(string Name, string? Path);
}
