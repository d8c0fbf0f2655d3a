using System.Reflection;
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

/// <summary>
/// One run from its files to its model, on the thread that calls <see cref="Execute"/> and on no other: tensors belong to the thread that
/// made them.
/// </summary>
internal sealed class TrainingSession(
    Run run, Dataset dataset, IDbContextFactory<WebDistillDb> contexts, DatabaseWriter writer, DataFolder folder,
        RunAnnouncements announcements,
    ILogger logger)
{
    private volatile RunRecorder? _recorder;

    /// <summary>Trains to the end and makes a model of the student.</summary>
    /// <param name="stop">A person's wish: the state reached is kept as a checkpoint.</param>
    /// <param name="shutdown">The end of the process: leaves as fast as possible.</param>
    /// <exception cref="OperationCanceledException">One of the two was signalled.</exception>
    public void Execute(CancellationToken stop, CancellationToken shutdown)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop, shutdown);
        DistillationOptions options = RunService.Options(run);
        string corpus = folder.Dataset(dataset.Id);
        using TokenFile train = TokenFile.Open(DatasetFiles.Train(corpus));
        using TokenFile? validation = dataset.ValidationTokens > 0 ? TokenFile.Open(DatasetFiles.Validation(corpus)) : null;
        using Gpt2? teacher = run.TeacherId is Guid teacherId ? Gpt2Checkpoint.Load(folder.Model(teacherId)) : null;
        using Gpt2? checkpoint = options.StudentModelId is string modelId && options.StudentInitialisation == "checkpoint"
            ? Gpt2Checkpoint.Load(folder.Model(Guid.Parse(modelId)))
            : null;
        using Gpt2 student = StudentInits.Create(options, teacher, train.VocabularySize, checkpoint, train.EndOfTextId);
        ended.Token.ThrowIfCancellationRequested();
        using var distiller = new Distiller(options, teacher, student, train, validation);

        DescribeRun(options, teacher, student, distiller, train);
        Train(distiller, stop, ended.Token);
        SaveModel(distiller);
    }

    /// <summary>Closes the record from another thread, when this one does not end in time: no step can be recorded afterwards.</summary>
    public async Task CloseRecordAsync()
    {
        if (_recorder is RunRecorder recorder)
            await recorder.DisposeAsync();
    }

    /// <summary>Adds a line to the run's log.</summary>
    public void Log(string text)
    {
        logger.LogInformation("Run {RunId} ({Name}): {Text}", run.Id, run.Name, text);
        writer.Write(db =>
        {
            db.LogLines.Add(new LogLine { RunId = run.Id, At = DateTime.UtcNow, Text = text });
            db.SaveChanges();
        });
        announcements.Announce(run.Id);
    }

    private void DescribeRun(DistillationOptions options, Gpt2? teacher, Gpt2 student, Distiller distiller, TokenFile train)
    {
        using WebDistillDb read = contexts.CreateDbContext();
        string? teacherSha256 = read.Models.Where(model => model.Id == run.TeacherId).Select(model => model.WeightsSha256)
            .SingleOrDefault();
        RunPlan plan = RunPlan.Compute(options, teacher?.Config, student.Config, train);
        writer.Write(db => db.Runs.Where(r => r.Id == run.Id).ExecuteUpdate(set => set
            .SetProperty(r => r.TotalSteps, distiller.TotalSteps)
            .SetProperty(r => r.TeacherLayers, teacher == null ? null : teacher.Config.NLayer)
            .SetProperty(r => r.TeacherParameters, teacher == null ? null : teacher.Config.ParameterCount)
            .SetProperty(r => r.StudentLayers, student.Config.NLayer)
            .SetProperty(r => r.StudentParameters, student.Config.ParameterCount)
            .SetProperty(r => r.FlopsPerToken, plan.FlopsPerToken)
            .SetProperty(r => r.TeacherSha256, teacherSha256)
            .SetProperty(r => r.DatasetSha256, dataset.Sha256)
            .SetProperty(r => r.TokenizerSha256, train.TokenizerSha256)
            .SetProperty(r => r.Engine, Device.Name)
            .SetProperty(r => r.Version, ProductVersion)));
        Log($"Training on {Device.Name}: {distiller.TotalSteps} updates, student of {student.Config.NLayer} layers and "
            + $"{student.Config.ParameterCount} parameters, {train.TokenCount} tokens.");
    }

    private void Train(Distiller distiller, CancellationToken stop, CancellationToken ended)
    {
        var recorder = new RunRecorder(run.Id, writer, announcements, () => distiller.TeacherValidationPerplexity);
        _recorder = recorder;
        try
        {
            distiller.Run(recorder, Log, SaveCheckpoint, ended);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && distiller.CompletedSteps > 0)
        {
            SaveCheckpoint(distiller);
            throw;
        }
        finally
        {
            recorder.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private void SaveCheckpoint(Distiller distiller)
    {
        int step = distiller.CompletedSteps;
        string final = folder.Checkpoint(run.Id, step);
        if (Directory.Exists(final))
            return; // Stopped right after the interval saved this very step.
        (CheckpointInfo info, string incoming) = Write(distiller);
        DataFolder.Publish(incoming, final);
        long bytes = DataFolder.Bytes(final);
        writer.Write(db =>
        {
            db.Checkpoints.Add(new Checkpoint
            {
                RunId = run.Id, Step = step, CreatedAt = DateTime.UtcNow, Bytes = bytes, WeightsSha256 = info.WeightsSha256,
            });
            db.SaveChanges();
        });
        Log($"Checkpoint saved after update {step}.");
    }

    private void SaveModel(Distiller distiller)
    {
        (CheckpointInfo info, string incoming) = Write(distiller);
        DataFolder.Publish(incoming, folder.Model(run.Id));
        Model model = ModelDescription.Create(run.Id, run.Name, info, BpeTokenizer.Load(folder.Dataset(dataset.Id)).Sha256);
        model.Origin = ModelOrigin.Run;
        model.RunId = run.Id;
        writer.Write(db =>
        {
            db.Models.Add(model);
            Run row = db.Runs.Single(r => r.Id == run.Id);
            row.StudentModelId = model.Id;
            row.TeacherPerplexity = distiller.TeacherValidationPerplexity ?? row.TeacherPerplexity;
            row.ValidationPerplexity = distiller.LastValidationPerplexity ?? row.ValidationPerplexity;
            db.SaveChanges();
        });
        Log($"The student is the model '{model.Name}' now (SHA-256 {info.WeightsSha256}).");
    }

    private (CheckpointInfo Info, string Incoming) Write(Distiller distiller)
    {
        string incoming = folder.CreateIncoming();
        try
        {
            Gpt2Checkpoint.Save(distiller.Student, incoming);
            BpeTokenizer.Load(folder.Dataset(dataset.Id)).Save(incoming);
            return (Gpt2Checkpoint.Inspect(incoming), incoming);
        }
        catch
        {
            Directory.Delete(incoming, recursive: true);
            throw;
        }
    }

    private static string ProductVersion { get; } =
        typeof(TrainingSession).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
}
