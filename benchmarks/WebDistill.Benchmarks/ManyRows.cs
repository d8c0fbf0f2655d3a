using System.Globalization;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Sweeps;
using WebDistill.Web.Ui;

namespace WebDistill.Benchmarks;

/// <summary>
/// Fills a database as years of use would: rows like those of real runs, without the files that would stand beside them. The rows of one kind are a
/// minute apart, the last one newest; what is numbered 1 is the oldest.
/// </summary>
internal static class ManyRows
{
    /// <summary>Updates recorded of each run.</summary>
    public const int StepsPerRun = 40;

    /// <summary>Runs of each sweep; every third run belongs to one.</summary>
    public const int RunsPerSweep = 25;

    private static readonly DateTime _begin = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public static async Task FillAsync(IDbContextFactory<WebDistillDb> contexts, int runs, int models, int evaluations, int datasets = 200)
    {
        await using WebDistillDb db = await contexts.CreateDbContextAsync();
        db.ChangeTracker.AutoDetectChangesEnabled = false;
        List<Model> allModels = [.. Enumerable.Range(1, models).Select(NewModel)];
        List<Dataset> allDatasets = [.. Enumerable.Range(1, datasets).Select(NewDataset)];
        db.AddRange(allModels);
        db.AddRange(allDatasets);
        AddRuns(db, runs, allModels, allDatasets);
        for (int i = 1; i <= evaluations; i++)
            db.Add(NewEvaluation(i, allModels[i * 7 % allModels.Count], allModels[0]));
        await db.SaveChangesAsync();
        await db.Database.ExecuteSqlAsync($"""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {StepsPerRun})
            INSERT INTO StepRows (RunId, Step, Attempt, Epoch, TokensSeen, TotalLoss, "Values")
            SELECT Runs.Id, i, 1, i / 40.0, i * 2048, 1 + 10.0 / i, pack_numbers(NULL, NULL, NULL, 0.001, 1, 4000, 300000000, 0.5)
            FROM Runs, n
            """);
        await db.Database.ExecuteSqlAsync($"""
            INSERT INTO Measurements (RunId, Name, Step, Attempt, "Value")
            SELECT RunId, 'validationPerplexity', Step, 1, 3 + 5.0 / Step FROM StepRows WHERE Step % 20 = 0
            """);
    }

    private static void AddRuns(WebDistillDb db, int count, List<Model> models, List<Dataset> datasets)
    {
        Sweep? sweep = null;
        int inSweep = 0;
        for (int i = 1; i <= count; i++)
        {
            bool isSwept = i % 3 == 0;
            if (isSwept && inSweep++ % RunsPerSweep == 0)
                db.Add(sweep = NewSweep(i));
            Run run = NewRun(i, models[i % models.Count], datasets[i % datasets.Count], isSwept ? sweep : null);
            if (run.Status == RunStatus.Completed)
                run.StudentModelId = models[(i + 1) % models.Count].Id;
            db.Add(run);
            db.Add(new StoredSeries { RunId = run.Id, Json = RunSeries.Begin(null, LoopSeries.Of(new RunOptions(), hasTeacher: true)) });
            for (int line = 0; line < 10; line++)
                db.Add(new LogLine { RunId = run.Id, At = run.CreatedAt, Step = 4 * line, Text = $"Saved the checkpoint of update {4 * line}; perplexity 3.{line}." });
            foreach (int step in new[] { 20, 40 })
                db.Add(new Checkpoint { Id = Guid.CreateVersion7(), RunId = run.Id, Step = step, CreatedAt = run.CreatedAt, Bytes = 7_000_000,
                    ValidationPerplexity = 3.2, WeightsSha256 = Hash(i + step) });
        }
    }

    private static Run NewRun(int i, Model teacher, Dataset dataset, Sweep? sweep)
    {
        DateTime at = _begin.AddMinutes(i);
        RunStatus status = i % 10 == 0 ? RunStatus.Failed : i % 7 == 0 ? RunStatus.Stopped : RunStatus.Completed;
        var options = new RunOptions
        {
            Name = Text($"Run {i} of {teacher.Name}, T = {i % 20}"),
            Teacher = new() { ModelId = $"{teacher.Id}" },
            Data = new() { DatasetId = $"{dataset.Id}" },
            Objective = new Dictionary<string, ObjectiveTerm> { ["ce"] = new(5, ("temperature", 1.0 + i % 20)), ["clm"] = new(2), ["cos"] = new(1) },
        };
        return new Run
        {
            Id = Guid.CreateVersion7(at), Name = options.Name, Kind = RunKind.Distillation, Status = status, Step = StepsPerRun, TotalSteps = StepsPerRun,
            Error = status == RunStatus.Failed ? "The total loss of update 41 is NaN: the learning rate may be too high. The last complete checkpoint is of update 40." : null,
            OptionsJson = JsonSerializer.Serialize(options, WebJson.Options), TeacherId = teacher.Id, DatasetId = dataset.Id, QueueOrder = i,
            CreatedAt = at, StartedAt = at, FinishedAt = at.AddSeconds(40), Attempt = 1, TrainedSeconds = 20 + i % 90, TeacherPerplexity = 3,
            ValidationPerplexity = 3 + i % 1000 / 1000.0, TotalLoss = 1.25, TokensPerSecond = 4000 + i, TeacherLayers = 4, StudentLayers = 2,
            TeacherParameters = 1_000_000, StudentParameters = 400_000 + i, FlopsPerToken = 2_000_000, TeacherSha256 = teacher.WeightsSha256,
            DatasetSha256 = dataset.Sha256, TokenizerSha256 = teacher.TokenizerSha256, Engine = "CPU (X64), 2 threads", Version = "1.0",
            SweepId = sweep?.Id, SweepPointJson = sweep is null ? null : JsonSerializer.Serialize(new Dictionary<string, string> { ["T"] = $"{1 + i % 20}" }),
        };
    }

    private static Sweep NewSweep(int i)
    {
        var plan = new SweepPlan
        {
            Name = Text($"Temperatures from run {i} on"),
            Options = new RunOptions { Teacher = new() { ModelId = $"{Guid.Empty}" }, Data = new() { DatasetId = $"{Guid.Empty}" } },
            Metric = i % 2 == 0 ? SweepMetric.BestValidationPerplexity : SweepMetric.FinalValidationPerplexity,
            Dimensions = [new SweepDimension { Name = "T", Values = [.. Enumerable.Range(1, 20).Select(t => SweepValue.Of("objective.ce.temperature", (double)t))] }],
        };
        DateTime at = _begin.AddMinutes(i);
        return new Sweep { Id = Guid.CreateVersion7(at), Name = plan.Name, PlanJson = JsonSerializer.Serialize(plan, WebJson.Options), CreatedAt = at };
    }

    private static Model NewModel(int i)
    {
        DateTime at = _begin.AddMinutes(i);
        return new Model
        {
            Id = Guid.CreateVersion7(at), Name = Text($"Model {i}"), CreatedAt = at, Layers = 2 + i % 4, Width = 128, Heads = 4, ContextLength = 256, VocabularySize = 4096,
            ParameterCount = 500_000 + i, WeightBytes = 2_000_000, WeightsSha256 = Hash(i), DataType = "F32", TokenizerSha256 = Hash(-1 - i % 3),
        };
    }

    private static Dataset NewDataset(int i)
    {
        DateTime at = _begin.AddMinutes(i);
        return new Dataset
        {
            Id = Guid.CreateVersion7(at), Name = Text($"Text {i}"), FileName = "text.txt", State = DatasetState.Ready, Format = "text-paragraphs", JsonField = "text",
            RequestedVocabularySize = 4096, ValidationProportion = 0.05, Bytes = 4_000_000, Sha256 = Hash(100_000 + i), TokenizerSha256 = Hash(-1 - i % 3),
            VocabularySize = 4096, Documents = 20_000, Tokens = 1_000_000, TrainTokens = 950_000, ValidationTokens = 50_000, CreatedAt = at,
        };
    }

    private static Evaluation NewEvaluation(int i, Model model, Model reference)
    {
        DateTime at = _begin.AddMinutes(i);
        string[] groups = [.. Enumerable.Range(0, 16).Select(group => Text($"group {group}"))];
        var result = new EvaluationResult
        {
            Figures = [.. Enumerable.Range(0, 8).Select(figure => new EvaluationFigure(Text($"Figure {figure}"), 3.25 + figure, "nats per token", Better.Lower))],
            Counts = [new EvaluationCount("tokens", 50_000)],
            Protocol = "Windows of 256 tokens begin every 128; each token is predicted from at least 128 before it, except the first ones.",
            Breakdowns = [.. Enumerable.Range(0, 4).Select(chart => new EvaluationBreakdown(Text($"Chart {chart}"), "position", "nats per token", groups,
                [.. groups.Select(_ => 1000L)], [.. groups.Select(_ => (double?)3.5)]))],
            Samples = [.. Enumerable.Range(0, 20).Select(sample => new EvaluationSample(Text($"What comes after sentence {sample}?"), "The green boat left.", "It left."))],
        };
        return new Evaluation
        {
            Id = Guid.CreateVersion7(at), Key = Hash(200_000 + i), Set = "fidelity", ModelId = model.Id, ModelName = model.Name, WeightsSha256 = model.WeightsSha256,
            ReferenceModelId = reference.Id, ReferenceName = reference.Name, ReferenceSha256 = reference.WeightsSha256, SourceName = "tale.txt",
            SourceSha256 = Hash(0), ContextLength = 256, Stride = 128, Status = EvaluationStatus.Completed, DoneUnits = 10, TotalUnits = 10,
            ResultJson = JsonSerializer.Serialize(result, WebJson.Options), CreatedAt = at, FinishedAt = at, ComputedSeconds = 12,
            Engine = "CPU (X64), 2 threads", Version = "1.0",
        };
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string Hash(int i) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(BitConverter.GetBytes(i)));
}
