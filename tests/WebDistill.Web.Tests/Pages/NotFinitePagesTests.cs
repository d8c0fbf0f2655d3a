using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using WebDistill.Data;
using WebDistill.Distillation.Training;
using WebDistill.Web.Live;
using WebDistill.Web.Runs;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Runs;
using WebDistill.Web.Ui;
using static Microsoft.Playwright.Assertions;

namespace WebDistill.Web.Tests.Pages;

/// <summary>Pages and their charts in a browser, on runs whose perplexities overflowed or are not numbers.</summary>
[Trait("needs", "browser")]
public sealed class NotFinitePagesTests(WebDistillApp app, Chromium chromium) : IClassFixture<WebDistillApp>, IClassFixture<Chromium>
{
    [Fact]
    public async Task Runs_WithSuchNumbers_AreDrawnReadOutAndOrderedWithoutAFault()
    {
        Run lost = await RunAsync("Lost", double.NaN, 2), far = await RunAsync("Far off", 3000, 2), near = await RunAsync("Near", 1, 3);
        await using Visit visit = await chromium.VisitAsync(app, $"/runs/{far.Id:N}");
        await visit.WaitForPointsAsync(40);
        ILocator chart = visit.Page.Locator("[data-chart='perplexity']");
        await Expect(chart.Locator(".note")).ToHaveTextAsync("Not drawn: 20 values over 1e308.");
        await Expect(chart.Locator(".legend")).ToContainTextAsync("over 1e308 (3000.0 nats/token)");
        await Expect(visit.Page.Locator(".head-figures")).ToContainTextAsync("over 1e308 (3000.0 nats/token)");
        await visit.AssertAccessibleAsync();

        await visit.GoAsync(Addresses.Compare([near.Id, far.Id, lost.Id]));
        await Expect(visit.Page.Locator(".figures-table .marked").First).ToContainTextAsync("2.72");
        await visit.GoAsync(Addresses.Compare([near.Id, far.Id, lost.Id]) + "&tab=curves");
        await visit.Page.WaitForFunctionAsync("() => window.webdistillCompare?.points === 120 && window.webdistillCompare.draws > 0");
        ILocator compared = visit.Page.Locator("[data-chart='perplexity']");
        await Expect(compared.Locator(".note")).ToHaveTextAsync("Not drawn: 20 values over 1e308, 20 not a number.");
        await Expect(visit.Page.Locator(".readings")).ToContainTextAsync("over 1e308 (3000.0 nats/token)");
        visit.AssertNoFaults();

        // As the table of runs orders them: NaN, which the database keeps as its lowest number, is the worst.
        Slice<Run> ascending = await app.Service<RunTable>().ReadAsync(new RunQuery(Order: RunOrder.Perplexity, Descending: false));
        Assert.Equal([near.Id, far.Id, lost.Id], ascending.Rows.Select(run => run.Id));
        Slice<Run> descending = await app.Service<RunTable>().ReadAsync(new RunQuery(Order: RunOrder.Perplexity));
        Assert.Equal([lost.Id, far.Id, near.Id], descending.Rows.Select(run => run.Id));
    }

    private async Task<Run> RunAsync(string name, double nats, int temperature)
    {
        Run run = await SmallRuns.RecordedAsync(app, name, 40);
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            double perplexity = Math.Exp(nats);
            foreach (Measurement measured in await db.Measurements.Where(one => one.RunId == run.Id && one.Step > 0).ToListAsync())
            {
                measured.Value = perplexity;
                db.Measurements.Add(new Measurement { RunId = run.Id, Name = LoopSeries.ValidationNatsPerToken.Name, Step = measured.Step, Value = nats });
            }
            Run stored = await db.Runs.SingleAsync(row => row.Id == run.Id);
            (stored.ValidationPerplexity, stored.ValidationNatsPerToken) = (perplexity, nats);
            stored.OptionsJson = stored.OptionsJson.Replace("\"temperature\":3", $"\"temperature\":{temperature}", StringComparison.Ordinal);
            await db.SaveChangesAsync();
        });
        app.Service<RunAnnouncements>().Announce(run.Id);
        return run;
    }
}
