using System.Text.Json;
using WebDistill.Distillation.Engine;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Jobs;

namespace WebDistill.Web.Tests.Jobs;

public sealed class SystemSamplerTests
{
    private readonly HandClock _clock = new();

    [Fact]
    public void Add_EveryTenSeconds_SaysWhatTheUpdatesSinceThenReached()
    {
        // 1 000 tokens in half a second of update, 3 operations each: 6 000 per second, of 60 000 that the machine could make.
        var sampler = new SystemSampler(flopsPerToken: 3, peak: 60_000, new SystemMeter(_clock), _clock);
        List<int> sampled = [];
        for (int step = 1; step <= 30; step++)
        {
            _clock.Pass(TimeSpan.FromSeconds(1));
            // A validation in between takes time that is none of the updates'.
            StepReport report = sampler.Add(Report(step));
            if (report[SystemSeries.PeakShare.Name] is not double share)
                continue;
            sampled.Add(step);
            Assert.Equal(0.1, share, 12);
            Assert.InRange(report["processCpuShare"]!.Value, 0, 1);
            Assert.True(report["processMemoryBytes"] > 0 && report["machineMemoryUsedBytes"] <= report["machineMemoryBytes"]);
            Assert.Equal(0.5, report[LoopSeries.StepSeconds.Name]);
        }
        Assert.Equal([10, 20, 30], sampled);
    }

    [Fact]
    public void Add_FirstUpdateOfAnAttempt_CountsNothingOfBefore()
    {
        var sampler = new SystemSampler(flopsPerToken: 3, peak: 60_000, new SystemMeter(_clock), _clock);
        _clock.Pass(TimeSpan.FromMinutes(1));
        // Its first report comes late, with the tokens of earlier attempts.
        Assert.Null(sampler.Add(Report(501))[SystemSeries.PeakShare.Name]);
        Assert.Equal(0.1, sampler.Add(Report(502))[SystemSeries.PeakShare.Name]!.Value, 12);
    }

    [Fact]
    public void Catalogue_EverySampledNumber_HasANameAndAChartOfItsTab()
    {
        string[] others = [.. LoopSeries.Of(new RunOptions(), hasTeacher: true).Select(series => series.Name)];
        Assert.All(SystemSeries.All, series => Assert.True(series is { Tab: SystemSeries.Tab, Chart: not null, Unit: not "", IsCompared: false } && !others.Contains(series.Name), series.Name));
        Assert.Equal(SystemSeries.All.Count, SystemSeries.All.Select(series => series.Name).Distinct().Count());
        Assert.Subset(SystemSeries.All.ToHashSet(), SystemSeries.Values(new SystemMeter(_clock).Read()).Select(one => one.Series).ToHashSet());
    }

    [Fact]
    [Trait("takes", "long")]
    public async Task Run_ThatTrainsForSomeTime_IsSampledAndTheSamplesAreStored()
    {
        await using var app = new WebDistillApp();
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000));
        JsonElement step = default;
        for (int i = 0, after = 0; step.ValueKind == JsonValueKind.Undefined; i++)
        {
            Assert.True(i < 600, "No update was sampled.");
            JsonElement[] steps = [.. (await app.GetAsync($"/api/runs/{id}/steps?limit=1000&after={after}")).EnumerateArray()];
            step = steps.FirstOrDefault(one => one.GetProperty("values").TryGetProperty(SystemSeries.PeakShare.Name, out _));
            if (steps.Length > 0)
                after = steps[^1].GetProperty("step").GetInt32();
            else
                await Task.Delay(100);
        }
        JsonElement values = step.GetProperty("values");
        Assert.True(values.GetProperty(SystemSeries.PeakShare.Name).GetDouble() > 0, step.ToString());
        Assert.InRange(values.GetProperty("processCpuShare").GetDouble(), 1e-3, 1);
        if (OperatingSystem.IsLinux())
            Assert.InRange(values.GetProperty("machineCpuShare").GetDouble(), 1e-3, 1);
        (await app.Http.PostAsync($"/api/runs/{id}/stop", null)).Dispose();
        await app.EndOfRunAsync(id);
    }

    private static StepReport Report(int step) =>
        new(step, 0.5, 1000L * step, 1.5, new Dictionary<string, double> { [LoopSeries.StepSeconds.Name] = 0.5 });

    private sealed class HandClock : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Pass(TimeSpan time) => _now += time.Ticks;
    }
}
