using System.Net;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using WebDistill.Data;
using WebDistill.Web.Failures;
using WebDistill.Web.Runs;

namespace WebDistill.Web.Tests.Failures;

/// <summary>What fails has a name that stays: complete in the list, in docs/errors.md, and in what the API answers.</summary>
public sealed partial class ErrorIdTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private static readonly Type[] s_exceptions = [.. typeof(ErrorId).Assembly.GetTypes().Where(type => type.IsAssignableTo(typeof(Exception)))];

    [Fact]
    public void All_HoldsEveryIdOnce()
    {
        ErrorId[] declared = [.. typeof(ErrorId).GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(property => property.PropertyType == typeof(ErrorId)).Select(property => (ErrorId)property.GetValue(null)!)];
        Assert.Equal(declared.Select(id => id.Name).Order(), ErrorId.All.Select(id => id.Name).Order());
        Assert.Equal(ErrorId.All.Count, ErrorId.All.Select(id => id.Name).Distinct().Count());
        Assert.All(ErrorId.All, id => Assert.Matches("^[a-z]+(-[a-z]+)*$", id.Name));
    }

    [Fact]
    public void Documentation_ListsEveryIdWithItsStatusAndWhatToDo()
    {
        string page = File.ReadAllText(Path.Combine(WebDistillApp.RepositoryRoot, "docs", "errors.md"));
        (string Name, string Status, string Meaning, string Remedy)[] rows = [.. Row().Matches(page).Select(row =>
            (row.Groups[1].Value, row.Groups[2].Value, row.Groups[3].Value.Trim(), row.Groups[4].Value.Trim()))];
        Assert.Equal(ErrorId.All.Select(id => (id.Name, id.Status?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "–")),
            rows.Select(row => (row.Name, row.Status.Split(',')[0].Trim())));
        Assert.All(rows, row => Assert.True(row.Meaning.Length > 10 && row.Remedy.Length > 10, row.Name));
    }

    /// <summary>A new exception of the product has to be told apart, or to be one of the start, which the terminal tells.</summary>
    [Fact]
    public void Exceptions_OfTheProduct_EachHaveAKind()
    {
        string[] ofTheStart = ["FolderInUseException", "HostSettingsException"];
        // Ends an attempt and is never a failure: the run goes on from an earlier checkpoint.
        string[] ofAnAttempt = ["RolledBackException"];
        string[] known = ["BusyException", "ConflictException", "FilesGoneException", "NotFoundException", "OptionsInvalidException", "StorageRefusedException"];
        Assert.Equal(known.Concat(ofTheStart).Concat(ofAnAttempt).Order(), s_exceptions.Select(type => type.Name).Order());
        Assert.Equal(
            ["busy", "conflict", "files-gone", "not-found", "options-invalid", "disk-full", "disk-unwritable", "request-unreadable", "storage-failed", "server-error"],
            new Exception[]
            {
                new BusyException(""), new ConflictException(""), new FilesGoneException(""), new NotFoundException(""), new OptionsInvalidException("a", "b"),
                new StorageRefusedException("", true, null), new StorageRefusedException("", false, null), new BadHttpRequestException(""), new IOException(),
                new InvalidOperationException(),
            }.Select(problem => ErrorId.Of(problem).Name));
    }

    [Theory]
    [InlineData("GET", "/api/runs/01999999-0000-7000-8000-000000000000", "not-found", HttpStatusCode.NotFound)]
    [InlineData("GET", "/api/runs?limit=x", "options-invalid", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/api/runs", "options-invalid", HttpStatusCode.BadRequest)]
    [InlineData("GET", "/api/nothing", "address-unknown", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "/api/runs", "method-not-allowed", HttpStatusCode.MethodNotAllowed)]
    public async Task Answer_ThatRefuses_HasItsId(string method, string path, string id, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method == "POST")
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await app.Http.SendAsync(request);
        JsonElement problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((status, id), (answer.StatusCode, problem.GetProperty("errorId").GetString()));
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task Answer_ToAnotherSite_HasItsId()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/runs") { Content = new StringContent("{}", Encoding.UTF8, "text/plain") };
        request.Headers.Add("Origin", "http://elsewhere.example");
        using HttpResponseMessage foreign = await app.Http.SendAsync(request);
        Assert.Equal("origin-foreign", JsonDocument.Parse(await foreign.Content.ReadAsStringAsync()).RootElement.GetProperty("errorId").GetString());
        using var renamed = new HttpRequestMessage(HttpMethod.Get, "/api/runs");
        renamed.Headers.Host = "elsewhere.example";
        using HttpResponseMessage unknown = await app.Http.SendAsync(renamed);
        Assert.Equal("host-unknown", JsonDocument.Parse(await unknown.Content.ReadAsStringAsync()).RootElement.GetProperty("errorId").GetString());
    }

    [Theory]
    [InlineData(RunStatus.Running, null, null, null)]
    [InlineData(RunStatus.Failed, "x", RunErrorCause.Other, "run-failed")]
    [InlineData(RunStatus.Failed, "x", RunErrorCause.Diverged, "run-diverged")]
    [InlineData(RunStatus.Paused, "x", RunErrorCause.Disk, "run-waits-for-disk")]
    [InlineData(RunStatus.Interrupted, "x", RunErrorCause.Other, "run-interrupted")]
    [InlineData(RunStatus.Stopped, "x", RunErrorCause.Other, "run-state-unsaved")]
    public void Run_WithAnError_HasItsId(RunStatus status, string? error, RunErrorCause? cause, string? id)
    {
        var run = new Run { Id = Guid.CreateVersion7(), Name = "r", OptionsJson = "{}", Status = status, Error = error, ErrorCause = cause };
        Assert.Equal(id, run.FailureId()?.Name);
        Assert.Equal(id, RunResponse.Of(run).ErrorId);
    }

    [GeneratedRegex(@"^\| `([a-z-]+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
