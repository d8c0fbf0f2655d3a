using System.Diagnostics;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Models.Weights;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Teachers;
using WebDistill.Distillation.Text;

namespace WebDistill.Distillation.Training;

/// <summary>Where everything stands that an attempt reads and writes.</summary>
/// <param name="TrainTokens">Token file of the training split, or a labelled file: then texts are sorted into its classes.</param>
/// <param name="ValidationTokens">The same of the held-out split; null without one.</param>
/// <param name="Tokenizer">Folder of the tokenizer's files.</param>
/// <param name="Teacher">Model folder; null without a teacher.</param>
/// <param name="FirstModel">Folder of the model whose weights the student begins with; null when it begins otherwise.</param>
/// <param name="Checkpoints">Those of the run.</param>
/// <param name="Files">How checkpoints are written.</param>
public sealed record AttemptFiles(
    string TrainTokens, string? ValidationTokens, string Tokenizer, string? Teacher, string? FirstModel, CheckpointStore Checkpoints, FileLayer Files)
{
    /// <summary>Model folders of the teachers beside <see cref="Teacher"/>, in their order.</summary>
    public IReadOnlyList<string> OtherTeachers { get; init; } = [];
}

/// <summary>Memory and disk of the machine at the moment when it is asked.</summary>
/// <param name="Machine">What there is and what of it is free.</param>
/// <param name="MakeRoom">Gives back memory that is only kept to save time.</param>
public sealed record AttemptRoom(Func<Machine> Machine, Action MakeRoom);

/// <summary>
/// One attempt at a run, from its files or a checkpoint to its finished student, on the thread that calls <see cref="Execute"/> and on no other: tensors
/// belong to the thread that made them. It knows files and no database; what is to be remembered goes to the <see cref="IRunJournal"/>.
/// </summary>
/// <param name="resumeStep">The update whose checkpoint it goes on from; null takes the newest complete one, or begins without one; 0 begins without one.</param>
/// <param name="recordedSteps">Updates that earlier attempts recorded.</param>
/// <param name="version">Version of the program, for the record.</param>
/// <param name="measuredStep">An update after which the held-out text is measured whatever the interval is; null for none.</param>
public sealed class TrainingAttempt(
    RunOptions options, AttemptFiles files, AttemptRoom room, IRunJournal journal, string version, int? resumeStep = null, int recordedSteps = 0,
    int? measuredStep = null)
{
    private long _savedAt = Stopwatch.GetTimestamp();
    private int? _savedStep;
    private volatile bool _isSaved;
    private int _step;

    /// <summary>Whether the state reached is that of a checkpoint.</summary>
    public bool IsSaved => _isSaved;

    /// <summary>Trains to the end.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; the state reached is saved, if the disk takes it.</exception>
    /// <exception cref="InvalidDataException">A file is missing, damaged or not the one that the run began with, or there is no room.</exception>
    /// <exception cref="TrainingDivergedException">A loss or the gradient became NaN or infinite.</exception>
    public void Execute(CancellationToken cancel)
    {
        using TrainingData data = TrainingData.Open(files.TrainTokens, files.ValidationTokens);
        TrainingProvenance provenance = DescribeOrigin(data, cancel);
        TextTokenizer tokenizer = TokenizerKinds.Load(files.Tokenizer);

        string? start = FindStart(provenance);
        RunPlan plan = Plan(data, start);
        if (RequireRoom(plan) is string shortage)
            journal.Note(_step, shortage, isWarning: true);
        using Teacher? teacher = files.Teacher is not string model ? null
            : files.OtherTeachers.Count == 0 ? new ModelTeacher(ModelFiles.Load(model)) : EnsembleTeacher.Open([model, .. files.OtherTeachers], options.Teacher);
        using TextModel student = CreateStudent(teacher, data, start);
        cancel.ThrowIfCancellationRequested();
        SamplePrompts? prompts = student.Architecture.Head != ModelHead.NextToken || data.TextOfPrompts is not TokenFile text ? null : SamplePrompts.Of(
            options, tokenizer, text, Math.Min(student.Architecture.Positions, teacher?.Architecture.Positions ?? int.MaxValue));
        foreach (string shortened in prompts?.Notes ?? [])
            journal.Note(_step, shortened, isWarning: true);
        TrainingParts parts = data.Parts(options, teacher, student) with { Prompts = prompts };
        using BatchSource batches = parts.Batches;
        using var trainer = new Trainer(parts, options);
        IReadOnlyList<string> fresh = start is null ? [] : TrainingCheckpoint.Restore(start, trainer);
        foreach (string loss in fresh)
            journal.Note(_step, $"The loss '{loss}' was off so far: its own parameters begin freshly drawn.");
        journal.Begin(new AttemptStart(
            trainer.State.Unreported is { } unreported ? unreported.Step - 1 : trainer.CompletedSteps, trainer.TotalSteps, data.TokenCount,
            teacher?.Architecture, student.Architecture, plan, provenance,
            trainer.Series, files.Checkpoints.List()));
        Train(trainer, tokenizer, provenance, plan.Disk.CheckpointBytes, cancel);
        journal.Finish(new FinishedRun(trainer, tokenizer, files.Checkpoints.List()[^1].WeightsSha256));
    }

    private TrainingProvenance DescribeOrigin(TrainingData data, CancellationToken cancel)
    {
        string? teacherSha256 = null;
        if (files.Teacher is string teacher)
        {
            string[] hashes = [.. files.OtherTeachers.Prepend(teacher).Select(folder =>
            {
                using SafetensorsFile weights = SafetensorsFile.OpenModel(folder);
                return weights.ComputeSha256(cancel);
            })];
            // Of several, that of their hashes in their order.
            teacherSha256 = hashes is [string only] ? only : FileHash.Sha256OfText(string.Join('\n', hashes));
        }
        return new TrainingProvenance(
            teacherSha256, FileHash.Sha256(files.TrainTokens), files.ValidationTokens is string held ? FileHash.Sha256(held) : null,
            data.TokenizerSha256, Device.Name, version);
    }

    /// <summary>The checkpoint to go on from, checked to the last byte; null starts from the beginning.</summary>
    private string? FindStart(TrainingProvenance provenance)
    {
        CheckpointStore store = files.Checkpoints;
        store.CleanUp();
        string? start;
        if (resumeStep is int chosen)
        {
            start = chosen == 0 ? null : store.Folder(chosen);
            if (start is not null)
                TrainingCheckpoint.Verify(start);
            foreach (int later in store.RemoveAfter(chosen))
                journal.Note(_step, $"The checkpoint of update {later} is removed: the run {(chosen == 0 ? "begins anew" : $"goes on from update {chosen}")}.");
        }
        else
        {
            start = store.Newest(out IReadOnlyList<DamagedCheckpoint> damaged)?.Folder;
            foreach (DamagedCheckpoint checkpoint in damaged)
            {
                store.SetAside(checkpoint);
                journal.Note(_step, $"The checkpoint {checkpoint.Name} is damaged and passed over: {checkpoint.Problem}", isWarning: true);
            }
        }
        if (start is null)
        {
            if (recordedSteps > 0 && resumeStep != 0)
                journal.Note(_step, "There is no complete checkpoint: the run begins anew.", isWarning: true);
            return null;
        }
        (TrainingState state, RunOptions saved, TrainingProvenance origin) = TrainingCheckpoint.ReadState(start);
        provenance.RequireSameAs(origin);
        IReadOnlyList<OptionProblem> problems = TrainingCheckpoint.CheckContinuation(saved, options);
        if (problems.Count > 0)
            throw new InvalidDataException(string.Join(" ", problems.Select(problem => $"{problem.Field}: {problem.Message}")));
        _step = state.Step;
        _savedStep = state.Unreported is null ? state.Step : null;
        _isSaved = true;
        journal.Note(_step, $"Goes on from the checkpoint of update {state.Step}.");
        if (origin.Engine != provenance.Engine)
            journal.Note(_step, $"The checkpoint was saved on {origin.Engine}, the run goes on on {provenance.Engine}: the results may differ in the last "
                + "digits from those of an uninterrupted run.", isWarning: true);
        return start;
    }

    /// <summary>What the run does and needs, from the models' descriptions: before any of them is in memory.</summary>
    private RunPlan Plan(TrainingData data, string? start)
    {
        Architecture? teacher = files.Teacher is string model ? Read(model) : null;
        Architecture student = start is not null ? Read(start) : StudentInits.StudentConfig(
            options, teacher, data.VocabularySize, files.FirstModel is string first ? Read(first) : null, data.Roles, data.Task?.Classes);
        return RunPlan.Compute(options, teacher, student, data.Measure(options, teacher, student), [.. files.OtherTeachers.Select(Read)]);

        static Architecture Read(string folder) => Architecture.Load(Path.Combine(folder, ModelFiles.ConfigFileName));
    }

    /// <summary>
    /// Compares once more what the run needs with what the machine has, now that it is to be taken: other work may have taken it since the run was
    /// planned. Better refused with the arithmetic than ended by the system in the middle, again and again.
    /// </summary>
    /// <returns>What is to be said of the disk; null when it has room.</returns>
    private string? RequireRoom(RunPlan plan)
    {
        long saved = files.Checkpoints.List().Sum(checkpoint => checkpoint.Bytes);
        if (RunFit.ProblemNow(plan, room.Machine()) is not null)
        {
            room.MakeRoom();
            ProcessMemory.GiveBack();
            if (RunFit.ProblemNow(plan, room.Machine()) is string problem)
                throw new InvalidDataException(problem);
        }
        return RunFit.ShortageOfDisk(plan, room.Machine(), saved);
    }

    private TextModel CreateStudent(Teacher? teacher, TrainingData data, string? start)
    {
        // Of several teachers the first one's layers are copied, and it is in memory for that alone.
        using TextModel? copied = teacher is { Model: null } && files.Teacher is string taught && start is null ? ModelFiles.Load(taught) : null;
        TextModel? from = teacher?.Model ?? copied;
        if (start is not null)
        {
            using TextModel saved = ModelFiles.Load(start);
            return StudentInits.Create(
                options with { Student = options.Student with { Initialisation = CheckpointInit.InitName } },
                from, data.VocabularySize, saved, data.Roles, data.Task?.Classes);
        }
        using TextModel? first = files.FirstModel is string model ? ModelFiles.Load(model) : null;
        return StudentInits.Create(options, from, data.VocabularySize, first, data.Roles, data.Task?.Classes);
    }

    private void Train(Trainer trainer, TextTokenizer tokenizer, TrainingProvenance provenance, long checkpointBytes, CancellationToken cancel)
    {
        try
        {
            trainer.Run(journal, AfterUpdate, cancel, measuredStep);
            SaveCheckpoint();
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            if (trainer.CompletedSteps > 0)
                SaveCheckpoint();
            throw;
        }

        void AfterUpdate()
        {
            _step = trainer.CompletedSteps;
            _isSaved = false;
            bool bySteps = options.Checkpoints.IntervalSteps > 0 && _step % options.Checkpoints.IntervalSteps == 0;
            bool byTime = options.Checkpoints.IntervalMinutes > 0
                && Stopwatch.GetElapsedTime(_savedAt).TotalMinutes >= options.Checkpoints.IntervalMinutes;
            if (bySteps || byTime)
                SaveCheckpoint();
        }

        void SaveCheckpoint()
        {
            _step = trainer.CompletedSteps;
            if (_savedStep == _step)
                return;
            _isSaved = false;
            CheckpointStore store = files.Checkpoints;
            journal.Flush();
            journal.WhenTheDiskTakesIt(_step, checkpointBytes, () => store.Save(_step, folder =>
                TrainingCheckpoint.Write(folder, trainer, tokenizer, options, provenance, files.Files)));
            _savedAt = Stopwatch.GetTimestamp();
            _savedStep = trainer.State.Unreported is null ? _step : null;
            _isSaved = true;
            IReadOnlyList<int> removed = journal.WhenTheDiskTakesIt(_step, checkpointBytes, () => store.Prune(CheckpointRetention.Of(options)));
            journal.CheckpointsAre(store.List());
            journal.Note(_step, $"Checkpoint saved after update {_step}."
                + (removed.Count == 0 ? "" : $" Removed by the rule of retention: {string.Join(", ", removed)}."));
        }
    }
}
