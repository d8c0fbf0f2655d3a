using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Benchmarks;
using WebDistill.Data;
using WebDistill.Web.Datasets;
using WebDistill.Web.Layout;
using WebDistill.Web.Models;
using WebDistill.Web.Runs;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;

namespace WebDistill.Web.Tests.Scale;

/// <summary>
/// With 1 000 runs the page of runs was 2.7 MB of HTML and their list 1.7 MB of JSON; with 10 000 models every list to choose from had 10 000 options.
/// </summary>
[Trait("takes", "long")]
public sealed class ScaleTests(ManyRowsApp many) : IClassFixture<ManyRowsApp>
{
    private const int MostBytes = 300_000;

    private WebDistillApp App => many.App;

    [Fact]
    public async Task Pages_ThousandsOfRows_AreSmallAndReadLittle()
    {
        IReadOnlyList<Run> runs = await App.Service<RunService>().ListAsync();
        IReadOnlyList<Model> models = await App.Service<ModelService>().ListAsync();
        Run swept = runs.First(run => run.SweepId is not null), completed = runs.First(run => run.StudentModelId is not null);
        Dataset dataset = (await App.Service<DatasetService>().ListAsync()).First();
        string[] pages =
        [
            "/", "/models", "/datasets", "/evaluate", $"/evaluate?model={models[0].Id:N}", "/sweeps", $"/sweeps/{swept.SweepId:N}", "/sweeps/new", "/compare",
            $"/compare?runs={string.Join(',', runs.Take(8).Select(run => run.Id.ToString("N")))}", "/runs/new", $"/runs/new?clone={completed.Id:N}", "/playground",
            $"/playground?mode=checkpoints&run={completed.Id:N}", "/settings", $"/runs/{completed.Id:N}", $"/datasets/{dataset.Id:N}",
            $"/report?models={models[0].Id:N},{models[7].Id:N}",
        ];
        List<string> tooMuch = [];
        foreach (string page in pages)
        {
            await App.Http.GetStringAsync(page);
            // The second time: the small curves of the runs are read once for all who look.
            (string html, IReadOnlyList<(string Sql, string[] Plan)> commands, int rows) = await many.CountAsync(() => App.Http.GetStringAsync(page));
            // A page that fails is answered with 200 and says so itself.
            if (html.Length > MostBytes || commands.Count > 40 || rows > 700 || html.Contains("This page met an error."))
                tooMuch.Add($"{page}: {html.Length} bytes, {commands.Count} commands, {rows} rows");
        }
        Assert.True(tooMuch.Count == 0, string.Join('\n', tooMuch));
    }

    [Fact]
    public async Task Lists_ThousandsOfRows_ReadOnePieceByTheirIndexWithoutSorting()
    {
        Guid run = (await App.Service<RunService>().ListAsync())[0].Id;
        List<string> tooMuch = [];
        foreach ((string list, string index) in new[]
        {
            ("/api/runs", "IX_Runs_CreatedAt_Id"), ("/api/models", "IX_Models_CreatedAt_Id"), ("/api/datasets", "IX_Datasets_CreatedAt_Id"),
            ("/api/evaluations", "IX_Evaluations_CreatedAt_Id"), ("/api/sweeps", "IX_Sweeps_CreatedAt_Id"), ($"/api/runs/{run}/log", "IX_LogLines_RunId"),
            ($"/api/runs/{run}/steps", "sqlite_autoindex_StepRows_1"), ($"/api/runs/{run}/checkpoints", "sqlite_autoindex_Checkpoints_1"),
        })
        {
            string address = $"{list}?limit=5";
            for (int piece = 0; piece < 2; piece++)
            {
                (HttpResponseMessage answer, IReadOnlyList<(string Sql, string[] Plan)> commands, int rows) = await many.CountAsync(() => App.Http.GetAsync(address));
                // A sweep brings its runs.
                int most = list == "/api/sweeps" ? 6 * (3 * ManyRows.RunsPerSweep + 1) : 10;
                if (commands.Count > 4 || rows > most || commands.SelectMany(c => c.Plan).Any(step => step.Contains("B-TREE"))
                    || !commands.SelectMany(c => c.Plan).Any(step => step.Contains(index)))
                    tooMuch.Add($"{address}: {commands.Count} commands, {rows} rows\n{string.Join('\n', commands.Select(c => $"{c.Sql}\n  {string.Join("\n  ", c.Plan)}"))}");
                address = Next(answer) ?? address;
            }
        }
        Assert.True(tooMuch.Count == 0, string.Join('\n', tooMuch));
    }

    [Theory]
    [InlineData("/api/runs", ManyRowsApp.Runs)]
    [InlineData("/api/models", ManyRowsApp.Models)]
    [InlineData("/api/datasets", ManyRowsApp.Datasets)]
    [InlineData("/api/evaluations", ManyRowsApp.Evaluations)]
    [InlineData("/api/sweeps", 14)]
    public async Task List_FollowedToItsEnd_HasEveryRowOnceNewestFirst(string list, int count)
    {
        List<(DateTime At, Guid Id)> seen = [];
        string? address = list + (count > 1000 ? "?limit=1000" : count < 100 ? "?limit=5" : "");
        while (address is not null)
        {
            using HttpResponseMessage answer = await App.Http.GetAsync(address);
            JsonElement[] rows = [.. (await answer.JsonAsync()).EnumerateArray()];
            Assert.InRange(rows.Length, 1, count > 1000 ? 1000 : 100);
            seen.AddRange(rows.Select(row => (row.GetProperty("createdAt").GetDateTime(), row.GetProperty("id").GetGuid())));
            address = Next(answer);
        }
        Assert.Equal(count, seen.Select(row => row.Id).Distinct().Count());
        Assert.Equal(count, seen.Count);
        Assert.Equal(seen.OrderByDescending(row => row.At).ThenByDescending(row => row.Id), seen);
    }

    [Fact]
    public async Task List_RowsOfTheSameMomentThatComeAndGo_IsNeitherSkippedNorRepeated()
    {
        await using var app = new WebDistillApp();
        DateTime at = new(2026, 5, 5, 5, 5, 5, DateTimeKind.Utc);
        async Task AddAsync(int count) => await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Sweeps.AddRange(Enumerable.Range(0, count).Select(_ => new Sweep { Id = Guid.NewGuid(), Name = "Same", PlanJson = """{"name":"Same","options":{"datasetId":"x"},"dimensions":[]}""", CreatedAt = at }));
            await db.SaveChangesAsync();
        });
        await AddAsync(7);
        JsonElement[] before = [.. (await app.GetAsync("/api/sweeps")).EnumerateArray()];
        Guid[] ids = [.. before.Select(row => row.GetProperty("id").GetGuid())];
        using HttpResponseMessage first = await app.Http.GetAsync("/api/sweeps?limit=3");
        // One that was shown goes, and newer ones come: the pieces that follow are what they would have been.
        await app.Service<DatabaseWriter>().WriteAsync(db => db.Sweeps.Where(sweep => sweep.Id == ids[1]).ExecuteDeleteAsync());
        at = at.AddSeconds(1);
        await AddAsync(2);
        Assert.Equal(ids[3..], (await app.GetAsync(Next(first)!)).EnumerateArray().Select(row => row.GetProperty("id").GetGuid()));
    }

    [Theory]
    [InlineData("/api/runs?limit=0", "limit", "0")]
    [InlineData("/api/models?limit=1001", "limit", "1 to 1000")]
    [InlineData("/api/datasets?limit=many", "limit", "'many'")]
    [InlineData("/api/evaluations?after=x", "after", "expected the id")]
    [InlineData("/api/runs?after=00000000-0000-0000-0000-000000000001", "after", "There is no run")]
    [InlineData("/api/sweeps?after=00000000-0000-0000-0000-000000000001", "after", "There is no sweep")]
    [InlineData("/api/storage/backups?after=x", "after", "There is no backup")]
    public async Task List_PlaceOrLimitThatIsNone_IsRefusedByName(string address, string field, string message)
    {
        using HttpResponseMessage answer = await App.Http.GetAsync(address);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(message, (await answer.JsonAsync()).GetProperty("errors").GetProperty(field)[0].GetString());
    }

    [Fact]
    public async Task Runs_FilteredAndSorted_AreTakenFromTheWholeList()
    {
        RunTable table = App.Service<RunTable>();
        Slice<Run> found = await table.ReadAsync(new RunQuery("stopped 5"));
        Assert.All(found.Rows, run => Assert.True(run.Status == RunStatus.Stopped && run.Name.Contains('5'), run.Name));
        await using WebDistillDb db = await App.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        Assert.Equal(db.Runs.AsNoTracking().AsEnumerable().Count(run => run.Status == RunStatus.Stopped && run.Name.Contains('5')), found.Total);

        Slice<Run> worst = await table.ReadAsync(new RunQuery(Order: RunOrder.Perplexity, Descending: true));
        Assert.Equal(3.999, worst.Rows[0].ValidationPerplexity);
        Assert.Equal(worst.Rows.Select(run => run.ValidationPerplexity).OrderDescending(), worst.Rows.Select(run => run.ValidationPerplexity));
        Slice<Run> last = await table.ReadAsync(new RunQuery(Order: RunOrder.Size, Descending: true, First: ManyRowsApp.Runs - Lists.PageRows));
        Assert.Equal(1, last.Rows[^1].QueueOrder);
        Assert.Equal(last.Rows.Select(run => run.Id), (await table.ReadAsync(new RunQuery(Order: RunOrder.Size, Descending: true, First: 999_999))).Rows.Select(run => run.Id));

        int completed = (await table.ReadAsync(new RunQuery(Group: RunGroup.Completed))).Total, other = (await table.ReadAsync(new RunQuery(Group: RunGroup.Other))).Total;
        Assert.Equal(ManyRowsApp.Runs, completed + other);
        Assert.Equal(0, (await table.ReadAsync(new RunQuery(Group: RunGroup.Active))).Total);
        Assert.Equal(ManyRowsApp.Runs / 10, (await table.ReadAsync(new RunQuery("FAILED"))).Total);
    }

    [Theory]
    [InlineData(RunOrder.Status)]
    [InlineData(RunOrder.Name)]
    [InlineData(RunOrder.Progress)]
    [InlineData(RunOrder.Speed)]
    [InlineData(RunOrder.Started)]
    [InlineData(RunOrder.Duration)]
    public async Task Runs_EveryOrder_TurnsAroundWithItsDirection(RunOrder order)
    {
        Slice<Run> up = await App.Service<RunTable>().ReadAsync(new RunQuery("run", Order: order, Descending: false));
        Slice<Run> down = await App.Service<RunTable>().ReadAsync(new RunQuery("run", Order: order, Descending: true));
        Assert.Equal((ManyRowsApp.Runs, ManyRowsApp.Runs), (up.Total, down.Total));
        IComparable Key(Run run) => order switch
        {
            RunOrder.Status => run.Status,
            RunOrder.Name => run.Name.ToUpperInvariant(),
            RunOrder.Progress => (double)run.Step / run.TotalSteps,
            RunOrder.Speed => run.TokensPerSecond!.Value,
            RunOrder.Duration => run.TrainedSeconds,
            _ => run.StartedAt!.Value,
        };
        Comparer<IComparable> ordinal = Comparer<IComparable>.Create((a, b) => a is string text ? string.CompareOrdinal(text, (string)b) : a.CompareTo(b));
        Assert.Equal(up.Rows.Select(Key).Order(ordinal), up.Rows.Select(Key));
        Assert.Equal(down.Rows.Select(Key).OrderDescending(ordinal), down.Rows.Select(Key));
    }

    [Fact]
    public async Task Models_FilterWithLettersBeyondAscii_IgnoresTheirCase()
    {
        await App.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            Model like = await db.Models.AsNoTracking().FirstAsync();
            (like.Id, like.Name, like.CreatedAt) = (Guid.CreateVersion7(), "Übung ДВА", new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc));
            db.Models.Add(like);
            await db.SaveChangesAsync();
        });
        try
        {
            Assert.Equal("Übung ДВА", Assert.Single((await App.Service<ModelService>().SliceAsync("übung два")).Rows).Name);
            Model one = (await App.Service<ModelService>().ListAsync())[3];
            Assert.Equal(one.Id, Assert.Single((await App.Service<ModelService>().SliceAsync(one.WeightsSha256[..12].ToUpperInvariant())).Rows).Id);
        }
        finally
        {
            await App.Service<DatabaseWriter>().WriteAsync(db => db.Models.Where(model => model.Name == "Übung ДВА").ExecuteDeleteAsync());
        }
    }

    [Fact]
    public async Task Storage_ThousandsOfModels_NamesTheLargestAndCountsAll()
    {
        JsonElement use = await App.GetAsync("/api/storage");
        Assert.Equal(Housekeeping.MostNamed, use.GetProperty("models").GetArrayLength());
        Assert.Equal(ManyRowsApp.Models, use.GetProperty("allModels").GetProperty("count").GetInt32());
        Assert.Equal(ManyRowsApp.Runs, use.GetProperty("allRuns").GetProperty("count").GetInt32());
    }

    private static string? Next(HttpResponseMessage answer) => answer.Headers.TryGetValues("Link", out IEnumerable<string>? links)
        ? System.Text.RegularExpressions.Regex.Match(links.Single(), "^<([^>]+)>; rel=\"next\"$").Groups[1].Value
        : null;
}
