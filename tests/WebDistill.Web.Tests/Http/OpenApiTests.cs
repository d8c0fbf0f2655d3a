using System.Text.Json;
using WebDistill.Distillation.Losses;
using WebDistill.Distillation.Options;

namespace WebDistill.Web.Tests.Http;

public sealed class OpenApiTests(OpenApiTests.Served served) : IClassFixture<OpenApiTests.Served>
{
    /// <summary>The document, which takes the product a while to make, once for all tests.</summary>
    public sealed class Served : IAsyncLifetime
    {
        public JsonElement Document { get; private set; }

        public async Task InitializeAsync()
        {
            await using var app = new WebDistillApp();
            Document = await app.GetAsync("/openapi/v1.json");
        }

        public Task DisposeAsync() => Task.CompletedTask;
    }

    [Theory]
    [InlineData("get", "/api/catalogue")]
    [InlineData("get", "/api/runs")]
    [InlineData("post", "/api/runs")]
    [InlineData("post", "/api/runs/quick-start")]
    [InlineData("get", "/api/runs/{id}")]
    [InlineData("delete", "/api/runs/{id}")]
    [InlineData("get", "/api/runs/{id}/series")]
    [InlineData("get", "/api/runs/{id}/steps")]
    [InlineData("post", "/api/runs/{id}/stop")]
    [InlineData("get", "/api/runs/{id}/tags")]
    [InlineData("put", "/api/runs/{id}/tags")]
    [InlineData("get", "/api/runs/{id}/notes")]
    [InlineData("post", "/api/runs/{id}/notes")]
    [InlineData("put", "/api/runs/{id}/notes/{note}")]
    [InlineData("delete", "/api/runs/{id}/notes/{note}")]
    [InlineData("get", "/api/runs/baseline")]
    [InlineData("delete", "/api/runs/baseline")]
    [InlineData("put", "/api/runs/{id}/baseline")]
    [InlineData("get", "/api/datasets")]
    [InlineData("post", "/api/datasets")]
    [InlineData("get", "/api/datasets/{id}")]
    [InlineData("get", "/api/models")]
    [InlineData("post", "/api/models")]
    [InlineData("get", "/api/models/{id}")]
    [InlineData("get", "/api/models/{id}/download")]
    [InlineData("post", "/api/generate")]
    [InlineData("post", "/api/evaluations")]
    [InlineData("get", "/api/evaluations/{id}")]
    [InlineData("post", "/api/evaluations/{id}/now")]
    [InlineData("get", "/api/evaluation-sets")]
    [InlineData("post", "/api/evaluation-sets/{name}/file")]
    [InlineData("get", "/api/reports")]
    [InlineData("get", "/api/verdicts")]
    [InlineData("get", "/api/sweeps")]
    [InlineData("post", "/api/sweeps")]
    [InlineData("get", "/api/sweeps/{id}")]
    [InlineData("get", "/api/sweeps/{id}/table.csv")]
    [InlineData("post", "/api/sweeps/{id}/stop")]
    [InlineData("delete", "/api/sweeps/{id}")]
    public void Document_Endpoint_IsDescribed(string method, string path)
    {
        JsonElement operation = served.Document.GetProperty("paths").GetProperty(path).GetProperty(method);
        Assert.NotEmpty(operation.GetProperty("summary").GetString()!);
        Assert.NotEmpty(operation.GetProperty("responses").EnumerateObject());
    }

    [Fact]
    public void Document_RunOptions_HaveEveryKnob()
    {
        JsonElement document = served.Document;
        JsonElement schemas = document.GetProperty("components").GetProperty("schemas");
        Dictionary<string, JsonElement> options = new(Described(schemas.GetProperty(nameof(RunOptions)), ""));
        Assert.Equal(LossCatalogue.RunSchema.Fields.Select(field => field.Path).Order(), options.Keys.Order());
        // What the form says of an option, its bounds included.
        JsonElement rate = options["optimiser.learningRate"];
        Assert.Equal("Learning rate", rate.GetProperty("title").GetString());
        Assert.StartsWith("Peak step size of AdamW.", rate.GetProperty("description").GetString());
        Assert.Equal((0, 10), (rate.GetProperty("exclusiveMinimum").GetDouble(), rate.GetProperty("maximum").GetDouble()));
        JsonElement temperature = options["objective.ce.temperature"];
        Assert.Equal(("Temperature", 0.01, 1000), (temperature.GetProperty("title").GetString(), temperature.GetProperty("minimum").GetDouble(), temperature.GetProperty("maximum").GetDouble()));
        Assert.Equal(["SumOverVocabulary", "PerElement"], options["objective.mse.reduction"].GetProperty("enum").EnumerateArray().Select(value => value.GetString()));
        Assert.All(options.Where(option => !option.Value.TryGetProperty("$ref", out _)),
            option => Assert.True(option.Value.TryGetProperty("title", out _), option.Key));

        IEnumerable<KeyValuePair<string, JsonElement>> Described(JsonElement record, string prefix) => record.GetProperty("properties").EnumerateObject()
            .SelectMany(property => Resolved(property.Value) is var schema && schema.TryGetProperty("properties", out _)
                ? Described(schema, $"{prefix}{property.Name}.")
                : [KeyValuePair.Create(prefix + property.Name, property.Value)]);

        JsonElement Resolved(JsonElement schema) =>
            schema.TryGetProperty("$ref", out JsonElement reference) ? schemas.GetProperty(reference.GetString()!.Split('/')[^1]) : schema;
    }
}
