using WebDistill.Data;
using WebDistill.Distillation.Options;
using WebDistill.Web.Datasets;
using WebDistill.Web.Failures;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Runs;

/// <summary>
/// The embedded default: a small teacher and a student half as deep, on generated stories. Every size but the number of stories
/// (QuickStart:Stories) stands here; together they are to take less than four minutes on two cores.
/// </summary>
public sealed class QuickStart(DatasetService datasets, RunQueue queue)
{
    /// <summary>Seed of the stories.</summary>
    public const int StorySeed = 1;

    /// <summary>Size of the vocabulary trained on them.</summary>
    public const int VocabularySize = 1024;

    /// <summary>Share of the corpus that is held out.</summary>
    public const double ValidationProportion = 0.05;

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
        Checkpoints = new() { IntervalSteps = 0 },
    };

    /// <summary>Queues data set, teacher and student, and returns the student's run; the rest happens in the background.</summary>
    /// <exception cref="ConflictException">More runs would wait than may.</exception>
    public async Task<Run> StartAsync(CancellationToken cancel)
    {
        await queue.RequireRoomAsync(2, cancel);
        var quickStartId = Guid.CreateVersion7();
        Dataset dataset = await datasets.CreateGeneratedAsync("Small stories", StorySeed, VocabularySize, ValidationProportion, cancel);
        string datasetId = dataset.Id.ToString();
        Run teacher = await queue.EnqueueAsync(
            Teacher with { Name = "Story teacher", Data = Teacher.Data with { DatasetId = datasetId } }, cancel, quickStartId: quickStartId);
        // The model of a run has the run's id, so the student can name its teacher before that one is trained.
        return await queue.EnqueueAsync(
            Student with { Name = "Story student", Data = Student.Data with { DatasetId = datasetId },
                Teacher = new() { ModelId = teacher.Id.ToString() } },
            cancel, teacher.Id, quickStartId);
    }
}
