using System.Threading.Channels;
using WebDistill.Data;
using WebDistill.Distillation;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Runs;

public sealed class RunRecorderTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Report_FasterThanTheDatabase_RecordsEveryStepAndItsEveryNumber()
    {
        const int steps = 3 * RunRecorder.QueueCapacity;
        Guid id = await AddRunAsync();
        int rings = 0;
        using IDisposable subscription = app.Service<RunAnnouncements>().Subscribe(id, () => Interlocked.Increment(ref rings));
        await using (var recorder = new RunRecorder(id, app.Service<DatabaseWriter>(), app.Service<RunAnnouncements>(), () => 7.5))
        {
            for (int step = 1; step <= steps; step++)
                recorder.Report(Report(step));
        }
        IReadOnlyList<StepReport> recorded = await app.Service<RunService>().StepsAsync(id, 0, int.MaxValue);
        Assert.Equal(Enumerable.Range(1, steps).Select(Report), recorded);
        Run run = await app.Service<RunService>().GetAsync(id);
        Assert.Equal(steps, run.Step);
        Assert.Equal(7.5, run.TeacherPerplexity);
        Assert.Equal(Report(steps).TotalLoss, run.TotalLoss);
        Assert.InRange(rings, 1, steps / 10);
    }

    [Fact]
    public async Task Report_OneStep_IsSavedAndAnnouncedWithinASecond()
    {
        Guid id = await AddRunAsync();
        var heard = new TaskCompletionSource();
        using IDisposable subscription = app.Service<RunAnnouncements>().Subscribe(id, () => heard.TrySetResult());
        await using var recorder = new RunRecorder(id, app.Service<DatabaseWriter>(), app.Service<RunAnnouncements>(), () => null);
        recorder.Report(Report(1));
        // Generous: this proves that a lone step is not held back until the next, not how fast the machine is.
        await heard.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Single(await app.Service<RunService>().StepsAsync(id, 0, 10));
    }

    [Fact]
    public async Task Report_StepThatCannotBeSaved_FailsTheNextReportAndTheEnd()
    {
        Guid id = await AddRunAsync();
        var recorder = new RunRecorder(id, app.Service<DatabaseWriter>(), app.Service<RunAnnouncements>(), () => null);
        recorder.Report(Report(1) with { GradientNorm = double.PositiveInfinity });
        Exception failure = await Assert.ThrowsAsync<ChannelClosedException>(async () =>
        {
            for (int step = 2; step < 100_000; step++)
            {
                recorder.Report(Report(step));
                await Task.Delay(1);
            }
        });
        Assert.Contains("gradientNorm", failure.InnerException!.Message);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await recorder.DisposeAsync());
        Assert.Empty(await app.Service<RunService>().StepsAsync(id, 0, 10));
    }

    private static StepReport Report(int step) => new()
    {
        Step = step,
        Epoch = step / 7.0,
        TokensSeen = step * 1_000_000_007L,
        TotalLoss = 1.0 / step,
        DistillationCeNatsPerToken = step % 2 == 0 ? null : 0.1 * step,
        CausalLmNatsPerToken = 0.3 * step,
        LogitsMse = 0.7 * step,
        CosineDistance = 0.9 / step,
        LearningRate = 1e-4 / step,
        GradientNorm = 1.1 * step,
        TokensPerSecond = 1.3 * step,
        StepSeconds = 1.7 * step,
        MemoryBytes = 1L << 33,
        ValidationPerplexity = step % 10 == 0 ? 1.9 * step : null,
    };

    private async Task<Guid> AddRunAsync()
    {
        var id = Guid.CreateVersion7();
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(new Run { Id = id, Name = "recorded", Status = RunStatus.Completed, OptionsJson = "{}" });
            await db.SaveChangesAsync();
        });
        return id;
    }
}
