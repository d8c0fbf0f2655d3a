using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Formats;

/// <summary>The findings that names held NUL, line breaks and turned directions of writing, and that messages showed the server's
/// paths.</summary>
public sealed class NamesTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    public static TheoryData<string> Unprintable => new("a\0b", "a\r\nb", "a\nFAKE: line", "a\u202Etxt.exe", "a\u2066b\u2069", "zero\u200Bwidth", "a\u2028b", "\uFEFFa", "a\u0085b", "a\u001b[31mred");

    [Theory]
    [MemberData(nameof(Unprintable))]
    public void Name_NotOneLineOfPrintableText_IsRefusedQuotingItHarmlessly(string name)
    {
        string message = Names.Problem("name", name)!.Message;
        Assert.Null(ForeignText.FirstUnprintable(message));
        Assert.Contains("expected one line of visible characters", message);
    }

    [Theory]
    [InlineData("birds <script>alert(1)</script>")]
    [InlineData("Größe, 大きい, كبير, गोल, 👩‍💻 🇩🇪 ❤️")]
    [InlineData("T = 4, α = 0.5 → ½ · “quoted”")]
    [InlineData("می‌خواهم")]
    public void Name_AnyVisibleText_IsAccepted(string name) => Assert.Null(Names.Problem("name", name));

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("xx")]
    [InlineData("xxx")]
    public void FileName_TooLong_IsCutBetweenWhatPeopleSeeAsOneCharacter(string before)
    {
        string name = Names.OfFile(before + string.Concat(Enumerable.Repeat("👩‍💻", 80)));
        Assert.InRange(name.Length, Names.MaxCharacters - 5, Names.MaxCharacters);
        Assert.EndsWith("👩‍💻", name);
        Assert.Null(Names.Problem("name", name));
    }

    [Theory]
    [MemberData(nameof(Unprintable))]
    public async Task EveryNameThatIsGiven_IsChecked(string name)
    {
        RunOptions options = Product.TinyTraining(Guid.NewGuid()) with { Name = name };
        await RefusedAsync("name", await app.Http.PostAsJsonAsync("/api/runs", options, WebJson.Options));
        await RefusedAsync("name", await app.Http.PutAsJsonAsync($"/api/runs/{Guid.NewGuid()}/name", new { name }));
        await RefusedAsync("name", await app.ImportAsync(Product.TinyModel(), name));
        await RefusedAsync("name", await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("name", name)));
        object Sweep(string sweep, string dimension, string label) => new
        {
            name = sweep, options = options with { Name = "" },
            dimensions = new[] { new { name = dimension, values = new[] { new { label, changes = new { seed = 1 } } } } },
        };
        await RefusedAsync("name", await app.Http.PostAsJsonAsync("/api/sweeps", Sweep(name, "seed", "1"), WebJson.Options));
        await RefusedAsync("dimensions[0]", await app.Http.PostAsJsonAsync("/api/sweeps", Sweep("x", name, "1"), WebJson.Options));
        await RefusedAsync("dimensions[0]", await app.Http.PostAsJsonAsync("/api/sweeps", Sweep("x", "seed", name), WebJson.Options));
    }

    [Fact]
    public async Task FileName_NotPrintable_IsStoredWithItsCodes()
    {
        using var form = new MultipartFormDataContent();
        var file = new ByteArrayContent(Encoding.UTF8.GetBytes(Product.Text));
        file.Headers.TryAddWithoutValidation("Content-Disposition", "form-data; name=\"file\"; filename*=UTF-8''a%E2%80%AEtxt%0D%0Ab.txt");
        form.Add(file);
        form.Add(new StringContent("300"), "vocabularySize");
        using HttpResponseMessage response = await app.Http.PostAsync("/api/datasets", form);
        JsonElement dataset = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, dataset.ToString());
        Assert.Equal(@"a\u202Etxt\u000D\u000Ab.txt", dataset.GetProperty("fileName").GetString());
        Assert.Null(ForeignText.FirstUnprintable(dataset.GetProperty("name").GetString()!));
    }

    /// <summary>Names are validated, and what else comes from a request reaches the log through a message: not one line of it is the
    /// client's.</summary>
    [Fact]
    public async Task Log_AfterHostileRequests_HasNoLineOfTheirs()
    {
        var log = new LinesOfTheLog();
        app.Service<ILoggerFactory>().AddProvider(log);
        foreach (string path in new[] { "/api/runs/%0D%0AFAKE", "/api/storage/backups/%0D%0AFAKE", "/api/reports?format=%0D%0AFAKE&models=%0D%0AFAKE", "/%0D%0AFAKE" })
            (await app.Http.GetAsync(path)).Dispose();
        (await app.UploadAsync([0xFF, 0xFE, 0x00], ("name", "bad"), ("format", "\r\nFAKE"))).Dispose();
        using var form = new MultipartFormDataContent();
        var file = new ByteArrayContent([1]);
        file.Headers.TryAddWithoutValidation("Content-Disposition", "form-data; name=\"files\"; filename*=UTF-8''%0D%0AFAKE");
        form.Add(file);
        (await app.Http.PostAsync("/api/models", form)).Dispose();
        Assert.DoesNotContain(log.Lines, line => line.TrimStart().StartsWith("FAKE", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    public async Task Import_OfABrokenFile_NamesTheFileAndNotWhereItIs(string broken)
    {
        Dictionary<string, byte[]> files = Product.TinyModel();
        files[broken] = [.. "{ \"a\": [1, "u8];
        using HttpResponseMessage response = await app.ImportAsync(files, "broken");
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Contains(broken, problem.GetProperty("detail").GetString());
        AssertNoPath(problem);
        files.Remove(broken);
        if (broken is not ("vocab.json" or "merges.txt"))
        {
            using HttpResponseMessage missing = await app.ImportAsync(files, "broken");
            AssertNoPath(await missing.ProblemAsync(HttpStatusCode.BadRequest));
        }
    }

    [Fact]
    public async Task Dataset_ThatCannotBePrepared_NamesTheUploadedFile()
    {
        using HttpResponseMessage response = await app.UploadAsync([.. "text\n\n"u8, 0xFF, .. "\n\n"u8], ("vocabularySize", "300"));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.Equal("Failed", dataset.GetProperty("state").GetString());
        Assert.StartsWith("birds.txt: byte", dataset.GetProperty("error").GetString());
        AssertNoPath(dataset);
    }

    [Fact]
    public async Task Run_WhoseModelVanishes_FailsWithoutAPath()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        Guid first = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
        await app.PollAsync($"/api/runs/{first}", run => run.GetProperty("step").GetInt32() > 0);
        Guid second = await app.StartAsync(Product.TinyTraining(dataset));
        Directory.Delete(Path.Combine(app.Root, "datasets", dataset.ToString("N")), recursive: true);
        using HttpResponseMessage stop = await app.Http.PostAsync($"/api/runs/{first}/stop", null);
        JsonElement run = await app.EndOfRunAsync(second);
        Assert.Equal("Failed", run.GetProperty("status").GetString());
        Assert.Contains("train.tokens is missing", run.GetProperty("error").GetString());
        AssertNoPath(run);
        AssertNoPath(await app.GetAsync($"/api/runs/{second}/log"));
    }

    [Fact]
    public async Task Evaluation_OfAMissingSetOrFile_NamesNoPath()
    {
        Guid model = await app.ImportedModelAsync();
        foreach (object request in new object[] { new { modelId = model, set = "lambada" }, new { modelId = model, set = "text" }, new { modelId = model, set = "text", fileName = "../../etc/passwd" } })
        {
            using HttpResponseMessage response = await app.Http.PostAsJsonAsync("/api/evaluations", request);
            AssertNoPath(await response.ProblemAsync(HttpStatusCode.BadRequest));
        }
    }

    private void AssertNoPath(JsonElement answer)
    {
        Assert.DoesNotContain(app.Root, answer.ToString());
        Assert.DoesNotContain("incoming", answer.ToString());
        Assert.DoesNotContain(WebDistillApp.RepositoryRoot, answer.ToString());
    }

    private static async Task RefusedAsync(string field, HttpResponseMessage response)
    {
        using (response)
        {
            JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
            Assert.Contains(field, problem.Fields());
            Assert.Contains("visible characters", problem.GetProperty("errors").GetProperty(field).ToString());
        }
    }

    private sealed class LinesOfTheLog : ILoggerProvider, ILogger
    {
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
                _lines.AddRange($"{formatter(state, exception)}\n{exception?.Message}".Split('\n'));
        }

        public void Dispose()
        {
        }
    }
}
