using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Web.Library;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Runs;

/// <summary>What can be said about a run before it starts: whether it can be made, what it will do, how long it will take.</summary>
public sealed class RunChecks(IDbContextFactory<WebDistillDb> contexts, DataFolder folder)
{
    /// <summary>Every problem of the options: their own, what they name, and how model and corpus fit together.</summary>
    public async Task<IReadOnlyList<OptionProblem>> CheckAsync(DistillationOptions options, CancellationToken cancel)
    {
        List<OptionProblem> problems = [.. options.Validate()];
        RunParts parts = await FindAsync(options, problems, cancel);
        // With a field already refused the checks below would only repeat it in other words.
        if (problems.Count == 0 && parts.Dataset is { VocabularySize: int vocabularySize })
            problems.AddRange((await ExamineAsync(options, parts, vocabularySize, cancel)).Problems);
        return problems;
    }

    /// <summary>
    /// The plan, and the seconds it would take at the speed of the latest run on this device; nulls where that cannot be known.
    /// </summary>
    public async Task<(RunPlan? Plan, double? EstimatedSeconds)> PlanAsync(DistillationOptions options, CancellationToken cancel)
    {
        List<OptionProblem> problems = [.. options.Validate()];
        RunParts parts = await FindAsync(options, problems, cancel);
        if (problems.Count > 0 || parts.Dataset is not { VocabularySize: int vocabularySize, TrainTokens: long trainTokens })
            return (null, null);
        (IReadOnlyList<OptionProblem> found, Gpt2Config? student, int sequences) =
            await ExamineAsync(options, parts, vocabularySize, cancel);
        if (found.Count > 0 || student is null)
            return (null, null);

        RunPlan plan = RunPlan.Compute(options, parts.Teacher, student, trainTokens, sequences);
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Run? latest = await db.Runs.AsNoTracking()
            // A speed that is infinite would promise that a run takes no time.
            .Where(run => run.TokensPerSecond > 0 && run.TokensPerSecond <= double.MaxValue && run.FlopsPerToken > 0
                && run.FlopsPerToken <= double.MaxValue && run.Engine == Device.Name)
            .OrderByDescending(run => run.StartedAt)
            .FirstOrDefaultAsync(cancel);
        double? seconds = latest is null ? null : plan.TotalTokens * plan.FlopsPerToken / (latest.TokensPerSecond * latest.FlopsPerToken);
        return (plan, seconds);
    }

    private async Task<RunParts> FindAsync(DistillationOptions options, List<OptionProblem> problems, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Dataset? dataset = null;
        if (!string.IsNullOrWhiteSpace(options.DatasetId))
        {
            dataset = Guid.TryParse(options.DatasetId, out Guid id)
                ? await db.Datasets.AsNoTracking().SingleOrDefaultAsync(d => d.Id == id, cancel)
                : null;
            if (dataset is null)
                problems.Add(new OptionProblem("datasetId", $"There is no data set '{options.DatasetId}'. Choose one of the list."));
            else if (dataset.State != DatasetState.Ready)
                problems.Add(new OptionProblem("datasetId", dataset.State == DatasetState.Preparing
                    ? $"The data set '{dataset.Name}' is still being prepared. Wait until it is ready."
                    : $"The data set '{dataset.Name}' could not be prepared: {dataset.Error} Choose another one."));
        }
        Model? teacher = await ModelAsync(db, "teacherId", options.TeacherId, problems, cancel);
        Model? checkpoint = options.StudentInitialisation == "checkpoint"
            ? await ModelAsync(db, "studentModelId", options.StudentModelId, problems, cancel)
            : null;
        foreach ((string field, Model? model) in new[] { ("teacherId", teacher), ("studentModelId", checkpoint) })
        {
            if (model?.TokenizerSha256 is string tokenizer && dataset?.TokenizerSha256 is string expected && tokenizer != expected
                && model.VocabularySize == dataset.VocabularySize)
            {
                problems.Add(new OptionProblem(field,
                    $"The model '{model.Name}' and the data set '{dataset.Name}' have vocabularies of the same size with different "
                    + "tokens: the same id means different text. Upload the data set again with this model's tokenizer."));
            }
        }
        return new RunParts(dataset, Config(teacher), Config(checkpoint));
    }

    private static async Task<Model?> ModelAsync(
        WebDistillDb db, string field, string? text, List<OptionProblem> problems, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(text))
            return null;
        Model? model = Guid.TryParse(text, out Guid id)
            ? await db.Models.AsNoTracking().SingleOrDefaultAsync(m => m.Id == id, cancel)
            : null;
        if (model is null)
            problems.Add(new OptionProblem(field, $"There is no model '{text}'. Choose one of the list."));
        return model;
    }

    private Gpt2Config? Config(Model? model) => model is null ? null : Gpt2Config.Load(Path.Combine(folder.Model(model.Id), "config.json"));

    // Counting Hugging Face's sequences reads the lengths of all documents: not on a request's thread.
    private Task<(IReadOnlyList<OptionProblem> Problems, Gpt2Config? Student, int Sequences)> ExamineAsync(
        DistillationOptions options, RunParts parts, int vocabularySize, CancellationToken cancel) =>
        Task.Run<(IReadOnlyList<OptionProblem>, Gpt2Config?, int)>(() =>
        {
            IReadOnlyList<OptionProblem> problems =
                RunPlan.Check(options, parts.Teacher, parts.Checkpoint, vocabularySize, sequences: null);
            if (problems.Count > 0)
                return (problems, null, 0);
            Gpt2Config student = StudentInits.StudentConfig(options, parts.Teacher, vocabularySize, parts.Checkpoint);
            using TokenFile train = TokenFile.Open(DatasetFiles.Train(folder.Dataset(parts.Dataset!.Id)));
            int sequences = RunPlan.CountSequences(options, parts.Teacher, student, train);
            return (RunPlan.Check(options, parts.Teacher, parts.Checkpoint, vocabularySize, sequences), student, sequences);
        }, cancel);

    private sealed record RunParts(Dataset? Dataset, Gpt2Config? Teacher, Gpt2Config? Checkpoint);
}
