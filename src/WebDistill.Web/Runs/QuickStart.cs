using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Data;
using WebDistill.Distillation.Models;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Students;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Hosting;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Runs;

/// <summary>
/// The embedded default: a small teacher and a student half as deep, on generated stories. Every size but the number of stories
/// (QuickStart:Stories) stands here; together they are to take less than four minutes on two cores.
/// </summary>
public sealed class QuickStart(IDbContextFactory<WebDistillDb> contexts, DatasetService datasets, RunQueue queue, HostSettings settings)
{
    /// <summary>Seed of the stories.</summary>
    public const int StorySeed = 1;

    /// <summary>Size of the vocabulary trained on them.</summary>
    public const int VocabularySize = 1024;

    /// <summary>Share of the corpus that is held out.</summary>
    public const double ValidationProportion = 0.05;

    /// <summary>Checkpoints of the student, so that there is something to look back at: each is three times its weights, about 6 MB.</summary>
    public const int StudentCheckpoints = 8;

    // A story is about as many tokens of that vocabulary; before the corpus is written nobody has counted them.
    private const int TokensPerStory = 127;

    /// <summary>The teacher's options; data set and name are added.</summary>
    public static RunOptions Teacher { get; } = new()
    {
        Student = new() { Initialisation = "random", LayerCount = 4, Width = 128, Heads = 4, Dropout = 0 },
        Data = new() { ContextLength = 128 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["clm"] = new(1) },
        Schedule = new() { Epochs = 5, BatchSize = 16, WarmupProportion = 0.1, ValidationIntervalSteps = 50, ValidationMaxTokens = 8192 },
        Optimiser = new() { LearningRate = 3e-3, MaxGradientNorm = 1 },
        Checkpoints = new() { IntervalSteps = 0 },
    };

    /// <summary>The student's options; data set, teacher and name are added.</summary>
    public static RunOptions Student { get; } = new()
    {
        Student = new() { Initialisation = "teacher-layers", LayerCount = 2, Dropout = 0 },
        Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5, ("temperature", 2.0)), ["clm"] = new(2), ["cos"] = new(1) },
        Schedule = new() { Epochs = 2, BatchSize = 16, ValidationIntervalSteps = 25, ValidationMaxTokens = 8192 },
        Optimiser = new() { LearningRate = 1e-3, MaxGradientNorm = 5 },
        Checkpoints = new() { IntervalSteps = 60, KeepLast = StudentCheckpoints },
    };

    /// <summary>Queues data set, teacher and student, and returns the student's run; the rest happens in the background. Stories that an earlier
    /// one has written are read again, and names that are taken get a number.</summary>
    /// <exception cref="ConflictException">More runs would wait than may.</exception>
    public async Task<Run> StartAsync(CancellationToken cancel)
    {
        await queue.RequireRoomAsync(2, cancel);
        var quickStartId = Guid.CreateVersion7();
        string number = await NumberAsync(cancel);
        Dataset dataset = await FindCorpusAsync(cancel)
            ?? await datasets.CreateGeneratedAsync("Small stories", StorySeed, VocabularySize, ValidationProportion, cancel);
        string datasetId = dataset.Id.ToString();
        Run teacher = await queue.EnqueueAsync(
            Teacher with { Name = $"Story teacher{number}", Data = Teacher.Data with { DatasetId = datasetId } }, cancel, quickStartId: quickStartId);
        int updates = Plans(TrainTokens(dataset)).Student.TotalUpdates;
        // The model of a run has the run's id, so the student can name its teacher before that one is trained.
        return await queue.EnqueueAsync(
            Student with { Name = $"Story student{number}", Data = Student.Data with { DatasetId = datasetId },
                Teacher = new() { ModelId = teacher.Id.ToString() },
                Checkpoints = Student.Checkpoints with { IntervalSteps = Math.Max(1, (updates + StudentCheckpoints - 1) / StudentCheckpoints) } },
            cancel, teacher.Id, quickStartId);
    }

    /// <summary>The runs of a quick start as far as they exist, by its id.</summary>
    public async Task<(Run? Teacher, Run? Student)> FindAsync(Guid quickStartId, CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        List<Run> runs = await db.Runs.AsNoTracking().Where(run => run.QuickStartId == quickStartId).ToListAsync(cancel);
        return (runs.Find(run => run.Kind == RunKind.Training), runs.Find(run => run.Kind == RunKind.Distillation));
    }

    /// <summary>The id of the newest quick start whose student exists; null when there is none.</summary>
    public async Task<Guid?> NewestAsync(CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Runs.Where(run => run.QuickStartId != null && run.Kind == RunKind.Distillation)
            .OrderByDescending(run => run.CreatedAt).ThenByDescending(run => run.Id).Select(run => run.QuickStartId).FirstOrDefaultAsync(cancel);
    }

    /// <summary>Tokens that its runs train on: counted, or of a corpus that is still being written about as many as there will be.</summary>
    public long TrainTokens(Dataset? dataset) =>
        dataset?.TrainTokens ?? (long)(settings.QuickStartStories * TokensPerStory * (1 - ValidationProportion));

    /// <summary>What teacher and student have to do for so many tokens of the training split.</summary>
    public static (RunPlan Teacher, RunPlan Student) Plans(long trainTokens)
    {
        Architecture teacher = StudentInits.StudentConfig(Teacher, null, VocabularySize);
        var epoch = new EpochSize((int)Math.Max(1, trainTokens / Teacher.Data.ContextLength!.Value), trainTokens);
        return (RunPlan.Compute(Teacher, null, teacher, epoch),
            RunPlan.Compute(Student, teacher, StudentInits.StudentConfig(Student, teacher, VocabularySize), epoch));
    }

    private async Task<Dataset?> FindCorpusAsync(CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        return await db.Datasets.AsNoTracking()
            .Where(dataset => dataset.GeneratorSeed == StorySeed && dataset.RequestedVocabularySize == VocabularySize
                && dataset.ValidationProportion == ValidationProportion
                && (dataset.State == DatasetState.Preparing || dataset.State == DatasetState.Ready && dataset.Documents == settings.QuickStartStories))
            .OrderByDescending(dataset => dataset.CreatedAt).FirstOrDefaultAsync(cancel);
    }

    // "" for the first, then " 2", " 3".
    private async Task<string> NumberAsync(CancellationToken cancel)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync(cancel);
        HashSet<string> taken = [.. await db.Runs.Where(run => run.Name.StartsWith("Story ")).Select(run => run.Name).ToListAsync(cancel)];
        return Enumerable.Range(1, taken.Count + 1).Select(number => number == 1 ? "" : $" {number}")
            .First(number => !taken.Contains($"Story teacher{number}") && !taken.Contains($"Story student{number}"));
    }
}
