using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Models;

/// <summary>The run that made a model, as far as a list shows it.</summary>
/// <param name="TeacherName">The model that it learned from; null where it had none, or that is gone.</param>
/// <param name="Validation">What was measured last of its student on what was held out of its own text.</param>
public sealed record ModelMaker(Guid RunId, string Name, Guid? TeacherId, string? TeacherName, Guid? DatasetId, string? DatasetName, ValidationScore? Validation);

/// <summary>A file of a model's folder.</summary>
public sealed record ModelFile(string Name, long Bytes);

/// <summary>Everything that is known of a model: where it comes from, what came of it, how it was measured.</summary>
/// <param name="Model">The model.</param>
/// <param name="Run">The run that made it; null for an imported one, and where it was deleted.</param>
/// <param name="Maker">The same, with the names of what it used.</param>
/// <param name="Pupils">Runs that learn or learned from it, newest first.</param>
/// <param name="Students">The models that those made.</param>
/// <param name="Evaluations">Complete measurements of its weights, newest first.</param>
/// <param name="Files">Its folder; empty where that is gone.</param>
/// <param name="Copies">Other models with the same weights.</param>
public sealed record ModelStory(
    Model Model, Run? Run, ModelMaker? Maker, IReadOnlyList<Run> Pupils, IReadOnlyList<Model> Students,
    IReadOnlyList<(Evaluation Evaluation, EvaluationResult Result)> Evaluations, IReadOnlyList<ModelFile> Files, IReadOnlyList<Model> Copies)
{
    /// <summary>Its tokenizer; null where it came without one.</summary>
    public TokenizerDescription? Tokenizer { get; init; }

    /// <summary>What it was made of without training; null where it was not.</summary>
    public CompressionRecord? Compression { get; init; }
}

/// <summary>How models, runs, texts and measurements belong together.</summary>
public sealed class ModelLineage(IDbContextFactory<WebDistillDb> contexts, ModelService models, DataFolder folder)
{
    private const int Most = 50;

    /// <summary>Of each run that is among <paramref name="runIds"/> what a list of models shows.</summary>
    public async Task<IReadOnlyDictionary<Guid, ModelMaker>> MakersAsync(IReadOnlyCollection<Guid> runIds, CancellationToken cancel = default)
    {
        if (runIds.Count == 0)
            return new Dictionary<Guid, ModelMaker>();
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        var makers = await (
            from run in db.Runs.AsNoTracking()
            where runIds.Contains(run.Id)
            join model in db.Models on run.TeacherId equals (Guid?)model.Id into teachers
            from teacher in teachers.DefaultIfEmpty()
            join dataset in db.Datasets on run.DatasetId equals (Guid?)dataset.Id into texts
            from text in texts.DefaultIfEmpty()
            select new
            {
                run.Id, run.Name, TeacherId = teacher == null ? null : (Guid?)teacher.Id, TeacherName = teacher == null ? null : teacher.Name,
                DatasetId = text == null ? null : (Guid?)text.Id, DatasetName = text == null ? null : text.Name, Row = run,
            }).ToListAsync(cancel);
        return makers.ToDictionary(run => run.Id, run => new ModelMaker(
            run.Id, run.Name, run.TeacherId, run.TeacherName, run.DatasetId, run.DatasetName,
            run.Row.Score()));
    }

    /// <summary>Everything that is known of a model.</summary>
    /// <exception cref="NotFoundException">There is none with that id.</exception>
    public async Task<ModelStory> OfAsync(Guid id, CancellationToken cancel = default)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Model model = await models.GetAsync(id, cancel);
        Run? run = model.RunId is Guid runId ? await db.Runs.AsNoTracking().SingleOrDefaultAsync(r => r.Id == runId, cancel) : null;
        ModelMaker? maker = run is null ? null : (await MakersAsync([run.Id], cancel)).GetValueOrDefault(run.Id);
        List<Run> pupils = await db.Runs.AsNoTracking().Where(r => r.TeacherId == id).NewestFirst().Take(Most).ToListAsync(cancel);
        Guid[] made = [.. pupils.Select(pupil => pupil.StudentModelId).OfType<Guid>()];
        List<Model> students = await db.Models.AsNoTracking().Where(other => made.Contains(other.Id)).NewestFirst().ToListAsync(cancel);
        List<Evaluation> evaluations = await db.Evaluations.AsNoTracking()
            .Where(e => e.WeightsSha256 == model.WeightsSha256 && e.Status == EvaluationStatus.Completed).NewestFirst().Take(Most).ToListAsync(cancel);
        List<Model> copies = await db.Models.AsNoTracking()
            .Where(other => other.WeightsSha256 == model.WeightsSha256 && other.Id != id).NewestFirst().Take(Most).ToListAsync(cancel);
        return new ModelStory(model, run, maker, pupils, students,
            [.. evaluations.Where(e => e.ResultJson is not null).Select(e => (e, JsonSerializer.Deserialize<EvaluationResult>(e.ResultJson!, WebJson.Measured)!))],
            Files(id), copies) { Tokenizer = model.TokenizerSha256 is null ? null : TokenizerKinds.Describe(folder.Model(id)), Compression = RecordOf(model) };
    }

    /// <summary>What a model was made of without training.</summary>
    /// <exception cref="NotFoundException">There is no such model, or it was made otherwise.</exception>
    /// <exception cref="FilesGoneException">The record is damaged.</exception>
    public async Task<CompressionRecord> CompressionAsync(Guid id, CancellationToken cancel = default)
    {
        Model model = await models.GetAsync(id, cancel);
        return RecordOf(model) ?? throw new NotFoundException($"The model '{model.Name}' was not made of another one without training.");
    }

    private CompressionRecord? RecordOf(Model model) => model.Origin != ModelOrigin.Compressed ? null
        : StoredFiles.Read($"the model '{model.Name}'", $"Delete its {CompressionRecord.FileName}, or the model.", () => CompressionRecord.Read(folder.Model(model.Id)));

    private IReadOnlyList<ModelFile> Files(Guid id)
    {
        var home = new DirectoryInfo(folder.Model(id));
        return home.Exists ? [.. home.EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal).Select(file => new ModelFile(file.Name, file.Length))] : [];
    }
}
