using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Datasets;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;

namespace WebDistill.Web.Tests.Runs;

/// <summary>Runs for the pages to show: real ones that take a second, and recorded ones without a training behind them.</summary>
internal static class SmallRuns
{
    /// <summary>A prepared data set of some hundred short documents.</summary>
    public static async Task<Dataset> DatasetAsync(WebDistillApp app)
    {
        string text = string.Concat(Enumerable.Range(0, 600).Select(i => $"The {(i % 3 == 0 ? "green" : "yellow")} boat number {i % 23} left the harbour.\n\n"));
        DatasetService datasets = app.Service<DatasetService>();
        Dataset dataset = await datasets.CreateAsync(
            "Boats", "boats.txt", new MemoryStream(Encoding.UTF8.GetBytes(text)), new DatasetOptions { VocabularySize = 300 });
        for (int i = 0; i < 1800 && dataset.State == DatasetState.Preparing; i++)
        {
            await Task.Delay(100);
            dataset = await datasets.GetAsync(dataset.Id);
        }
        Assert.True(dataset.State == DatasetState.Ready, $"{dataset.State} {dataset.Error}");
        return dataset;
    }

    /// <summary>A training from scratch of one layer, width 16.</summary>
    public static RunOptions Training(Dataset dataset, int epochs = 1) =>
        Product.TinyTraining(dataset.Id, epochs, "Small training");

    /// <summary>A completed distillation with recorded steps, as a long training would have left it.</summary>
    public static async Task<Run> RecordedAsync(WebDistillApp app, string name, int steps)
    {
        await using WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        DateTime now = DateTime.UtcNow;
        var options = new RunOptions { Name = name, Objective = Terms.Of(temperature: 3) };
        var run = new Run
        {
            Id = Guid.CreateVersion7(),
            Name = name,
            Kind = RunKind.Distillation,
            Status = RunStatus.Completed,
            Step = steps,
            TotalSteps = steps,
            OptionsJson = JsonSerializer.Serialize(options, WebJson.Options),
            QueueOrder = (await db.Runs.MaxAsync(r => (long?)r.QueueOrder) ?? 0) + 1,
            CreatedAt = now,
            StartedAt = now.AddMinutes(-5),
            FinishedAt = now,
            TeacherPerplexity = 2.5,
            ValidationPerplexity = 2.75,
            TotalLoss = 1.25,
            TokensPerSecond = 4321,
            TeacherLayers = 4,
            StudentLayers = 2,
            TeacherParameters = 1_000_000,
            StudentParameters = 600_000,
            Attempt = 1,
            TrainedSeconds = 300,
        };
        db.Runs.Add(run);
        db.Series.Add(new StoredSeries { RunId = run.Id, Json = RunSeries.Begin(null, LoopSeries.Of(options, hasTeacher: true)) });
        await db.SaveChangesAsync();
        // One statement: 100 000 rows through the change tracker would take longer than the test.
        await db.Database.ExecuteSqlAsync($"""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {steps})
            INSERT INTO StepRows (RunId, Step, Attempt, Epoch, TokensSeen, TotalLoss, "Values")
            SELECT {run.Id}, i, 1, i / 1000.0, i * 2048, 1 + 10.0 / (1 + i / 50.0) + (i * 7919 % 101) / 400.0,
                pack_numbers(0.5 + 5.0 / (1 + i / 60.0), 0.4 + 2.0 / (1 + i / 40.0), 0.05 + 0.3 / (1 + i / 30.0), 0.0005 * (1 - i * 1.0 / {steps}),
                    1 + (i * 104729 % 97) / 100.0, 4000 + (i * 31 % 401), 300000000, 0.5)
            FROM n
            """);
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO Measurements (RunId, Name, Step, Attempt, "Value")
            SELECT {run.Id}, 'validationPerplexity', Step, 1, 2.75 + 3.0 / (1 + Step * 8.0 / {steps}) FROM StepRows
                WHERE RunId = {run.Id} AND Step % {Math.Max(1, steps / 20)} = 0
            UNION ALL SELECT {run.Id}, 'teacherPerplexity', 0, 1, 2.5
            """);
        Assert.Equal(["ce", "clm", "cos", "learningRate", "gradientNorm", "tokensPerSecond", "memoryBytes", "stepSeconds"],
            (await RunSeries.FindAsync(db, run.Id, default))!.Value.Series.Packed.Select(series => series.Name));
        app.Service<RunAnnouncements>().Announce(run.Id);
        return run;
    }

    /// <summary>Looks at the inside of a recorded run at every twentieth of its updates, as a training would have made them.</summary>
    public static async Task DiagnoseAsync(WebDistillApp app, Run run)
    {
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Diagnoses.AddRange(Enumerable.Range(1, 20).Select(i => Row(run, Look(i * run.Step / 20, i / 20.0))));
            await db.SaveChangesAsync();
        });
        app.Service<RunAnnouncements>().Announce(run.Id);
    }

    /// <summary>A look as it is stored.</summary>
    public static StoredDiagnosis Row(Run run, Diagnosis look) => new() { RunId = run.Id, Step = look.Step, Attempt = 1, Json = JsonSerializer.Serialize(look, WebJson.Measured) };

    /// <summary>A student of two blocks that agrees with its teacher the more, the further it is.</summary>
    /// <param name="progress">0 to 1.</param>
    public static Diagnosis Look(int step, double progress, double learningRate = 1e-4)
    {
        int[] counts = new int[Divergence.EdgesNats.Count + 1];
        for (int i = 0; i < counts.Length; i++)
            counts[i] = (int)(200 * Math.Exp(-0.05 * Math.Pow(i - 15 + 6 * progress, 2)));
        var kl = new Divergence(1.5 - progress, 0.9 - 0.6 * progress, 3 - 2 * progress, counts);
        return new Diagnosis(
            step, learningRate,
            [new("embeddings", 0.5 - 0.3 * progress, 40, 0.02), new("block 0", 1.2 - progress, 25, 0.03), new("block 1", 2.4 - 2 * progress, 24, 0.0504), new("final norm", 0.02, 11, 0.005)],
            new PredictionDiagnosis(1024, 3, 3.9 - progress, new TeacherComparison(
                2.75, 0.3 + 0.31 * progress, kl, kl with { MeanNats = kl.MeanNats / 4 },
                [.. Enumerable.Range(0, ConfidenceBin.Count).Select(i => i == 0 ? new ConfidenceBin(0, 0) : new ConfidenceBin(114, (int)(114 * (0.1 * i * progress))))])));
    }
}
