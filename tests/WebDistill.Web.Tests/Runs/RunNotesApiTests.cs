using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Runs;

/// <summary>What is written about a run, its tags and the pinned baseline, over HTTP.</summary>
public sealed class RunNotesApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Tags_AreSetReadAndGoWithTheRun()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Tagged", 10);
        Assert.Empty(Tags(await app.GetAsync($"/api/runs/{run.Id}/tags")));
        using (HttpResponseMessage answer = await app.Http.PutAsJsonAsync($"/api/runs/{run.Id}/tags", new { tags = (string[])["Keep", "teacher-8l", "keep"] }))
            Assert.Equal(["keep", "teacher-8l"], Tags(await answer.JsonAsync()));
        using (HttpResponseMessage answer = await app.Http.PutAsJsonAsync($"/api/runs/{run.Id}/tags", new { tags = (string[])["keep", "paper"] }))
            Assert.Equal(["keep", "paper"], Tags(await answer.JsonAsync()));
        Assert.Equal(["keep", "paper"], Tags(await app.GetAsync($"/api/runs/{run.Id}/tags")));
        await app.Service<RunService>().DeleteAsync(run.Id);
        using (HttpResponseMessage answer = await app.Http.GetAsync($"/api/runs/{run.Id}/tags"))
            await answer.ProblemAsync(HttpStatusCode.NotFound);
        await using WebDistillDb db = await app.Service<IDbContextFactory<WebDistillDb>>().CreateDbContextAsync();
        Assert.False(await db.RunTags.AnyAsync(tag => tag.RunId == run.Id));
    }

    [Theory]
    [InlineData("two words", "one word")]
    [InlineData("a,b", "one word")]
    [InlineData("", "blank")]
    [InlineData("bell\u0007", "one word of visible characters")]
    [InlineData("abcdefghijklmnopqrstuvwxyzabcdefg", "33 characters, expected at most 32")]
    public async Task Tags_ThatAreNone_AreRefusedAndChangeNothing(string tag, string problem)
    {
        Run run = await SmallRuns.RecordedAsync(app, "Tagged", 10);
        await app.Service<RunTags>().SetAsync(run.Id, ["kept"]);
        using HttpResponseMessage answer = await app.Http.PutAsJsonAsync($"/api/runs/{run.Id}/tags", new { tags = (string[])["fine", tag] });
        JsonElement problems = await answer.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["tags"], problems.Fields());
        Assert.Contains(problem, problems.GetProperty("errors").GetProperty("tags")[0].GetString());
        Assert.Equal(["kept"], await app.Service<RunTags>().OfAsync(run.Id));
    }

    [Fact]
    public async Task Tags_TooMany_AreRefused()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Tagged", 10);
        using HttpResponseMessage answer = await app.Http.PutAsJsonAsync($"/api/runs/{run.Id}/tags", new { tags = Enumerable.Range(0, 21).Select(i => $"t{i}") });
        Assert.Contains("21 tags, expected at most 20", (await answer.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("errors").GetProperty("tags")[0].GetString());
    }

    [Fact]
    public async Task Notes_AreWrittenChangedReadInPiecesAndRemoved()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Noted", 10);
        string address = $"/api/runs/{run.Id}/notes";
        using HttpResponseMessage written = await app.Http.PostAsJsonAsync(address, new { text = "  first line\r\nsecond <b>line</b>\n" });
        Assert.Equal(HttpStatusCode.Created, written.StatusCode);
        JsonElement first = await written.JsonAsync();
        long id = first.GetProperty("id").GetInt64();
        Assert.Equal($"{address}/{id}", written.Headers.Location!.ToString());
        Assert.Equal("first line\nsecond <b>line</b>", first.GetProperty("text").GetString());
        Assert.Equal(JsonValueKind.Null, first.GetProperty("editedAt").ValueKind);
        (await app.Http.PostAsJsonAsync(address, new { text = "another" })).Dispose();

        using (HttpResponseMessage changed = await app.Http.PutAsJsonAsync($"{address}/{id}", new { text = "changed" }))
        {
            JsonElement note = await changed.JsonAsync();
            Assert.Equal("changed", note.GetProperty("text").GetString());
            Assert.Equal(JsonValueKind.String, note.GetProperty("editedAt").ValueKind);
            Assert.Equal(first.GetProperty("at").GetDateTime(), note.GetProperty("at").GetDateTime());
        }
        using (HttpResponseMessage piece = await app.Http.GetAsync($"{address}?limit=1"))
        {
            Assert.Equal("changed", Assert.Single((await piece.JsonAsync()).EnumerateArray()).GetProperty("text").GetString());
            Assert.Contains($"after={id}", piece.Headers.GetValues("Link").Single());
        }
        Assert.Equal(["changed", "another"], (await app.GetAsync(address)).EnumerateArray().Select(note => note.GetProperty("text").GetString()));

        using (HttpResponseMessage deleted = await app.Http.DeleteAsync($"{address}/{id}"))
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        using (HttpResponseMessage again = await app.Http.DeleteAsync($"{address}/{id}"))
            await again.ProblemAsync(HttpStatusCode.NotFound);
        Assert.Equal(["another"], (await app.GetAsync(address)).EnumerateArray().Select(note => note.GetProperty("text").GetString()));
    }

    [Theory]
    [InlineData(" \n ", "The note is blank.")]
    [InlineData("a\u0000b", "U+0000 at place 2")]
    public async Task Notes_ThatAreNoText_AreRefused(string text, string problem)
    {
        Run run = await SmallRuns.RecordedAsync(app, "Noted", 10);
        using HttpResponseMessage answer = await app.Http.PostAsJsonAsync($"/api/runs/{run.Id}/notes", new { text });
        JsonElement problems = await answer.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["text"], problems.Fields());
        Assert.Contains(problem, problems.GetProperty("errors").GetProperty("text")[0].GetString());
    }

    [Fact]
    public async Task Notes_OfNoRun_AreNotFound()
    {
        using HttpResponseMessage answer = await app.Http.PostAsJsonAsync($"/api/runs/{Guid.NewGuid()}/notes", new { text = "x" });
        await answer.ProblemAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Note_DeletedAndRestored_IsTheSame()
    {
        Run run = await SmallRuns.RecordedAsync(app, "Noted", 10);
        RunNotes notes = app.Service<RunNotes>();
        RunNote written = await notes.AddAsync(run.Id, "kept");
        await notes.AddAsync(run.Id, "later");
        await notes.RestoreAsync(await notes.DeleteAsync(run.Id, written.Id));
        Assert.Equal([(written.Id, "kept")], (await notes.ListAsync(run.Id)).Take(1).Select(note => (note.Id, note.Text)));
        Assert.Equal(2, (await notes.ListAsync(run.Id)).Count);
    }

    [Fact]
    public async Task Baseline_IsOneAtATimeAndGoesWithItsRun()
    {
        Run first = await SmallRuns.RecordedAsync(app, "First", 10), second = await SmallRuns.RecordedAsync(app, "Second", 10);
        (await app.Http.DeleteAsync("/api/runs/baseline")).Dispose();
        using (HttpResponseMessage none = await app.Http.GetAsync("/api/runs/baseline"))
            Assert.Contains("No run is pinned", (await none.ProblemAsync(HttpStatusCode.NotFound)).GetProperty("detail").GetString());
        foreach (Run run in (Run[])[first, second])
        {
            using HttpResponseMessage pinned = await app.Http.PutAsync($"/api/runs/{run.Id}/baseline", null);
            Assert.Equal(run.Name, (await pinned.JsonAsync()).GetProperty("name").GetString());
            Assert.Equal(run.Id, (await app.GetAsync("/api/runs/baseline")).GetProperty("id").GetGuid());
        }
        using (HttpResponseMessage missing = await app.Http.PutAsync($"/api/runs/{Guid.NewGuid()}/baseline", null))
            await missing.ProblemAsync(HttpStatusCode.NotFound);
        await app.Service<RunService>().DeleteAsync(second.Id);
        Assert.Null(await app.Service<PinnedBaseline>().FindAsync());
        await app.Service<PinnedBaseline>().PinAsync(first.Id);
        using (HttpResponseMessage unpinned = await app.Http.DeleteAsync("/api/runs/baseline"))
            Assert.Equal(HttpStatusCode.NoContent, unpinned.StatusCode);
        Assert.Null(await app.Service<PinnedBaseline>().FindAsync());
    }

    private static IEnumerable<string?> Tags(JsonElement answer) => answer.GetProperty("tags").EnumerateArray().Select(tag => tag.GetString());
}
