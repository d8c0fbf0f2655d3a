using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Guards;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Formats;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Jobs;

/// <summary>What can be said about a run before it starts.</summary>
/// <param name="Problems">Why it cannot be made: its options, what they name, how model, corpus and machine fit together; empty when it
/// can.</param>
/// <param name="Warnings">What may go wrong or be unintended, by field.</param>
/// <param name="Plan">What it would do and need; null where that cannot be known.</param>
/// <param name="Time">What is left to do at the speed of the latest run on this device; null where there was none.</param>
/// <param name="Fit">The plan against the machine; null without a plan.</param>
public sealed record RunForecast(
    IReadOnlyList<OptionProblem> Problems, IReadOnlyList<OptionProblem> Warnings, RunPlan? Plan = null, EstimatedTime? Time = null, RunFit? Fit = null)
{
    /// <summary>Beyond it a run is launched only by somebody who was told so.</summary>
    public const double LongSeconds = 12 * 3600;

    /// <summary>Whether the data set holds labelled examples, whose classes the run would learn.</summary>
    public bool LearnsClasses { get; init; }

    /// <summary>Whether the data set has a held-out part, on which the run would be measured.</summary>
    public bool IsMeasured { get; init; }

    /// <summary>At the median speed of the latest run; null where there was none.</summary>
    public double? EstimatedSeconds => Time?.Seconds;

    /// <summary>Whether it takes so long that whoever launches it is asked first.</summary>
    public bool IsLong => EstimatedSeconds > LongSeconds;
}

/// <summary>Looks at a run before it starts: whether it can be made here, what it will do and need, how long it will take.</summary>
/// <param name="machine">Reads the machine as it is now.</param>
public sealed class LaunchChecks(IDbContextFactory<WebDistillDb> contexts, DataFolder folder, Func<Machine> machine)
{
    private const string OthersPath = "teacher.others";

    /// <summary>Everything that can be said; whatever goes wrong with the options is a problem of a field.</summary>
    /// <param name="made">Updates that were made already, by the checkpoint that the run goes on from.</param>
    public async Task<RunForecast> ForecastAsync(RunOptions options, CancellationToken cancel, int made = 0)
    {
        List<OptionProblem> named = [];
        RunParts parts = await FindAsync(options, named, cancel);
        bool learnsClasses = parts.Dataset?.HoldsExamples() == true;
        List<OptionProblem> problems = [.. learnsClasses ? RunPlan.ValidateLabelled(options) : RunPlan.Validate(options),
            .. GuardCatalogue.Validate(options, learnsClasses ? ModelHead.Classes : ModelHead.NextToken), .. named];
        // With a field already refused the checks below would only repeat it in other words.
        if (problems.Count > 0 || parts.Dataset is not { VocabularySize: not null } dataset)
            return new RunForecast(problems, []);
        (IReadOnlyList<OptionProblem> found, RunPlan? plan) = await ExamineAsync(options, parts, dataset, cancel);
        if (plan is null)
            return new RunForecast(found, []) { LearnsClasses = learnsClasses, IsMeasured = dataset.ValidationTokens > 0 };

        RunFit fit = RunFit.Of(plan, options, machine());
        List<OptionProblem> refused = [.. fit.Problems], warnings = [.. fit.Warnings, .. RunWarnings.Of(options, plan)];
        if (plan.TotalUpdates < made)
            refused.Add(new OptionProblem(plan.EndsBy, $"The checkpoint has made {made:N0} updates, and the run would end at update {plan.TotalUpdates:N0}. "
                + (plan.EndsBy == OptionPath.Of(options.Schedule.Epochs) ? "Train more epochs." : "Raise the budget, or switch it off with 0.")));
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        EstimatedTime? time = (await MeasuredSpeed.ReadAsync(db, cancel))?.TimeOf(plan).Of(Math.Max(0, 1 - ((double)made / plan.TotalUpdates)));
        if (time?.Seconds > RunForecast.LongSeconds)
            warnings.Add(new OptionProblem(OptionPath.Of(options.Schedule.Epochs),
                $"It takes about {Figures.Rough(time.Seconds)} at the speed of the latest run on this machine."));
        return new RunForecast(refused, warnings, plan, time, fit) { LearnsClasses = learnsClasses, IsMeasured = dataset.ValidationTokens > 0 };
    }

    private async Task<RunParts> FindAsync(RunOptions options, List<OptionProblem> problems, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        Dataset? dataset = null;
        if (!string.IsNullOrWhiteSpace(options.Data.DatasetId))
        {
            dataset = Guid.TryParse(options.Data.DatasetId, out Guid id)
                ? await db.Datasets.AsNoTracking().SingleOrDefaultAsync(d => d.Id == id, cancel)
                : null;
            if (dataset is null)
                problems.Add(new OptionProblem("data.datasetId", $"There is no data set '{ForeignText.Quote(options.Data.DatasetId)}'. Choose one of the list."));
            else if (dataset.State != DatasetState.Ready)
                problems.Add(new OptionProblem("data.datasetId", dataset.State == DatasetState.Preparing
                    ? $"The data set '{dataset.Name}' is still being prepared. Wait until it is ready."
                    : $"The data set '{dataset.Name}' could not be prepared: {dataset.Error} Choose another one."));
        }
        Model? teacher = await ModelAsync(db, "teacher.modelId", options.Teacher.ModelId, problems, cancel);
        Model? checkpoint = options.Student.Initialisation == "checkpoint"
            ? await ModelAsync(db, "student.modelId", options.Student.ModelId, problems, cancel)
            : null;
        List<Model?> others = [];
        foreach (string id in options.Teacher.Beside)
            others.Add(await ModelAsync(db, OthersPath, id, problems, cancel));
        foreach ((string field, Model? model) in others.Select(model => (OthersPath, model)).Prepend(("student.modelId", checkpoint)).Prepend(("teacher.modelId", teacher)))
        {
            if (model?.TokenizerSha256 is string tokenizer && dataset?.TokenizerSha256 is string expected && tokenizer != expected
                && model.VocabularySize == dataset.VocabularySize)
            {
                problems.Add(new OptionProblem(field,
                    $"The model '{model.Name}' and the data set '{dataset.Name}' have vocabularies of the same size with different "
                    + "tokens: the same id means different text. Upload the data set again with this model's tokenizer."));
            }
        }
        if (options.Teacher is { HasSeveral: true, Weighting: TeacherWeighting.ByValidationLoss } && dataset is { State: DatasetState.Ready, ValidationTokens: not > 0 })
            problems.Add(new OptionProblem(OptionPath.Of(options.Teacher.Weighting),
                $"The teachers are weighted by their loss on held-out text, and the data set '{dataset.Name}' has none. Choose another one, or fixed weights."));
        return new RunParts(dataset, Config("teacher.modelId", teacher, problems), Config("student.modelId", checkpoint, problems),
            [.. others.Select(model => Config(OthersPath, model, problems)).OfType<Architecture>()]);
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
    private Task<(IReadOnlyList<OptionProblem> Problems, RunPlan? Plan)> ExamineAsync(RunOptions options, RunParts parts, Dataset dataset, CancellationToken cancel) =>
        Task.Run<(IReadOnlyList<OptionProblem>, RunPlan?)>(() =>
        {
            try
            {
                return StoredFiles.Read($"the data set '{dataset.Name}'", "Choose another one, or upload its text again.", () => Examine(options, parts, dataset));
            }
            catch (FilesGoneException gone)
            {
                return ([new OptionProblem("data.datasetId", gone.Message)], null);
            }
        }, cancel);

    private (IReadOnlyList<OptionProblem> Problems, RunPlan? Plan) Examine(RunOptions options, RunParts parts, Dataset dataset)
    {
        string stored = folder.Dataset(dataset.Id);
        // Of labelled examples the held-out ones must have the same classes; of a text they are read when it is measured.
        using TrainingData data = TrainingData.Open(DatasetFiles.Train(stored), dataset is { ValidationTokens: > 0 } && dataset.HoldsExamples() ? DatasetFiles.Validation(stored) : null);
        IReadOnlyList<OptionProblem> problems = [.. data.Problems, .. data.Check(options, parts.Teacher, parts.Checkpoint, epoch: null, parts.Others)];
        if (problems.Count > 0)
            return (problems, null);
        Architecture student = StudentInits.StudentConfig(options, parts.Teacher, data.VocabularySize, parts.Checkpoint, data.Roles, data.Task?.Classes);
        EpochSize epoch;
        try
        {
            epoch = data.Measure(options, parts.Teacher, student);
        }
        catch (InvalidDataException tooFew)
        {
            return ([new OptionProblem(options.Data.SequenceMode == SequenceMode.Packed ? "data.contextLength" : "data.sequenceMode", tooFew.Message)], null);
        }
        problems = data.Check(options, parts.Teacher, parts.Checkpoint, epoch, parts.Others);
        return (problems, problems.Count > 0 ? null : RunPlan.Compute(options, parts.Teacher, student, epoch, parts.Others));
    }

    private sealed record RunParts(Dataset? Dataset, Architecture? Teacher, Architecture? Checkpoint, IReadOnlyList<Architecture> Others);
}
