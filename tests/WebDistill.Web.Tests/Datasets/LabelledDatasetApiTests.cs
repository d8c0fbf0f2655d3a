using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Data.Labelled;
using WebDistill.Web.Datasets;
using WebDistill.Web.Tests.Models;

namespace WebDistill.Web.Tests.Datasets;

/// <summary>Labelled examples as data sets, over HTTP: columns, held-out parts, pairs, and whatever cannot be.</summary>
public sealed class LabelledDatasetApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private static readonly string[] s_moods = ["glad", "sad", "so-so"];

    /// <summary>60 examples of three classes, 30, 20 and 10, each with a text of its own, as (text, other, class).</summary>
    private static readonly (string Text, string Other, string Class)[] s_examples = [.. Enumerable.Range(0, 60).Select(i =>
        ($"The {(i % 2 == 0 ? "man" : "woman")}, number {i}, came to see him", $"every number could show {i}", s_moods[i % 6 < 3 ? 0 : i % 6 < 5 ? 1 : 2]))];

    private static string Csv => "id,text,other,mood\n" + string.Concat(s_examples.Select((e, i) => $"{i},\"{e.Text}\",{e.Other},{e.Class}\n"));

    public static TheoryData<string, string, string> Formats => new()
    {
        { "a.csv", Csv, "textColumn=text labelColumn=mood" },
        { "a.tsv", string.Concat(s_examples.Select(e => $"{e.Class}\t{e.Text}\n")), "hasHeader=false textColumn=2 labelColumn=1" },
        { "a.jsonl", string.Concat(s_examples.Select(e => JsonSerializer.Serialize(new { e.Text, e.Class }) + "\n")), "textColumn=Text labelColumn=Class" },
        { "a.txt", string.Concat(s_examples.Select(e => $"{e.Class} {e.Text}\n")), "task=classes" },
        { "a.txt", string.Concat(s_examples.Select(e => $"{e.Class} {e.Text}\n")), "format=label-first" },
        { "a.data", Csv, "task=classes format=csv textColumn=2 labelColumn=mood" },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public async Task Post_EachFormat_IsReadyWithItsClassesAndAShareOfEachHeldOut(string name, string content, string fields)
    {
        JsonElement dataset = await ReadyAsync(name, content, null, [("vocabularySize", "270"), ("validationProportion", "0.2"), .. Split(fields)]);
        Assert.Equal(("classes", "Ready"), (dataset.GetProperty("task").GetString(), dataset.GetProperty("state").GetString()));
        Assert.Equal(JsonValueKind.Null, dataset.GetProperty("statistics").ValueKind);
        JsonElement examples = dataset.GetProperty("examples");
        Assert.Equal((3, 48, 12), (examples.GetProperty("classCount").GetInt32(), examples.GetProperty("train").GetInt32(), examples.GetProperty("heldOut").GetInt32()));
        Assert.Equal(["glad 24 6", "sad 16 4", "so-so 8 2"], examples.GetProperty("classes").EnumerateArray()
            .Select(label => $"{label.GetProperty("name").GetString()} {label.GetProperty("train").GetInt32()} {label.GetProperty("heldOut").GetInt32()}"));
        Assert.Equal(270, dataset.GetProperty("vocabularySize").GetInt32());

        // Every example is in one part, as it was uploaded; its tokens are those of its text.
        Guid id = dataset.GetProperty("id").GetGuid();
        (string Text, string Class)[] train = [.. await ExamplesAsync(id, "split=train&count=100")], heldOut = [.. await ExamplesAsync(id, "split=heldOut&count=100")];
        Assert.Equal(s_examples.Select(e => (e.Text, e.Class)).Order(), train.Concat(heldOut).Order());
        Assert.Equal(train[10..30], await ExamplesAsync(id, "first=10"));
        Assert.Equal(heldOut.Where(example => example.Class == "sad"), await ExamplesAsync(id, "split=heldOut&class=sad"));
        JsonElement tokens = await app.GetAsync($"/api/datasets/{id}/examples/{heldOut.Length - 1}/tokens?split=heldOut");
        Assert.Equal(heldOut[^1].Text, string.Concat(tokens.GetProperty("tokens").EnumerateArray().Select(token => token.GetProperty("text").GetString())));
        Assert.Equal(heldOut[^1].Class, tokens.GetProperty("class").GetString());
        Assert.Equal(3, (await app.GetAsync($"/api/datasets/{id}/preview")).GetArrayLength());
        Assert.True(LabelledFile.IsOne(Path.Combine(app.Root, "datasets", id.ToString("N"), "train.tokens")));
    }

    [Fact]
    public async Task Post_HeldOutFile_IsMeasuredAndTheFirstIsTrainedOnWhole()
    {
        JsonElement dataset = await ReadyAsync("train.csv", Csv, "id,text,other,mood\n1,Another man,x,sad\n2,One more,x,glad\n", [("vocabularySize", "270"), ("labelColumn", "mood"), ("classes", "sad\r\nglad\nso-so\n")]);
        JsonElement examples = dataset.GetProperty("examples");
        Assert.Equal(["sad 20 1", "glad 30 1", "so-so 10 0"], examples.GetProperty("classes").EnumerateArray()
            .Select(label => $"{label.GetProperty("name").GetString()} {label.GetProperty("train").GetInt32()} {label.GetProperty("heldOut").GetInt32()}"));
        Assert.Equal(("test.csv", 0), (dataset.GetProperty("heldOutFileName").GetString(), dataset.GetProperty("validationProportion").GetDouble()));
        Guid id = dataset.GetProperty("id").GetGuid();
        Assert.Equal([("Another man", "sad"), ("One more", "glad")], await ExamplesAsync(id, "split=heldOut"));
        Assert.StartsWith("id,text,other,mood\n1,Another", await app.Http.GetStringAsync($"/api/datasets/{id}/text?split=heldOut"));

        // Other tokens of the same examples: both files go along, and so do the columns.
        Guid bert = await app.ImportedBertAsync("For other tokens");
        using HttpResponseMessage asked = await app.Http.PostAsJsonAsync($"/api/datasets/{id}/tokenise-again", new { tokenizerModelId = bert });
        JsonElement again = await ReadyAsync(asked);
        Assert.Equal(examples.GetProperty("classes").ToString(), again.GetProperty("examples").GetProperty("classes").ToString());
        Assert.Equal(dataset.GetProperty("sha256").GetString(), again.GetProperty("sha256").GetString());
        Assert.Equal("test.csv", again.GetProperty("heldOutFileName").GetString());
        using HttpResponseMessage format = await app.Http.PostAsJsonAsync($"/api/datasets/{id}/tokenise-again", new { vocabularySize = 270, format = "tsv", unwrapLines = true });
        Assert.Equal(["format", "unwrapLines"], (await format.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task Post_Pairs_NeedATokenizerThatSeparatesTexts()
    {
        using HttpResponseMessage trained = await PostAsync("a.csv", Csv, null, ("labelColumn", "mood"), ("secondColumn", "other"));
        Assert.Equal(["tokenizerModelId"], (await trained.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        Guid gpt2 = await app.ImportedModelAsync(), bert = await app.ImportedBertAsync("For pairs");
        using HttpResponseMessage ofGpt2 = await PostAsync("a.csv", Csv, null, ("labelColumn", "mood"), ("secondColumn", "other"), ("tokenizerModelId", gpt2.ToString()));
        Assert.Contains("no id to put between two texts", (await ofGpt2.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("errors").GetProperty("tokenizerModelId")[0].GetString());

        JsonElement dataset = await ReadyAsync("a.csv", Csv, null, [("labelColumn", "mood"), ("secondColumn", "other"), ("tokenizerModelId", bert.ToString()), ("validationProportion", "0")]);
        Guid id = dataset.GetProperty("id").GetGuid();
        Assert.Equal((60, 0), (dataset.GetProperty("examples").GetProperty("train").GetInt32(), dataset.GetProperty("examples").GetProperty("heldOut").GetInt32()));
        JsonElement first = (await app.GetAsync($"/api/datasets/{id}/examples?count=1"))[0];
        Assert.Equal((s_examples[0].Text, s_examples[0].Other), (first.GetProperty("text").GetString(), first.GetProperty("second").GetString()));
        string[] tokens = [.. (await app.GetAsync($"/api/datasets/{id}/examples/0/tokens")).GetProperty("tokens").EnumerateArray().Select(token => token.GetProperty("text").GetString()!.Trim())];
        Assert.Equal(("[CLS]", 2, "[SEP]"), (tokens[0], tokens.Count(token => token == "[SEP]"), tokens[^1]));
        Assert.Empty(await ExamplesAsync(id, "split=heldOut"));
    }

    public static TheoryData<string, string, string?, string, string> Failures => new()
    {
        { "a.csv", "text,label\nx,a\ny,b,c\n", null, "", "a.csv, line 3: 3 columns; expected 2, as in line 1." },
        { "a.csv", "text,label\nx,a\ny,a\n", null, "", "a.csv: all 2 examples are of class 'a'; expected at least 2 classes" },
        { "a.csv", "text,label\nx,a\ny,b\n", "text,label\nz,c\n", "", "test.csv, line 2: class 'c', which the training file lacks; expected one of 'a', 'b'." },
        { "a.csv", "text,label\nx,a\ny,b\n", null, "validationProportion=0.5", "a.csv: each class has one example, of which the held-out share is 0.5; expected a class with 2" },
        { "held-out.txt", "text,label\nx,a\n\" \",b\n", null, "format=csv labelColumn=label", "held-out.txt, line 3: the text is empty; expected one in column 'text'. Fill it in" },
        { "a.tsv", "text,label\nx,a\n", null, "", "a.tsv, line 1: no column 'text' for the text; expected one of 'text,label'" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Post_WhatCannotBePrepared_FailsWithFileLineValueExpectationAndFix(string name, string content, string? heldOut, string fields, string expected)
    {
        using HttpResponseMessage response = await PostAsync(name, content, heldOut, [("vocabularySize", "257"), .. Split(fields)]);
        JsonElement made = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, made.ToString());
        Guid id = made.GetProperty("id").GetGuid();
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.Equal(("Failed", "dataset-not-prepared"), (dataset.GetProperty("state").GetString(), dataset.GetProperty("errorId").GetString()));
        Assert.StartsWith(expected, dataset.GetProperty("error").GetString());
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(app.Root, "datasets", id.ToString("N"))), file => file.EndsWith(".tokens", StringComparison.Ordinal));
        using HttpResponseMessage examples = await app.Http.GetAsync($"/api/datasets/{id}/examples");
        await examples.ProblemAsync(HttpStatusCode.Conflict);
    }

    [Theory]
    [InlineData("a.txt", "task=words", "task")]
    [InlineData("a.txt", "task=text labelColumn=label hasHeader=true", "hasHeader labelColumn")]
    [InlineData("a.csv", "jsonField=story task=classes", "jsonField")]
    [InlineData("a.csv", "format=xlsx labelColumn=x", "format")]
    [InlineData("a.txt", "labelColumn=label", "format")]
    [InlineData("a.txt", "labelColumn=label format=label-first", "labelColumn")]
    [InlineData("a.csv", "labelColumn=text hasHeader=perhaps unwrapLines=true", "hasHeader labelColumn unwrapLines")]
    [InlineData("a.csv", "classes=only", "classes")]
    [InlineData("a.csv", "validationProportion=0.6", "validationProportion")]
    public async Task Post_FieldsThatCannotBe_AreNamedAndNothingIsKept(string name, string fields, string expected)
    {
        using HttpResponseMessage response = await PostAsync(name, Csv, null, Split(fields));
        Assert.Equal(expected.Split(' '), (await response.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    [Fact]
    public async Task Post_HeldOutFileThatCannotBe_IsRefusedAndNothingIsKept()
    {
        using HttpResponseMessage both = await PostAsync("a.csv", Csv, Csv, ("labelColumn", "mood"), ("validationProportion", "0.2"));
        Assert.Equal(["validationProportion"], (await both.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage ofText = await PostAsync("a.txt", "A text", "Another", ("task", "text"));
        Assert.Equal(["heldOut"], (await ofText.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage empty = await PostAsync("a.csv", Csv, "", ("labelColumn", "mood"));
        Assert.Equal(["heldOut"], (await empty.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using var early = new MultipartFormDataContent { { new StringContent(Csv), "heldOut", "test.csv" } };
        using HttpResponseMessage first = await app.Http.PostAsync("/api/datasets", early);
        Assert.Contains("Send the part 'file' first", (await first.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("errors").GetProperty("heldOut")[0].GetString());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(app.Root, "incoming")));
    }

    [Fact]
    public async Task Preview_OfABeginning_GuessesColumnsAndShowsWhatAChoiceMakes()
    {
        JsonElement guessed = await PreviewAsync("reviews.csv", Csv, ("isWholeFile", "true"));
        Assert.True(guessed.GetProperty("looksLabelled").GetBoolean());
        Assert.Equal(["id", "text", "other", "mood"], guessed.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));
        Assert.Equal(("text", "mood"), (guessed.GetProperty("options").GetProperty("textColumn").GetString(), guessed.GetProperty("options").GetProperty("labelColumn").GetString()));
        Assert.Equal((60, 3, 5), (guessed.GetProperty("read").GetInt32(), guessed.GetProperty("classCount").GetInt32(), guessed.GetProperty("examples").GetArrayLength()));
        Assert.Equal("glad", guessed.GetProperty("classes")[0].GetProperty("name").GetString());

        JsonElement chosen = await PreviewAsync("reviews.csv", Csv, ("isWholeFile", "true"), ("textColumn", "other"), ("labelColumn", "nothing"));
        Assert.Contains("no column 'nothing' for the class", chosen.GetProperty("problem").GetString());
        Assert.Equal(4, chosen.GetProperty("columns").GetArrayLength());
        Assert.False((await PreviewAsync("novel.txt", "It was the best of times.\n\nIt was not.\n", ("isWholeFile", "true"))).GetProperty("looksLabelled").GetBoolean());

        using HttpResponseMessage latin = await app.Http.PostAsync("/api/datasets/preview-examples", Form("a.csv", [.. "text,label\nx"u8, 0xE9], null, ("isWholeFile", "true")));
        Assert.Contains("a.csv, line 2: byte 12 of the file is 0xE9", (await latin.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("detail").GetString());
        using HttpResponseMessage unknown = await app.Http.PostAsync("/api/datasets/preview-examples", Form("a.csv", "x"u8.ToArray(), null, ("format", "novel")));
        Assert.Equal(["format"], (await unknown.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
    }

    [Fact]
    public async Task WhatReadsRunningText_RefusesExamples_AndDoesNotOfferThem()
    {
        Guid model = await app.ImportedModelAsync();
        JsonElement dataset = await ReadyAsync("a.csv", Csv, null, [("labelColumn", "mood"), ("tokenizerModelId", model.ToString())]);
        Guid id = dataset.GetProperty("id").GetGuid();
        using HttpResponseMessage evaluated = await app.Http.PostAsJsonAsync("/api/evaluations", new { modelId = model, set = "text", datasetId = id });
        Assert.Contains("holds examples with classes", (await evaluated.ProblemAsync(HttpStatusCode.BadRequest)).GetProperty("errors").GetProperty("datasetId")[0].GetString());
        var table = app.Service<DatasetTable>();
        string tokenizer = dataset.GetProperty("tokenizerSha256").GetString()!;
        Assert.DoesNotContain((await table.ReadAsync(holdsExamples: false)).Rows, row => row.Id == id);
        Assert.NotEqual(id, (await table.NewestReadyAsync(tokenizer))?.Id);
        Assert.Equal(id, (await table.NewestReadyAsync(tokenizer, holdsExamples: true))?.Id);
        using HttpResponseMessage documents = await app.Http.GetAsync($"/api/datasets/{id}/documents");
        await documents.ProblemAsync(HttpStatusCode.Conflict);
        using HttpResponseMessage label = await app.Http.GetAsync($"/api/datasets/{id}/examples?class=angry");
        Assert.Equal(["class"], (await label.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage split = await app.Http.GetAsync($"/api/datasets/{id}/examples?split=test");
        Assert.Equal(["split"], (await split.ProblemAsync(HttpStatusCode.BadRequest)).Fields());
        using HttpResponseMessage beyond = await app.Http.GetAsync($"/api/datasets/{id}/examples/57/tokens");
        await beyond.ProblemAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Cancelled_IsTriedAgainAndReady()
    {
        using var answered = new ManualResetEventSlim();
        Guid id;
        var preparations = app.Service<DatasetPreparations>();
        using (app.Service<DatasetAnnouncements>().Subscribe(null, () =>
        {
            if (!Thread.CurrentThread.IsThreadPoolThread)
                answered.Wait(TimeSpan.FromMinutes(1));
        }))
        {
            using HttpResponseMessage response = await PostAsync("a.csv", Csv, null, ("labelColumn", "mood"), ("vocabularySize", "270"));
            id = (await response.JsonAsync()).GetProperty("id").GetGuid();
            await app.PollAsync($"/api/datasets/{id}", _ => preparations.Progress(id) is { Stage: PreparationStage.FindingClasses });
            using HttpResponseMessage cancelled = await app.Http.PostAsync($"/api/datasets/{id}/cancel", null);
            Assert.Equal(HttpStatusCode.Accepted, cancelled.StatusCode);
            answered.Set();
            await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() == "Cancelled");
        }
        HttpStatusCode retried;
        // Its end is written a moment before its preparation lets go of it.
        do
            retried = (await app.Http.PostAsync($"/api/datasets/{id}/retry", null)).StatusCode;
        while (retried == HttpStatusCode.Conflict);
        Assert.Equal(HttpStatusCode.Accepted, retried);
        JsonElement dataset = await app.PollAsync($"/api/datasets/{id}", d => d.GetProperty("state").GetString() == "Ready");
        Assert.Equal(3, dataset.GetProperty("examples").GetProperty("classCount").GetInt32());
    }

    private static (string, string)[] Split(string fields) => [.. fields.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(field => (field.Split('=')[0], field.Split('=')[1]))];

    private static MultipartFormDataContent Form(string name, byte[] content, string? heldOut, params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent();
        foreach ((string field, string value) in fields)
            form.Add(new StringContent(value), field);
        form.Add(new ByteArrayContent(content), "file", name);
        if (heldOut is not null)
            form.Add(new StringContent(heldOut), "heldOut", "test.csv");
        return form;
    }

    private Task<HttpResponseMessage> PostAsync(string name, string content, string? heldOut, params (string, string)[] fields) =>
        app.Http.PostAsync("/api/datasets", Form(name, Encoding.UTF8.GetBytes(content), heldOut, fields));

    private async Task<JsonElement> ReadyAsync(string name, string content, string? heldOut, (string, string)[] fields)
    {
        using HttpResponseMessage response = await PostAsync(name, content, heldOut, fields);
        return await ReadyAsync(response);
    }

    private async Task<JsonElement> ReadyAsync(HttpResponseMessage accepted)
    {
        JsonElement made = await accepted.JsonAsync();
        Assert.True(accepted.StatusCode == HttpStatusCode.Accepted, made.ToString());
        JsonElement dataset = await app.PollAsync($"/api/datasets/{made.GetProperty("id").GetGuid()}", d => d.GetProperty("state").GetString() != "Preparing");
        Assert.True(dataset.GetProperty("state").GetString() == "Ready", dataset.ToString());
        return dataset;
    }

    private async Task<IEnumerable<(string Text, string Class)>> ExamplesAsync(Guid id, string query) => (await app.GetAsync($"/api/datasets/{id}/examples?{query}")).EnumerateArray()
        .Select(example => (example.GetProperty("text").GetString()!, example.GetProperty("class").GetString()!)).ToArray();

    private async Task<JsonElement> PreviewAsync(string name, string content, params (string, string)[] fields)
    {
        using HttpResponseMessage answer = await app.Http.PostAsync("/api/datasets/preview-examples", Form(name, Encoding.UTF8.GetBytes(content), null, fields));
        JsonElement preview = await answer.JsonAsync();
        Assert.True(answer.IsSuccessStatusCode, preview.ToString());
        return preview;
    }
}
