using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.SignalR;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WebDistill.Data;
using WebDistill.Distillation.Evaluation;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Training;
using WebDistill.Web.Evaluations;
using WebDistill.Web.Formats;
using WebDistill.Web.Live;
using WebDistill.Web.Models;
using WebDistill.Web.Notifications;
using WebDistill.Web.Reports;
using WebDistill.Web.Settings;
using WebDistill.Web.Storage;
using WebDistill.Web.Tests.Live;
using WebDistill.Web.Tests.Sweeps;

namespace WebDistill.Web.Tests.Numbers;

/// <summary>NaN and both infinities in every number that is answered or stored: no endpoint, page, file or message fails.</summary>
public sealed class EveryNumberTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    public static TheoryData<double, string> Values => new()
    {
        { double.NaN, "NaN" }, { double.PositiveInfinity, "Infinity" }, { double.NegativeInfinity, "-Infinity" },
    };

    [Theory]
    [MemberData(nameof(Values))]
    public void Response_EveryRecordWithSuchNumbers_IsWrittenAndReadAsSuch(double value, string literal)
    {
        JsonSerializerOptions http = app.Service<IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions>>().Value.SerializerOptions;
        JsonSerializerOptions hub = app.Service<IOptions<JsonHubProtocolOptions>>().Value.PayloadSerializerOptions;
        Type[] responses = [.. app.Service<IEnumerable<EndpointDataSource>>().SelectMany(source => source.Endpoints)
            .SelectMany(endpoint => endpoint.Metadata.OfType<IProducesResponseTypeMetadata>()).Select(produced => produced.Type)
            .OfType<Type>().Where(type => type != typeof(void) && !type.IsAssignableTo(typeof(ProblemDetails)) && type.Namespace?.StartsWith("Microsoft", StringComparison.Ordinal) != true)
            .Append(typeof(WebhookMessage)).Append(typeof(EvaluationResult)).Distinct()];
        Assert.Contains(typeof(EvaluationReport), responses);
        Assert.True(responses.Length > 15, string.Join(", ", responses.Select(type => type.Name)));
        int numbers = 0;
        foreach (Type type in responses)
        {
            object filled = FilledRecord.Create(type, value)!;
            foreach (JsonSerializerOptions options in new[] { http, hub, WebJson.Measured })
                numbers += FilledRecord.Count(JsonSerializer.SerializeToElement(filled, type, options), literal);
        }
        Assert.True(numbers > 3 * 40, $"{numbers} numbers were written.");
    }

    [Trait("takes", "long")]
    [Theory]
    [MemberData(nameof(Values))]
    public async Task Stored_EveryNumberIsSuch_EveryEndpointPageAndFileAnswers(double value, string literal)
    {
        Library library = await FillAsync(value);
        List<string> failures = [], paths = [.. await EndpointsAsync(library)];
        Assert.True(paths.Count > 20, string.Join('\n', paths));
        foreach (string format in ReportFormat.All.Select(format => format.Name))
            paths.AddRange([$"/api/reports?run={library.Run}&format={format}", $"/api/reports?models={library.Model}&format={format}"]);
        string numbers = "";
        foreach (string path in paths)
        {
            using HttpResponseMessage response = await app.Http.GetAsync(path);
            string body = await response.Content.ReadAsStringAsync();
            if (response.StatusCode != HttpStatusCode.OK)
                failures.Add($"{path}: {response.StatusCode} {body[..Math.Min(300, body.Length)]}");
            numbers += body;
        }
        // −∞ cannot be stored, and comes back as NaN.
        Assert.Contains($"\"{(value < 0 ? "NaN" : literal)}\"", numbers);

        string run = library.Run.ToString("N"), sweep = library.Sweep.ToString("N");
        string[] pages =
        [
            "/", $"/runs/{run}", $"/runs/{run}/report", $"/runs/new?clone={run}", $"/runs/{run}?tab=notes", $"/runs/{run}?tab=system", "/?tag=every-number", "/sweeps", $"/sweeps/{sweep}", $"/sweeps/new?run={run}",
            $"/compare?runs={run},{string.Join(',', library.SweepRuns.Select(id => id.ToString("N")))}", "/datasets", $"/datasets/{library.Dataset:N}",
            "/models", $"/models/{library.Model:N}", $"/models/{library.Compressed:N}", $"/playground?run={run}", $"/evaluate?model={library.Model:N}", $"/report?models={library.Model:N}", "/settings",
        ];
        foreach (string page in pages)
        {
            using HttpResponseMessage response = await app.Http.GetAsync(page);
            string html = await response.Content.ReadAsStringAsync();
            // Pages call such numbers by their names, and pictures leave them out. Not within the page's own base64.
            Match raw = Regex.Match(html, @"[^\n]{0,120}(?<![\w+/=])(-?NaN|-?Infinity|∞|This page met an error\.)(?![\w+/=])[^\n]{0,120}");
            if (response.StatusCode != HttpStatusCode.OK || raw.Success)
                failures.Add($"{page}: {response.StatusCode} {raw.Value}");
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
        Assert.Contains(value > 0 ? "over 1e308" : "not a number", await app.Http.GetStringAsync($"/runs/{run}"));

        await using CurvesClient client = await CurvesClient.WatchAsync(app.Address, library.Run, 0);
        JsonElement rows = (await client.NextAsync())!.Value;
        string written = value > 0 ? "Infinity" : "NaN";
        foreach (string column in new[] { "totalLoss", "clm", "gradientNorm" })
            Assert.All(rows.GetProperty("columns").GetProperty(column).EnumerateArray(), number => Assert.Equal(written, number.GetString()));
        Assert.Contains(rows.GetProperty("columns").GetProperty("validationPerplexity").EnumerateArray(),
            number => number.ValueKind == JsonValueKind.String && number.GetString() == written);
        Assert.Equal(written, rows.GetProperty("once").GetProperty("teacherPerplexity").GetString());
    }

    [Fact]
    public async Task Document_MeasuredNumbers_AreNumbersOrTheirNamesAndThoseOfRequestsAreNumbers()
    {
        JsonElement schemas = (await app.GetAsync("/openapi/v1.json")).GetProperty("components").GetProperty("schemas");
        JsonElement measured = Property("RunResponse", "validationPerplexity");
        Assert.False(measured.TryGetProperty("type", out _));
        Assert.Equal(["number", "string", "null"], measured.GetProperty("anyOf").EnumerateArray().Select(choice => choice.GetProperty("type").GetString()));
        Assert.Equal(["Infinity", "-Infinity", "NaN"], measured.GetProperty("anyOf")[1].GetProperty("enum").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(["number", "string"],
            Property("RunResponse", "trainedSeconds").GetProperty("anyOf").EnumerateArray().Select(choice => choice.GetProperty("type").GetString()));
        Assert.Equal(["number", "string"], Property("StepReport", "values").GetProperty("additionalProperties").GetProperty("anyOf").EnumerateArray()
            .Select(choice => choice.GetProperty("type").GetString()));
        foreach ((string record, string property) in new[]
        {
            ("OptimiserOptions", "learningRate"), ("GenerateRequest", "topP"), ("SweepRange", "minimum"),
        })
            Assert.Equal("number", Property(record, property).GetProperty("type").GetString());

        JsonElement Property(string record, string name) => schemas.GetProperty(record).GetProperty("properties").GetProperty(name);
    }

    private sealed record Library(Guid Run, int Step, Guid Dataset, Guid Model, Guid Compressed, Guid Evaluation, Guid Sweep, Guid[] SweepRuns, string Backup);

    /// <summary>Real rows with real files, and then every number of every row replaced.</summary>
    private async Task<Library> FillAsync(double value)
    {
        Guid dataset = await app.ReadyDatasetAsync(), run = await app.StartAsync(Product.TinyTraining(dataset));
        JsonElement ended = await app.EndOfRunAsync(run);
        Guid model = ended.GetProperty("studentModelId").GetGuid();
        int step = ended.GetProperty("step").GetInt32();
        using HttpResponseMessage made = await app.Http.PostAsJsonAsync($"/api/models/{model}/compress", new { transform = "magnitude-pruning" });
        Guid compressed = (await made.JsonAsync()).GetProperty("id").GetGuid();
        ((CompressionRecord)FilledRecord.Create(typeof(CompressionRecord), value)!).Write(app.Service<DataFolder>().Model(compressed), FileLayer.Disk);
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app, "Numbers of every kind");
        Evaluation evaluation = (await app.Service<EvaluationService>().CreateAsync(
            new EvaluationRequest { ModelId = model, Set = "text", DatasetId = dataset, ContextLength = 16, Stride = 8 })).Evaluation;
        await app.PollAsync($"/api/evaluations/{evaluation.Id}", e => e.GetProperty("status").GetString() == "Completed");
        using HttpResponseMessage backup = await app.Http.PostAsync("/api/storage/backups", null);
        string name = (await backup.JsonAsync()).GetProperty("name").GetString()!;
        Guid[] sweepRuns = [];
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            foreach (IEntityType entity in db.Model.GetEntityTypes())
                await ReplaceAsync(db, entity, value);
            foreach (StepRow row in await db.StepRows.ToListAsync())
                row.Values = PackedNumbers.Pack([.. Enumerable.Repeat<double?>(value, row.Values.Length / sizeof(double))]);
            db.Measurements.Add(new Measurement { RunId = run, Name = LoopSeries.TeacherPerplexity.Name, Value = value });
            await db.SaveChangesAsync();
            string result = JsonSerializer.Serialize(FilledRecord.Create(typeof(EvaluationResult), value), WebJson.Measured);
            await db.Evaluations.ExecuteUpdateAsync(set => set.SetProperty(e => e.ResultJson, result));
            sweepRuns = await db.Runs.Where(r => r.SweepId == sweep.Id).Select(r => r.Id).ToArrayAsync();
            // What all others show their difference to.
            if (!await db.PinnedRuns.AnyAsync())
                db.PinnedRuns.Add(new PinnedRun { RunId = sweepRuns[0] });
            db.RunTags.Add(new RunTag { RunId = run, Tag = "every-number" });
            db.RunNotes.Add(new RunNote { RunId = run, At = DateTime.UtcNow, Text = "Every number is one." });
            await db.SaveChangesAsync();
        });
        foreach (Guid changed in sweepRuns.Append(run))
            app.Service<RunAnnouncements>().Announce(changed);
        return new Library(run, step, dataset, model, compressed, evaluation.Id, sweep.Id, sweepRuns, name);
    }

    private static async Task ReplaceAsync(WebDistillDb db, IEntityType entity, double value)
    {
        IProperty[] numbers = [.. entity.GetProperties().Where(property => (Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType) == typeof(double))];
        if (numbers.Length == 0)
            return;
        var all = (IQueryable<object>)typeof(DbContext).GetMethod(nameof(DbContext.Set), 1, BindingFlags.Instance | BindingFlags.Public, null, [], null)!
            .MakeGenericMethod(entity.ClrType).Invoke(db, null)!;
        foreach (object row in await all.ToListAsync())
        {
            foreach (IProperty property in numbers)
                db.Entry(row).Property(property.Name).CurrentValue = value;
        }
    }

    /// <summary>Every GET of the API's document, with ids of what there is.</summary>
    private async Task<IEnumerable<string>> EndpointsAsync(Library library)
    {
        JsonElement document = await app.GetAsync("/openapi/v1.json");
        // What is of labelled examples reads no stored number: it counts, or shows texts.
        return document.GetProperty("paths").EnumerateObject()
            .Where(path => path.Value.TryGetProperty("get", out _) && path.Name != "/api/reports" && !path.Name.EndsWith("/classes", StringComparison.Ordinal) && !path.Name.Contains("/examples", StringComparison.Ordinal))
            .Select(path => path.Name
                .Replace("{step}", $"{library.Step}", StringComparison.Ordinal)
                .Replace("{name}", library.Backup, StringComparison.Ordinal)
                .Replace("{id}", $"{path.Name.Split('/')[2] switch
                {
                    "runs" => library.Run,
                    "datasets" => library.Dataset,
                    "models" => path.Name.EndsWith("/compression", StringComparison.Ordinal) ? library.Compressed : library.Model,
                    "evaluations" => library.Evaluation,
                    "sweeps" => library.Sweep,
                    _ => Guid.Empty,
                }}", StringComparison.Ordinal));
    }
}
