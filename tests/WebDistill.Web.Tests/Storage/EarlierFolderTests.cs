using System.IO.Compression;
using System.Net;
using System.Text.Json;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Tests.Storage;

/// <summary>A data folder that an earlier version left opens with everything in it, and its runs go on (tests/earlier says how it was made).</summary>
// Its runs drop out, and libtorch has one generator for the whole process: other trainings beside them would draw from it.
[Collection(Reliability.TheClock.Name)]
public sealed class EarlierFolderTests(EarlierFolderTests.Version01 earlier) : IClassFixture<EarlierFolderTests.Version01>
{
    [Fact]
    public async Task Api_AnswersWhatTheEarlierVersionAnswered()
    {
        Assert.True(earlier.Answers.Count > 30, $"{earlier.Answers.Count} answers were kept.");
        foreach ((string path, JsonElement before) in earlier.Answers)
            AssertHolds(before, await earlier.App.GetAsync(path), path);
    }

    /// <summary>By their values, wherever they stand now: what is called what is the product's to change, losing one is not.</summary>
    [Fact]
    public async Task Options_OfEveryRun_KeepEveryValue()
    {
        foreach (JsonElement run in earlier.Runs)
        {
            JsonElement now = (await earlier.App.GetAsync($"/api/runs/{run.GetProperty("id").GetGuid()}")).GetProperty("options");
            AssertKeeps(run.GetProperty("options"), now, run.GetProperty("name").GetString()!);
        }
    }

    [Fact]
    public async Task Pages_ShowWhatIsThere()
    {
        string[] names = [.. earlier.Runs.Select(run => run.GetProperty("name").GetString()!)];
        // A sweep is one row; its runs are shown to who looks for them.
        await AssertShowsAsync("/", [.. names.Where(name => !name.StartsWith("Temperatures", StringComparison.Ordinal)), "Temperatures"]);
        foreach (string name in names)
            await AssertShowsAsync($"/?filter={Uri.EscapeDataString(name)}", name);
        foreach (JsonElement run in earlier.Runs)
        {
            await AssertShowsAsync($"/runs/{run.GetProperty("id").GetGuid():N}", run.GetProperty("name").GetString()!);
            await AssertShowsAsync($"/runs/new?clone={run.GetProperty("id").GetGuid():N}", run.GetProperty("name").GetString()!);
        }
        await AssertShowsAsync($"/compare?runs={string.Join(',', earlier.Runs.Select(run => run.GetProperty("id").GetGuid().ToString("N")))}", names);
        await AssertShowsAsync($"/sweeps/{earlier.Answers["/api/sweeps"][0].GetProperty("id").GetGuid():N}", "Temperatures");
        await AssertShowsAsync($"/datasets/{earlier.Answers["/api/datasets"][0].GetProperty("id").GetGuid():N}", "Birds");
        await AssertShowsAsync("/models", "Imported", "Never cut");
        await AssertShowsAsync("/evaluate", "Imported", "Birds, held-out part");
    }

    [Fact]
    public async Task PausedRun_Resumed_EndsAsItsTwinThatWasNeverCut()
    {
        using var own = new Version01();
        JsonElement paused = own.Run("Paused"), twin = own.Run("Never cut");
        Guid id = paused.GetProperty("id").GetGuid();
        using HttpResponseMessage resumed = await own.App.Http.PostAsync($"/api/runs/{id}/resume", null);
        Assert.Equal(HttpStatusCode.Accepted, resumed.StatusCode);
        JsonElement ended = await own.App.EndOfRunAsync(id);
        Assert.True(ended.GetProperty("status").GetString() == "Completed", ended.ToString());
        JsonElement[] steps = [.. (await own.App.GetAsync($"/api/runs/{id}/steps")).EnumerateArray()];
        Assert.Equal(Enumerable.Range(1, twin.GetProperty("totalSteps").GetInt32()), steps.Select(step => step.GetProperty("step").GetInt32()));
        JsonElement before = own.Answers[$"/api/runs/{id}/steps"];
        AssertHolds(before, JsonSerializer.SerializeToElement(steps.Take(before.GetArrayLength())), "the updates before the pause");
        // The twin was trained on another machine, whose processor may round otherwise; a lost moment or another order shows at once.
        foreach (string figure in (string[])["totalLoss", "validationPerplexity"])
            Assert.InRange(ended.GetProperty(figure).GetDouble() / twin.GetProperty(figure).GetDouble(), 1 - 1e-4, 1 + 1e-4);
    }

    [Fact]
    public async Task CompletedRun_ItsOptionsPostedAgain_MakeARunWithTheSameOptions()
    {
        using var own = new Version01();
        JsonElement completed = own.Runs.Single(run => run.GetProperty("name").GetString()!.StartsWith("Student", StringComparison.Ordinal));
        JsonElement options = (await own.App.GetAsync($"/api/runs/{completed.GetProperty("id").GetGuid()}")).GetProperty("options");
        using var body = new StringContent(options.GetRawText(), System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await own.App.Http.PostAsync("/api/runs", body);
        JsonElement clone = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, clone.ToString());
        JsonElement ended = await own.App.EndOfRunAsync(clone.GetProperty("id").GetGuid());
        Assert.True(ended.GetProperty("status").GetString() == "Completed", ended.ToString());
        Assert.True(JsonElement.DeepEquals(options, ended.GetProperty("options")), $"{ended.GetProperty("options")}, expected {options}");
        AssertKeeps(completed.GetProperty("options"), ended.GetProperty("options"), "the clone");
        Assert.InRange(ended.GetProperty("totalLoss").GetDouble() / completed.GetProperty("totalLoss").GetDouble(), 1 - 1e-4, 1 + 1e-4);
    }

    private async Task AssertShowsAsync(string address, params string[] texts)
    {
        using HttpResponseMessage page = await earlier.App.Http.GetAsync(address);
        Assert.True(page.StatusCode == HttpStatusCode.OK, $"{address}: {page.StatusCode}");
        string html = WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync());
        Assert.All(texts, text => Assert.True(html.Contains(text, StringComparison.Ordinal), $"{address} does not show '{text}'."));
    }

    /// <summary>Asserts that everything of an earlier answer is in today's, which may have more; the options are looked at elsewhere.</summary>
    private static void AssertHolds(JsonElement before, JsonElement now, string where)
    {
        Assert.True(before.ValueKind == now.ValueKind, $"{where} is {now}, it was {before}");
        if (before.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in before.EnumerateObject().Where(property => property.Name != "options"))
            {
                // What a value of a sweep changes is named by the options' paths now.
                string name = where.EndsWith(".changes", StringComparison.Ordinal) ? FlatOptions.PathOf(property.Name) : property.Name;
                Assert.True(now.TryGetProperty(name, out JsonElement value), $"{where}.{name} is missing");
                AssertHolds(property.Value, value, $"{where}.{name}");
            }
        }
        else if (before.ValueKind == JsonValueKind.Array)
        {
            Assert.True(before.GetArrayLength() == now.GetArrayLength(), $"{where} has {now.GetArrayLength()} entries, it had {before.GetArrayLength()}");
            for (int i = 0; i < before.GetArrayLength(); i++)
                AssertHolds(before[i], now[i], $"{where}[{i}]");
        }
        else
        {
            Assert.True(JsonElement.DeepEquals(before, now), $"{where} is {now}, it was {before}");
        }
    }

    private static void AssertKeeps(JsonElement before, JsonElement now, string what)
    {
        List<string> left = [.. Leaves(now)];
        Assert.All(Leaves(before), value => Assert.True(left.Remove(value), $"Of the options of {what}, {value} is lost: {now}, they were {before}"));
    }

    // A weight of 0 is how the earlier version said that a loss is not used, and null that nothing is chosen.
    private static IEnumerable<string> Leaves(JsonElement options) => options.ValueKind switch
    {
        JsonValueKind.Object => options.EnumerateObject()
            .Where(property => !(property.Name.StartsWith("alpha", StringComparison.Ordinal) && property.Value.GetDouble() == 0))
            .SelectMany(property => Leaves(property.Value)),
        JsonValueKind.Array => options.EnumerateArray().SelectMany(Leaves),
        JsonValueKind.Null => [],
        JsonValueKind.Number => [options.GetDouble().ToString("R", System.Globalization.CultureInfo.InvariantCulture)],
        _ => [options.ToString()],
    };

    /// <summary>The folder of version 0.1, unpacked and opened by today's product, with what that version's API answered.</summary>
    public sealed class Version01 : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("webdistill-");

        public Version01()
        {
            ZipFile.ExtractToDirectory(Path.Combine(WebDistillApp.RepositoryRoot, "tests", "earlier", "version-0.1.zip"), _folder.FullName);
            Answers = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(File.ReadAllText(Path.Combine(_folder.FullName, "answers.json")))!;
            App = new WebDistillApp(Path.Combine(_folder.FullName, "root"));
        }

        public WebDistillApp App { get; }

        /// <summary>By their addresses.</summary>
        public IReadOnlyDictionary<string, JsonElement> Answers { get; }

        /// <summary>Each run as the list had it.</summary>
        public IEnumerable<JsonElement> Runs => Answers["/api/runs"].EnumerateArray();

        public JsonElement Run(string name) => Runs.Single(run => run.GetProperty("name").GetString() == name);

        public void Dispose()
        {
            App.Dispose();
            _folder.Delete(recursive: true);
        }
    }
}
