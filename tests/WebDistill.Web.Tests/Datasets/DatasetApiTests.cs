using System.Net;
using System.Text;
using System.Text.Json;
using WebDistill.Web.Datasets;

namespace WebDistill.Web.Tests.Datasets;

public sealed class DatasetApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Post_FileAlone_BecomesReadyWithStatisticsAndPreview()
    {
        using HttpResponseMessage response = await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("vocabularySize", "300"));
        JsonElement uploaded = await response.JsonAsync();
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        Assert.Equal("birds", uploaded.GetProperty("name").GetString());
        Guid id = uploaded.GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() == "Ready");

        JsonElement statistics = dataset.GetProperty("statistics");
        Assert.Equal(400, statistics.GetProperty("documents").GetInt64());
        Assert.Equal(Encoding.UTF8.GetByteCount(Product.Text), statistics.GetProperty("bytes").GetInt64());
        Assert.Equal(
            statistics.GetProperty("tokens").GetInt64(),
            statistics.GetProperty("trainTokens").GetInt64() + statistics.GetProperty("validationTokens").GetInt64());
        JsonElement[] blocks = [.. (await app.GetAsync($"/api/datasets/{id}/preview?blocks=2")).EnumerateArray()];
        Assert.Equal(2, blocks.Length);
        string text = string.Concat(blocks[0].GetProperty("tokens").EnumerateArray()
            .Select(token => token.GetProperty("text").GetString()));
        Assert.StartsWith("The red bird number 0 sat on the wall", text);
        Assert.Contains((await app.GetAsync("/api/datasets")).EnumerateArray(), listed => listed.GetProperty("id").GetGuid() == id);
    }

    [Fact]
    public async Task Post_ModelsTokenizer_IsUsed()
    {
        Guid model = await app.ImportedModelAsync();
        using HttpResponseMessage response =
            await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("tokenizerModelId", model.ToString()));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() == "Ready");
        Assert.Equal((await app.GetAsync($"/api/models/{model}")).GetProperty("tokenizerSha256").GetString(),
            dataset.GetProperty("tokenizerSha256").GetString());
    }

    [Theory]
    [InlineData("text-paragraphs", "false", 2)]
    [InlineData("text-lines", "false", 3)]
    [InlineData("text-whole", "true", 1)]
    public async Task Preview_OfABeginning_IsSplitAsAskedAndKeepsNothing(string format, string unwrap, int documents)
    {
        string[] before = Kept();
        JsonElement preview = await PreviewAsync("one\ntwo\n\nthree\n"u8.ToArray(), ("format", format), ("unwrapLines", unwrap), ("isWholeFile", "true"));
        Assert.Equal((documents, format), (preview.GetProperty("read").GetInt32(), preview.GetProperty("format").GetString()));
        Assert.Equal(format switch { "text-lines" => "one", "text-paragraphs" => "one\ntwo", _ => "one two\n\nthree" }, preview.GetProperty("documents")[0].GetProperty("text").GetString());
        // What goes meanwhile belongs to a preparation that another test has begun.
        Assert.Empty(Kept().Except(before));

        string[] Kept() => [.. new[] { "datasets", "incoming" }.Select(folder => Path.Combine(app.Root, folder)).Where(Directory.Exists).SelectMany(Directory.GetFileSystemEntries)];
    }

    [Fact]
    public async Task Preview_OfBadBytesOrFields_SaysWhichAndWhere()
    {
        using HttpResponseMessage latin = await app.Http.PostAsync("/api/datasets/preview", Form([.. "text "u8, 0xE9, 0x20], ("isWholeFile", "true")));
        JsonElement problem = await latin.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Contains("birds.txt: byte 5 is 0xE9", problem.GetProperty("detail").GetString());
        using HttpResponseMessage unknown = await app.Http.PostAsync("/api/datasets/preview", Form("x"u8.ToArray(), ("format", "novel"), ("isWholeFile", "perhaps")));
        Assert.Equal(["format", "isWholeFile"], (await unknown.ProblemAsync(HttpStatusCode.BadRequest)).Fields().Order());
    }

    [Fact]
    public async Task Failed_IsTriedAgain_ReadyIsNot_AndAllFailedAreRemovedAtOnce()
    {
        using HttpResponseMessage tiny = await app.UploadAsync("All there is."u8.ToArray(), ("vocabularySize", "300"));
        Guid failed = (await tiny.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{failed}", d => d.GetProperty("state").GetString() == "Failed");
        HttpStatusCode retried;
        // Its end is written a moment before its preparation lets go of it.
        do
            retried = (await app.Http.PostAsync($"/api/datasets/{failed}/retry", null)).StatusCode;
        while (retried == HttpStatusCode.Conflict);
        Assert.Equal(HttpStatusCode.Accepted, retried);
        await app.PollAsync($"/api/datasets/{failed}", d => d.GetProperty("state").GetString() == "Failed");

        Guid ready = (await app.ReadyDatasetAsync());
        Assert.Equal(HttpStatusCode.Conflict, (await app.Http.PostAsync($"/api/datasets/{ready}/retry", null)).StatusCode);
        using HttpResponseMessage removed = await app.Http.PostAsync("/api/datasets/remove-failed", null);
        Assert.True((await removed.JsonAsync()).GetProperty("removed").GetInt32() >= 1);
        Assert.Equal(HttpStatusCode.NotFound, (await app.Http.GetAsync($"/api/datasets/{failed}")).StatusCode);
        Assert.Equal("Ready", (await app.GetAsync($"/api/datasets/{ready}")).GetProperty("state").GetString());
    }

    [Fact]
    public async Task TokeniseAgain_WithAModelsVocabulary_IsAnotherDataSetOfTheSameText()
    {
        Guid model = await app.ImportedModelAsync(), source = await app.ReadyDatasetAsync();
        JsonElement before = await app.GetAsync($"/api/datasets/{source}");
        using HttpResponseMessage asked = await System.Net.Http.Json.HttpClientJsonExtensions.PostAsJsonAsync(app.Http, $"/api/datasets/{source}/tokenise-again", new { tokenizerModelId = model });
        JsonElement made = await asked.JsonAsync();
        Assert.Equal(HttpStatusCode.Accepted, asked.StatusCode);
        JsonElement ready = await app.PollAsync($"/api/datasets/{made.GetProperty("id").GetGuid()}", d => d.GetProperty("state").GetString() == "Ready");
        Assert.Equal(before.GetProperty("sha256").GetString(), ready.GetProperty("sha256").GetString());
        Assert.Equal((await app.GetAsync($"/api/models/{model}")).GetProperty("tokenizerSha256").GetString(), ready.GetProperty("tokenizerSha256").GetString());
        Assert.StartsWith($"{before.GetProperty("name").GetString()}, tokens of ", ready.GetProperty("name").GetString());

        using HttpResponseMessage renamed = await System.Net.Http.Json.HttpClientJsonExtensions.PatchAsJsonAsync(app.Http, $"/api/datasets/{source}", new { name = "Birds again" });
        Assert.Equal("Birds again", (await renamed.JsonAsync()).GetProperty("name").GetString());
        Assert.Equal(Product.Text, await app.Http.GetStringAsync($"/api/datasets/{source}/text"));
        JsonElement[] documents = [.. (await app.GetAsync($"/api/datasets/{source}/documents?first=1&count=2")).EnumerateArray()];
        Assert.Equal([1, 2], documents.Select(document => document.GetProperty("index").GetInt32()));
    }

    private static MultipartFormDataContent Form(byte[] file, params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent();
        foreach ((string name, string value) in fields)
            form.Add(new StringContent(value), name);
        form.Add(new ByteArrayContent(file), "file", "birds.txt");
        return form;
    }

    private async Task<JsonElement> PreviewAsync(byte[] file, params (string Name, string Value)[] fields)
    {
        using HttpResponseMessage answer = await app.Http.PostAsync("/api/datasets/preview", Form(file, fields));
        JsonElement preview = await answer.JsonAsync();
        Assert.True(answer.IsSuccessStatusCode, preview.ToString());
        return preview;
    }

    [Fact]
    public async Task Post_EmptyFile_IsRefusedAndLeavesNothing()
    {
        using HttpResponseMessage response = await app.UploadAsync([]);
        Assert.Equal(["file"], (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    [Fact]
    public async Task Post_InvalidUtf8_FailsWithAMessageThatNamesIt()
    {
        using HttpResponseMessage response =
            await app.UploadAsync([.. "A bird.\n\n"u8, 0xFF, 0xFE, 0xC3, .. "\n\nAnother.\n\n"u8], ("vocabularySize", "300"));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.Equal("Failed", dataset.GetProperty("state").GetString());
        Assert.Contains("UTF-8", dataset.GetProperty("error").GetString());
        using HttpResponseMessage preview = await app.Http.GetAsync($"/api/datasets/{id}/preview");
        await preview.ProblemAsync(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Post_OneLine_EndsWithAClearState()
    {
        using HttpResponseMessage response = await app.UploadAsync("One line."u8.ToArray(), ("vocabularySize", "300"));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        // Too little to train a vocabulary of 300 or to hold anything out: either it is refused in words, or what there is can be seen.
        if (dataset.GetProperty("state").GetString() == "Failed")
            Assert.NotEmpty(dataset.GetProperty("error").GetString()!);
        else
            Assert.Equal(1, dataset.GetProperty("statistics").GetProperty("documents").GetInt64());
    }

    [Fact]
    public async Task Post_BadFields_NamesEveryOneAndLeavesNothing()
    {
        using HttpResponseMessage response = await app.UploadAsync(
            "text"u8.ToArray(), ("format", "../x"), ("vocabularySize", "many"), ("validationProportion", "0,5"), ("colour", "red"),
            ("tokenizerModelId", "x"), ("jsonField", " "));
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(["colour", "format", "jsonField", "tokenizerModelId", "validationProportion", "vocabularySize"], problem.Fields());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    [Fact]
    public async Task Post_UploadCutOff_IsRefusedAndLeavesNothing()
    {
        const string head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhalf of the te";
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(head));
        content.Headers.TryAddWithoutValidation("Content-Type", "multipart/form-data; boundary=b");
        using HttpResponseMessage response = await app.Http.PostAsync("/api/datasets", content);
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Contains("broke off", problem.GetProperty("detail").GetString());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    [Fact]
    public async Task Post_NotMultipart_IsUnsupportedMediaType()
    {
        using HttpResponseMessage response =
            await app.Http.PostAsync("/api/datasets", new StringContent("{}", Encoding.UTF8, "application/json"));
        await response.ProblemAsync(HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task Post_LargerThanTheLimit_IsPayloadTooLarge()
    {
        await using var small = new WebDistillApp(null, new Dictionary<string, string> { ["Storage:MaxUploadMegabytes"] = "1" });
        using HttpResponseMessage response = await small.UploadAsync(new byte[(1 << 20) + 1]);
        await response.ProblemAsync(HttpStatusCode.RequestEntityTooLarge);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(small.Root, "incoming")));
    }

    [Fact]
    public async Task Delete_UsedByARun_IsRefusedUntilTheRunHasEnded()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        Guid run = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
        using HttpResponseMessage refused = await app.Http.DeleteAsync($"/api/datasets/{dataset}");
        await refused.ProblemAsync(HttpStatusCode.Conflict);
        using HttpResponseMessage stop = await app.Http.PostAsync($"/api/runs/{run}/stop", null);
        await app.EndOfRunAsync(run);
        using HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/datasets/{dataset}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.False(Directory.Exists(Path.Combine(app.Root, "datasets", dataset.ToString("N"))));
    }

    [Fact]
    public async Task Cancel_NotPreparing_IsRefused()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        using HttpResponseMessage response = await app.Http.PostAsync($"/api/datasets/{dataset}/cancel", null);
        await response.ProblemAsync(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Cancel_Preparing_BecomesCancelledAndCanBeDeleted()
    {
        // Its vocabulary is begun when the requests arrive: the thread that prepares rings for that, and is held until they are answered.
        using var answered = new ManualResetEventSlim();
        var preparations = app.Service<DatasetPreparations>();
        using IDisposable held = app.Service<DatasetAnnouncements>().Subscribe(null, () =>
        {
            if (!Thread.CurrentThread.IsThreadPoolThread)
                answered.Wait(TimeSpan.FromMinutes(1));
        });
        using HttpResponseMessage response = await app.UploadAsync(Encoding.UTF8.GetBytes(Product.Text), ("vocabularySize", "300"));
        Guid id = (await response.JsonAsync()).GetProperty("id").GetGuid();
        await app.PollAsync($"/api/datasets/{id}", _ => preparations.Progress(id) is { Stage: PreparationStage.TrainingVocabulary });
        using HttpResponseMessage refused = await app.Http.DeleteAsync($"/api/datasets/{id}");
        await refused.ProblemAsync(HttpStatusCode.Conflict);
        using HttpResponseMessage cancelled = await app.Http.PostAsync($"/api/datasets/{id}/cancel", null);
        Assert.True(cancelled.StatusCode == HttpStatusCode.Accepted, await cancelled.Content.ReadAsStringAsync());
        answered.Set();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.Equal("Cancelled", dataset.GetProperty("state").GetString());
        using HttpResponseMessage deleted = await app.Http.DeleteAsync($"/api/datasets/{id}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
    }
}
