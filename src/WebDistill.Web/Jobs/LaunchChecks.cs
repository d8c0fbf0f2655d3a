using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Text;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Jobs;

/// <summary>What can be said about a run before it starts.</summary>
/// <param name="Problems">Why it cannot be made: its options, what they name, how model, corpus and machine fit together; empty when it
/// can.</param>
/// <param name="Warnings">What may go wrong or be unintended, by field.</param>
/// <param name="Plan">What it would do and need; null where that cannot be known.</param>
/// <param name="EstimatedSeconds">At the speed of the latest run on this device; null where there was none.</param>
public sealed record RunForecast(
    IReadOnlyList<OptionProblem> Problems, IReadOnlyList<OptionProblem> Warnings, RunPlan? Plan, double? EstimatedSeconds);

/// <summary>Looks at a run before it starts: whether it can be made here, what it will do and need, how long it will take.</summary>
/// <param name="machine">Reads the machine as it is now.</param>
public sealed class LaunchChecks(IDbContextFactory<WebDistillDb> contexts, DataFolder folder, Func<Machine> machine)
{
    // A time that TimeSpan can hold, with room for a sum.
    private static readonly double LongestSeconds = TimeSpan.MaxValue.TotalSeconds / 2;

    /// <summary>Everything that can be said; whatever goes wrong with the options is a problem of a field.</summary>
    public async Task<RunForecast> ForecastAsync(RunOptions options, CancellationToken cancel)
    {
        List<OptionProblem> problems = [.. RunPlan.Validate(options)];
        RunParts parts = await FindAsync(options, problems, cancel);
        // With a field already refused the checks below would only repeat it in other words.
        if (problems.Count > 0 || parts.Dataset is not { VocabularySize: int vocabularySize })
            return new RunForecast(problems, [], null, null);
        (IReadOnlyList<OptionProblem> found, RunPlan? plan) = await ExamineAsync(options, parts, vocabularySize, cancel);
        if (plan is null)
            return new RunForecast(found, [], null, null);

        RunFit fit = RunFit.Of(plan, options, machine());
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Run? latest = await db.Runs.AsNoTracking()
            // A speed that is infinite would promise that a run takes no time.
            .Where(run => run.TokensPerSecond > 0 && run.TokensPerSecond <= double.MaxValue && run.FlopsPerToken > 0
                && run.FlopsPerToken <= double.MaxValue && run.Engine == Device.Name)
            .OrderByDescending(run => run.StartedAt)
            .FirstOrDefaultAsync(cancel);
        double? seconds = latest is null ? null
            : Math.Min(plan.TotalTokens * plan.FlopsPerToken / (latest.TokensPerSecond!.Value * latest.FlopsPerToken!.Value), LongestSeconds);
        return new RunForecast(fit.Problems, fit.Warnings, plan, seconds);
    }

    private async Task<RunParts> FindAsync(RunOptions options, List<OptionProblem> problems, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Dataset? dataset = null;
        if (!string.IsNullOrWhiteSpace(options.DatasetId))
        {
            dataset = Guid.TryParse(options.DatasetId, out Guid id)
                ? await db.Datasets.AsNoTracking().SingleOrDefaultAsync(d => d.Id == id, cancel)
                : null;
            if (dataset is null)
                problems.Add(new OptionProblem("datasetId", $"There is no data set '{ForeignText.Quote(options.DatasetId)}'. Choose one of the list."));
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
        return new RunParts(dataset, Config("teacherId", teacher, problems), Config("studentModelId", checkpoint, problems));
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
            problems.Add(new OptionProblem(field, $"There is no model '{ForeignText.Quote(text)}'. Choose one of the list."));
        return model;
    }

    private Architecture? Config(string field, Model? model, List<OptionProblem> problems)
    {
        if (model is null)
            return null;
        try
        {
            return StoredFiles.Read($"the model '{model.Name}'", "Choose another model, or import it again.",
                () => Architecture.Load(Path.Combine(folder.Model(model.Id), ModelFiles.ConfigFileName)));
        }
        catch (FilesGoneException gone)
        {
            problems.Add(new OptionProblem(field, gone.Message));
            return null;
        }
    }

    // Counting Hugging Face's sequences reads the lengths of all documents: not on a request's thread.
    private Task<(IReadOnlyList<OptionProblem> Problems, RunPlan? Plan)> ExamineAsync(
        RunOptions options, RunParts parts, int vocabularySize, CancellationToken cancel) =>
        Task.Run<(IReadOnlyList<OptionProblem>, RunPlan?)>(() =>
        {
            IReadOnlyList<OptionProblem> problems =
                RunPlan.Check(options, parts.Teacher, parts.Checkpoint, vocabularySize, sequences: null);
            if (problems.Count > 0)
                return (problems, null);
            Architecture student = StudentInits.StudentConfig(options, parts.Teacher, vocabularySize, parts.Checkpoint);
            try
            {
                return StoredFiles.Read<(IReadOnlyList<OptionProblem>, RunPlan?)>($"the data set '{parts.Dataset!.Name}'",
                    "Choose another one, or upload its text again.", () =>
                {
                    using TokenFile train = TokenFile.Open(DatasetFiles.Train(folder.Dataset(parts.Dataset.Id)));
                    int sequences;
                    try
                    {
                        sequences = RunPlan.CountSequences(options, parts.Teacher, student, train);
                    }
                    catch (InvalidDataException tooFew)
                    {
                        return ([new OptionProblem(options.SequenceMode == SequenceMode.Packed ? "contextLength" : "sequenceMode", tooFew.Message)], null);
                    }
                    problems = RunPlan.Check(options, parts.Teacher, parts.Checkpoint, vocabularySize, sequences);
                    return (problems, problems.Count > 0 ? null : RunPlan.Compute(options, parts.Teacher, student, train.TokenCount, sequences));
                });
            }
            catch (FilesGoneException gone)
            {
                return ([new OptionProblem("datasetId", gone.Message)], null);
            }
        }, cancel);

    private sealed record RunParts(Dataset? Dataset, Architecture? Teacher, Architecture? Checkpoint);
}
