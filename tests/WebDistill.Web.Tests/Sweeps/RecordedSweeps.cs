using System.Text.Json;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

/// <summary>Sweeps that are written into the database as a training would have left them.</summary>
internal static class RecordedSweeps
{
    /// <summary>Three temperatures and two seeds; perplexities 12 and 13, 9 and 11, and one run of the third point still to come.</summary>
    public static async Task<Sweep> TemperaturesAsync(WebDistillApp app, string name = "Temperatures")
    {
        var plan = new SweepPlan
        {
            Name = name,
            Options = new RunOptions { Teacher = new() { ModelId = Guid.NewGuid().ToString() },
                Data = new() { DatasetId = Guid.NewGuid().ToString() } },
            Dimensions =
            [
                new SweepDimension { Name = "T", Values = [.. new[] { 1.0, 4, 8 }.Select(t => SweepValue.Of("objective.ce.temperature", t))] },
                new SweepDimension { Name = "seed", Values = [.. new[] { 1L, 2 }.Select(seed => SweepValue.Of("seed", seed))] },
            ],
        };
        (double Perplexity, RunStatus Status)[] results =
        [
            (12, RunStatus.Completed), (13, RunStatus.Completed), (9, RunStatus.Completed), (11, RunStatus.Completed),
            (7, RunStatus.Stopped), (8, RunStatus.Paused),
        ];
        return await AddAsync(app, plan, results);
    }

    /// <summary>A sweep whose runs have these perplexities, in the plan's order.</summary>
    public static async Task<Sweep> AddAsync(WebDistillApp app, SweepPlan plan, params (double Perplexity, RunStatus Status)[] results)
    {
        var sweep = new Sweep
        {
            Id = Guid.CreateVersion7(), Name = plan.Name, PlanJson = JsonSerializer.Serialize(plan, WebJson.Options),
            CreatedAt = DateTime.UtcNow,
        };
        List<Run> runs = [];
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            long order = db.Runs.Any() ? db.Runs.Max(run => run.QueueOrder) : 0;
            db.Sweeps.Add(sweep);
            foreach ((SweepPoint point, (double perplexity, RunStatus status)) in plan.Expand().Zip(results))
            {
                RunOptions options = plan.OptionsOf(point).Options;
                runs.Add(new Run
                {
                    Id = Guid.CreateVersion7(),
                    Name = options.Name,
                    Kind = RunKind.Distillation,
                    Status = status,
                    Step = status == RunStatus.Completed ? 100 : 40,
                    TotalSteps = 100,
                    OptionsJson = JsonSerializer.Serialize(options, WebJson.Options),
                    SweepId = sweep.Id,
                    SweepPointJson = JsonSerializer.Serialize(new Dictionary<string, string>(point.Labels), WebJson.Options),
                    QueueOrder = ++order,
                    CreatedAt = DateTime.UtcNow,
                    StartedAt = DateTime.UtcNow,
                    TrainedSeconds = 60,
                    TeacherPerplexity = 5,
                    ValidationPerplexity = perplexity,
                    TotalLoss = perplexity / 10,
                });
            }
            db.Runs.AddRange(runs);
            await db.SaveChangesAsync();
        });
        foreach (Run run in runs)
            app.Service<RunAnnouncements>().Announce(run.Id);
        return sweep;
    }
}
