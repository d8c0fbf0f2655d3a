using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Transforms;
using WebDistill.Web.Formats;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Models;

namespace WebDistill.Web.Tests.Compress;

public sealed class CompressApiTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    [Fact]
    public async Task Compress_AModelWithItsText_IsAModelOfTheLibraryThatSaysWhatItWasMadeOf()
    {
        Guid source = await ImportedAsync(layers: 2), dataset = await app.TokenisedAsync(source, Product.Text);
        JsonElement before = await app.GetAsync($"/api/models/{source}");
        JsonElement made = await CompressedAsync(source, new { transform = "layer-dropping", parameters = new { layers = new[] { 1 } } });
        Guid id = made.GetProperty("id").GetGuid();
        Assert.Equal(("Compressed", "tiny, layer dropping", 1), (Text(made, "origin"), Text(made, "name"), made.GetProperty("layers").GetInt32()));
        Assert.Equal(Text(before, "tokenizerSha256"), Text(made, "tokenizerSha256"));
        Assert.True(made.GetProperty("parameterCount").GetInt64() < before.GetProperty("parameterCount").GetInt64());
        Assert.Equal(before.ToString(), (await app.GetAsync($"/api/models/{source}")).ToString());

        JsonElement record = await app.GetAsync($"/api/models/{id}/compression");
        Assert.Equal((source, "tiny", Text(before, "weightsSha256"), "layer-dropping"),
            (record.GetProperty("sourceId").GetGuid(), Text(record, "sourceName"), Text(record, "sourceWeightsSha256"), Text(record, "transform")));
        Assert.Equal("[1]", record.GetProperty("parameters").GetProperty("layers").GetRawText());
        JsonElement report = record.GetProperty("report"), after = report.GetProperty("after"), measure = record.GetProperty("validation");
        Assert.Equal(made.GetProperty("parameterCount").GetInt64(), after.GetProperty("parameters").GetInt64());
        Assert.True(after.GetProperty("operationsPerToken").GetDouble() < report.GetProperty("before").GetProperty("operationsPerToken").GetDouble());
        Assert.Equal((dataset, "Validation perplexity"), (measure.GetProperty("datasetId").GetGuid(), Text(measure, "figure")));
        Assert.All(new[] { "before", "after" }, when => Assert.InRange(measure.GetProperty(when).GetProperty("value").GetDouble(), 100, 1000));

        // The record goes with the weights, and into the card; it is no file of a model that is imported.
        using var archive = new ZipArchive(new MemoryStream(await app.Http.GetByteArrayAsync($"/api/models/{id}/download")));
        Assert.Contains("compression.json", archive.Entries.Select(entry => entry.FullName));
        var files = archive.Entries.ToDictionary(entry => entry.FullName, entry =>
        {
            using var content = new MemoryStream();
            using Stream stream = entry.Open();
            stream.CopyTo(content);
            return content.ToArray();
        });
        using HttpResponseMessage again = await app.ImportAsync(files, "again");
        JsonElement imported = await again.JsonAsync();
        Assert.Equal(("Imported", Text(made, "weightsSha256")), (Text(imported, "origin"), Text(imported, "weightsSha256")));
        string card = await app.Http.GetStringAsync($"/api/models/{id}/card.md");
        Assert.Contains("Made of tiny without training: layer dropping.", card);
        Assert.Contains(Text(before, "weightsSha256"), card);
        string measured = Figures.Perplexity(JsonSerializer.Deserialize<Perplexity>(measure.GetProperty("after"), WebJson.Measured));
        Assert.Contains($"| Validation perplexity | {measured} | ", card);
        Assert.DoesNotContain("Nothing has been measured yet", card);
        Assert.Contains($">{measured}<", WebUtility.HtmlDecode(await app.Http.GetStringAsync($"/models/{id:N}")));

        // What was made can go on: a run distils it, another transform takes it.
        await CompressedAsync(id, new { transform = "magnitude-pruning", name = "Pruned" });
    }

    [Fact]
    public async Task Examples_OfTheCatalogue_AreComplete()
    {
        await using var own = new WebDistillApp();
        Assert.All((await own.GetAsync("/api/catalogue")).GetProperty("transforms").EnumerateArray(), entry => Assert.Equal(JsonValueKind.Null, entry.GetProperty("address").ValueKind));
        using HttpResponseMessage imported = await own.ImportAsync(Product.TinyModel(layers: 2), "tiny");
        Assert.Equal(HttpStatusCode.Created, imported.StatusCode);
        JsonElement[] entries = [.. (await own.GetAsync("/api/catalogue")).GetProperty("transforms").EnumerateArray()];
        Assert.Equal(TransformCatalogue.All.Select(transform => transform.Name), entries.Select(entry => Text(entry, "name")));
        foreach (JsonElement entry in entries)
        {
            Assert.All(new[] { "title", "text", "formula", "source" }, name => Assert.NotEqual("", Text(entry, name)));
            ModelTransform transform = TransformCatalogue.Find(Text(entry, "name"));
            Assert.Equal(transform.Fields.Select(field => field.Path), entry.GetProperty("knobs").EnumerateArray().Select(knob => Text(knob, "path")));
            using HttpResponseMessage response = await own.Http.PostAsJsonAsync(Text(entry, "address"), entry.GetProperty("example"));
            Assert.True(response.StatusCode == HttpStatusCode.Created, $"{transform.Name}: {await response.Content.ReadAsStringAsync()}");
        }
    }

    [Theory]
    [InlineData("""{"transform":"shrink"}""", "transform", "'shrink' is no transform. Choose one of: layer-dropping")]
    [InlineData("""{"transform":"layer-dropping"}""", "parameters.count", "1 layer is to stay and the model has 1")]
    [InlineData("""{"transform":"magnitude-pruning","parameters":{"sparsity":2}}""", "parameters.sparsity", "The value is 2, expected")]
    [InlineData("""{"transform":"magnitude-pruning","parameters":{"sparsity":"all"}}""", "parameters.sparsity", "The value is \"all\", expected a number.")]
    [InlineData("""{"transform":"magnitude-pruning","parameters":{"sparsity":0}}""", "parameters.sparsity", "The value is 0, expected 0 < value < 1")]
    [InlineData("""{"transform":"layer-dropping","parameters":{"which":"First, Last"}}""", "parameters.which", "expected one of EvenlySpaced, First, Last, BothEnds.")]
    [InlineData("""{"transform":"weight-rounding","parameters":{"format":0}}""", "parameters.format", "The value is 0, expected one of Int8PerRow")]
    [InlineData("""{"transform":"low-rank","parameters":{"rank":2147483648}}""", "parameters.rank", "expected a whole number from")]
    [InlineData("""{"transform":"magnitude-pruning","parameters":{"share":0.5}}""", "parameters.share", "is no parameter of 'Magnitude pruning'")]
    [InlineData("""{"transform":"low-rank","parameters":{"rank":16}}""", "parameters.rank", "no matrix of the layers has one above 16")]
    [InlineData("""{"transform":"weight-rounding","parameters":{"format":"Q4_0"}}""", "parameters.format", "expected a multiple of 32")]
    [InlineData("""{"transform":"magnitude-pruning","name":"a\u0007b"}""", "name", "")]
    public async Task Compress_WhatCannotBe_IsRefusedAtItsField(string body, string field, string message)
    {
        Guid source = await app.ImportedModelAsync();
        int models = (await app.GetAsync("/api/models?limit=200")).GetArrayLength();
        using HttpResponseMessage response = await app.Http.PostAsync($"/api/models/{source}/compress", new StringContent(body, null, "application/json"));
        JsonElement problem = await response.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal([field], problem.Fields());
        Assert.Contains(message, problem.GetProperty("errors").GetProperty(field)[0].GetString());
        Assert.Equal(models, (await app.GetAsync("/api/models?limit=200")).GetArrayLength());
    }

    [Fact]
    public async Task Compress_AskedForTwice_IsRefusedTheSecondTime()
    {
        Guid source = await app.ImportedModelAsync();
        var body = new { transform = "weight-rounding" };
        Guid once = (await CompressedAsync(source, body)).GetProperty("id").GetGuid();
        using HttpResponseMessage twice = await app.Http.PostAsJsonAsync($"/api/models/{once}/compress", body);
        JsonElement problem = await twice.ProblemAsync(HttpStatusCode.BadRequest);
        Assert.Contains("changes nothing in this model", problem.GetProperty("errors").GetProperty("transform")[0].GetString());
    }

    [Fact]
    public async Task Compress_AModelThatFillsMasks_TellsItsMaskedPerplexity()
    {
        Guid source = await app.ImportedBertAsync();
        await app.TokenisedAsync(source);
        Guid id = (await CompressedAsync(source, new { transform = "feed-forward-pruning", parameters = new { width = 16 } })).GetProperty("id").GetGuid();
        JsonElement measure = (await app.GetAsync($"/api/models/{id}/compression")).GetProperty("validation");
        Assert.Equal("Masked perplexity", Text(measure, "figure"));
        Assert.True(measure.GetProperty("after").GetProperty("value").GetDouble() > 1);
    }

    [Fact]
    public async Task Compress_WithoutANameAModelOfALongOne_CutsNoCharacterInTwo()
    {
        using HttpResponseMessage imported = await app.ImportAsync(Product.TinyModel(layers: 2), "x" + string.Concat(Enumerable.Repeat("😀", 99)));
        string name = Text(await CompressedAsync((await imported.JsonAsync()).GetProperty("id").GetGuid(), new { transform = "layer-dropping" }), "name");
        Assert.EndsWith("😀, layer dropping", name);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"sourceId":5}""")]
    [InlineData("null")]
    public async Task Compression_WhoseRecordIsDamaged_SaysWhatToDo(string record)
    {
        Guid id = (await CompressedAsync(await app.ImportedModelAsync(), new { transform = "magnitude-pruning" })).GetProperty("id").GetGuid();
        File.WriteAllText(Path.Combine(app.Service<DataFolder>().Model(id), "compression.json"), record);
        using HttpResponseMessage response = await app.Http.GetAsync($"/api/models/{id}/compression");
        Assert.Contains("compression.json", (await response.ProblemAsync(HttpStatusCode.Gone)).GetProperty("detail").GetString());
        Assert.Equal("Compressed", Text(await app.GetAsync($"/api/models/{id}"), "origin"));
    }

    [Fact]
    public async Task Compression_OfAModelThatWasMadeOtherwise_IsNotThere()
    {
        Guid source = await app.ImportedModelAsync();
        using HttpResponseMessage none = await app.Http.GetAsync($"/api/models/{source}/compression");
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        using HttpResponseMessage nobody = await app.Http.PostAsJsonAsync($"/api/models/{Guid.NewGuid()}/compress", new { transform = "low-rank" });
        Assert.Equal(HttpStatusCode.NotFound, nobody.StatusCode);
    }

    private async Task<Guid> ImportedAsync(int layers)
    {
        using HttpResponseMessage response = await app.ImportAsync(Product.TinyModel(layers: layers), "tiny");
        return (await response.JsonAsync()).GetProperty("id").GetGuid();
    }

    private async Task<JsonElement> CompressedAsync(Guid source, object body)
    {
        using HttpResponseMessage response = await app.Http.PostAsJsonAsync($"/api/models/{source}/compress", body);
        JsonElement made = await response.JsonAsync();
        Assert.True(response.StatusCode == HttpStatusCode.Created, made.ToString());
        return made;
    }

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;
}
