using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Jobs;
using WebDistill.Web.Live;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Live;
using WebDistill.Web.Tests.Pages;
using WebDistill.Web.Ui;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Numbers;

/// <summary>
/// Numbers that no version knows: a loss, a number of every update, one that is measured now and then, and one that the run has once. A report that
/// holds them is all it takes; no table, endpoint, page or script knows their names.
/// </summary>
[Trait("needs", "browser")]
public sealed class NewNumberTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    private static readonly StepSeries s_loss = new()
    {
        Name = "patience", Title = "Patience", Unit = "sighs/token", Chart = StepSeries.LossChart, Colour = 15, Weight = 0.5, Format = SeriesFormat.Loss,
        IsSmoothed = true, CanBeLogarithmic = true,
    };

    private static readonly StepSeries s_dense = new()
    {
        Name = "sparsity", Title = "Sparsity", Unit = "%", Chart = "sparsity", Colour = 3, Format = SeriesFormat.Significant, Factor = 100,
    };

    private static readonly StepSeries s_measured = new()
    {
        Name = "accuracy", Title = "Accuracy", Unit = "%", Chart = "accuracy", Colour = 4, Cadence = SeriesCadence.Measured, Format = SeriesFormat.Significant,
    };

    private static readonly StepSeries s_once = new()
    {
        Name = "chance", Title = "By chance", Chart = "accuracy", Cadence = SeriesCadence.Once, Format = SeriesFormat.Significant,
    };

    [Fact]
    public async Task Report_WithNumbersThatNothingKnows_ReachesAnswersHubAndPages()
    {
        Run run = await AddRunAsync("Novel"), other = await AddRunAsync("Plain", [LoopSeries.TotalLoss, LoopSeries.StepSeconds]);
        await RecordAsync(run, Enumerable.Range(1, 5).Select(Report));
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{run.Id:N}");
        await visit.WaitForPointsAsync(5);
        await RecordAsync(run, Enumerable.Range(6, 15).Select(Report));
        await RecordAsync(other, Enumerable.Range(1, 5).Select(step => Report(step) with { Values = new Dictionary<string, double> { ["stepSeconds"] = 1 } }));

        // The pages, while the numbers come.
        Assert.Equal(20, await visit.WaitForPointsAsync(20));
        ILocator sparsity = visit.Page.Locator("[data-chart=sparsity]"), accuracy = visit.Page.Locator("[data-chart=accuracy]");
        await Expect(sparsity.Locator("h3")).ToHaveTextAsync("Sparsity %");
        await Expect(sparsity.Locator(".legend .value")).ToHaveTextAsync("20.00");
        await Expect(accuracy.Locator(".legend")).ToHaveTextAsync(new Regex("Model\\s*91\\.00\\s*By chance\\s*50\\.00"));
        ILocator losses = visit.Page.Locator("[data-chart=losses]");
        await Expect(losses.Locator(".legend button")).ToHaveCountAsync(2);
        await Expect(losses.Locator(".legend")).ToContainTextAsync("0.50 × Patience");
        // The palette begins anew where it ends.
        await Expect(losses.Locator(".legend .line").Nth(1)).ToHaveAttributeAsync("style", "color: var(--series-5)");
        await visit.OpenChartMenuAsync("Accuracy");
        IDownload csv = await visit.Page.RunAndWaitForDownloadAsync(() => accuracy.GetByLabel("Download Accuracy as CSV").ClickAsync());
        Assert.Equal(["step,accuracy,chance", "10,81,50", "20,91,50"], await File.ReadAllLinesAsync(await csv.PathAsync()));
        await visit.AssertAccessibleAsync();

        await visit.GoAsync(Addresses.Compare([run.Id, other.Id]) + "&tab=curves");
        await visit.Page.WaitForFunctionAsync("() => window.webdistillCompare?.points === 25 && window.webdistillCompare.draws > 0");
        await Expect(visit.Page.Locator(".readings thead")).ToHaveTextAsync(new Regex("Run\\s*Total\\s*Patience\\s*Sparsity\\s*Accuracy"));
        await Expect(visit.Page.Locator(".readings tbody tr").First).ToHaveTextAsync(new Regex("Novel.*20\\.00\\s*91\\.00"));
        await Expect(visit.Page.Locator("[data-chart=patience] h3")).ToHaveTextAsync("Patience sighs/token");
        visit.AssertNoFaults();

        // The answers.
        JsonElement[] series = [.. (await app.GetAsync($"/api/runs/{run.Id}/series")).EnumerateArray()];
        Assert.Equal(["totalLoss", "patience", "sparsity", "accuracy", "chance", "stepSeconds"], series.Select(one => one.GetProperty("name").GetString()));
        Assert.Equal(("sighs/token", 0.5, "losses"),
            (series[1].GetProperty("unit").GetString(), series[1].GetProperty("weight").GetDouble(), series[1].GetProperty("chart").GetString()));
        JsonElement[] steps = [.. (await app.GetAsync($"/api/runs/{run.Id}/steps")).EnumerateArray()];
        Assert.Equal("""{"patience":0.1,"sparsity":0.1,"stepSeconds":0.25,"accuracy":81}""", steps[9].GetProperty("values").ToString());
        Assert.Equal("""{"patience":"NaN","sparsity":0.11,"stepSeconds":0.25}""", steps[10].GetProperty("values").ToString());

        // The live wire.
        await using CurvesClient client = await CurvesClient.WatchAsync(app.Address, run.Id, 0);
        JsonElement rows = (await client.NextAsync())!.Value;
        Assert.Equal(series.Select(one => one.ToString()), rows.GetProperty("series").EnumerateArray().Select(one => one.ToString()));
        Assert.Equal(["NaN", "0.12"], rows.GetProperty("columns").GetProperty("patience").EnumerateArray().Skip(10).Take(2).Select(number => number.ToString()));
        Assert.Equal("""{"chance":50}""", rows.GetProperty("once").ToString());
    }

    private static StepReport Report(int step)
    {
        Dictionary<string, double> values = new()
        {
            [s_loss.Name] = step == 11 ? double.NaN : step / 100.0, [s_dense.Name] = step / 100.0, [LoopSeries.StepSeconds.Name] = 0.25,
        };
        if (step % 10 == 0)
            values[s_measured.Name] = 71 + step;
        return new StepReport(step, step / 20.0, 100L * step, 3.0 / step, values);
    }

    private async Task RecordAsync(Run run, IEnumerable<StepReport> reports)
    {
        RunSeries series = (await app.Service<DatabaseWriter>().WriteAsync(db => RunSeries.FindAsync(db, run.Id, default)))!.Value.Series;
        await using var recorder = new StepRecorder(run, series, app.Service<DatabaseWriter>(), app.Service<RunAnnouncements>(), app.Service<StorageHealth>(),
            () => null, _ => Task.FromResult(true), TimeProvider.System, CancellationToken.None);
        foreach (StepReport report in reports)
            recorder.Report(report);
    }

    private async Task<Run> AddRunAsync(string name, IReadOnlyList<StepSeries>? series = null)
    {
        var run = new Run
        {
            Id = Guid.CreateVersion7(), Name = name, Status = RunStatus.Paused, Attempt = 1, TotalSteps = 20, CreatedAt = DateTime.UtcNow,
            OptionsJson = JsonSerializer.Serialize(new RunOptions { Name = name }, WebJson.Options),
        };
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(run);
            db.Series.Add(new StoredSeries
            {
                RunId = run.Id, Json = RunSeries.Begin(null, series ?? [LoopSeries.TotalLoss, s_loss, s_dense, s_measured, s_once, LoopSeries.StepSeconds]),
            });
            if (series is null)
                db.Measurements.Add(new Measurement { RunId = run.Id, Name = s_once.Name, Value = 50 });
            await db.SaveChangesAsync();
        });
        return run;
    }
}
