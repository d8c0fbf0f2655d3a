using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using WebDistill.Data;
using WebDistill.Web.Live;

namespace WebDistill.Web.Tests.Live;

public sealed class CurvesHubTests(WebDistillApp app) : IClassFixture<WebDistillApp>
{
    private const int ManySteps = 100_000;

    [Trait("takes", "long")]
    [Fact]
    public async Task Watch_ClientCutOffAgainAndAgain_GetsEveryStepExactlyOnce()
    {
        Guid id = await app.StartAsync(Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 30));
        List<int> steps = [];
        int connections = 0;
        JsonElement? rows;
        do
        {
            connections++;
            await using CurvesClient client = await CurvesClient.WatchAsync(app.Address, id, steps.LastOrDefault());
            // Two messages, then the cable is pulled.
            int messages = 0;
            do
            {
                rows = await client.NextAsync();
                if (rows is JsonElement received)
                {
                    steps.AddRange(received.GetProperty("step").EnumerateArray().Select(step => step.GetInt32()));
                    Assert.Equal(received.GetProperty("step").GetArrayLength(), received.GetProperty("columns").GetProperty("totalLoss").GetArrayLength());
                }
            }
            while (rows is not null && ++messages < 2);
        }
        while (rows is not null);

        JsonElement run = await app.GetAsync($"/api/runs/{id}");
        Assert.Equal("Completed", run.GetProperty("status").GetString());
        Assert.Equal(Enumerable.Range(1, run.GetProperty("totalSteps").GetInt32()), steps);
        Assert.True(connections > 1, "The run ended before the client was cut off: nothing was tested.");
    }

    [Fact]
    public async Task Watch_QueuedThenStopped_TellsTheStatusAndEnds()
    {
        Guid dataset = await app.ReadyDatasetAsync();
        Guid running = await app.StartAsync(Product.TinyTraining(dataset, epochs: 100_000));
        Guid queued = await app.StartAsync(Product.TinyTraining(dataset));
        await using CurvesClient client = await CurvesClient.WatchAsync(app.Address, queued, 0);
        Assert.Equal("Queued", (await client.NextAsync())!.Value.GetProperty("status").GetString());
        await app.Http.PostAsync($"/api/runs/{queued}/stop", null);
        Assert.Equal("Stopped", (await client.NextAsync())!.Value.GetProperty("status").GetString());
        Assert.Null(await client.NextAsync());
        await app.Http.PostAsync($"/api/runs/{running}/stop", null);
        await app.EndOfRunAsync(running);
    }

    [Fact]
    public async Task Watch_UnknownRun_EndsWithAnErrorThatSaysSo()
    {
        await using CurvesClient client = await CurvesClient.WatchAsync(app.Address, Guid.NewGuid(), 0);
        Assert.Contains("There is no run", await client.ErrorAsync());
    }

    [Fact]
    public async Task History_HundredThousandSteps_ComesWholeAsColumnsAndOverTheHub()
    {
        Guid id = await AddFinishedRunAsync(ManySteps);
        byte[] history = await app.Http.GetByteArrayAsync($"/api/runs/{id}/steps.bin");
        Dictionary<string, double[]> columns = Decode(history);
        Assert.Equal(Enumerable.Range(1, ManySteps).Select(step => (double)step), columns["step"]);
        JsonElement[] series = [.. (await app.GetAsync($"/api/runs/{id}/series")).EnumerateArray()];
        Assert.Equal(series.Where(one => one.GetProperty("cadence").GetString() != "Once").Select(one => one.GetProperty("name").GetString()!)
            .Concat(["step", "epoch", "tokensSeen"]).Order(), columns.Keys.Order());
        Assert.True(JsonElement.DeepEquals(await app.GetAsync($"/api/runs/{id}/series"), Header(history).GetProperty("series")));
        Assert.Equal([("teacherPerplexity", 12.5)], Header(history).GetProperty("once").EnumerateObject().Select(one => (one.Name, one.Value.GetDouble())));
        Assert.Equal(1.5f / 3, columns["totalLoss"][2]);
        Assert.Equal((double)(1L << 40) + 3, columns["tokensSeen"][2]);
        Assert.Equal([double.NaN, double.NegativeInfinity, 3, 4], columns["clm"][..4]);
        Assert.Equal([double.NaN, double.NaN, 9.25f, double.NaN], columns["validationPerplexity"][..4]);

        await using CurvesClient client = await CurvesClient.WatchAsync(app.Address, id, ManySteps - 5000, attempt: 0);
        List<int> steps = [];
        while (await client.NextAsync() is JsonElement rows)
            steps.AddRange(rows.GetProperty("step").EnumerateArray().Select(step => step.GetInt32()));
        Assert.Equal(Enumerable.Range(ManySteps - 4999, 5000), steps);
    }

    private async Task<Guid> AddFinishedRunAsync(int steps)
    {
        var id = Guid.CreateVersion7();
        await app.Service<DatabaseWriter>().WriteAsync(async db =>
        {
            db.Runs.Add(new Run { Id = id, Name = "long", Status = RunStatus.Completed, OptionsJson = "{}", Step = steps,
                TotalSteps = steps });
            await db.SaveChangesAsync();
            // One statement: 100 000 rows through the change tracker would take longer than the test.
            await db.Database.ExecuteSqlAsync($"""
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {steps})
                INSERT INTO StepRows (RunId, Step, Attempt, Epoch, TokensSeen, TotalLoss, "Values")
                SELECT {id}, i, 0, 0, {1L << 40} + i, 1.5 / i, pack_numbers(CASE i WHEN 1 THEN NULL WHEN 2 THEN -9e999 ELSE i END, 1e-3, 1, 1, 0, 0) FROM n
                """);
            db.Measurements.AddRange(new Measurement { RunId = id, Name = "validationPerplexity", Step = 3, Value = 9.25 },
                new Measurement { RunId = id, Name = "teacherPerplexity", Value = 12.5 });
            await db.SaveChangesAsync();
        });
        return id;
    }

    private static JsonElement Header(byte[] history) =>
        JsonSerializer.Deserialize<JsonElement>(Encoding.UTF8.GetString(history, 4, BinaryPrimitives.ReadInt32LittleEndian(history)));

    // As StepHistory describes it, and as a browser would read it.
    private static Dictionary<string, double[]> Decode(byte[] history)
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(history);
        JsonElement header = Header(history);
        int rows = header.GetProperty("rows").GetInt32();
        int at = 4 + length;
        Assert.Equal(0, at % 8);
        Dictionary<string, double[]> columns = [];
        foreach (JsonElement column in header.GetProperty("columns").EnumerateArray())
        {
            string type = column.GetProperty("type").GetString()!;
            int width = type == "float64" ? 8 : 4;
            columns[column.GetProperty("name").GetString()!] = [.. Enumerable.Range(0, rows).Select(row => type switch
            {
                "int32" => BinaryPrimitives.ReadInt32LittleEndian(history.AsSpan(at + 4 * row)),
                "float32" => BinaryPrimitives.ReadSingleLittleEndian(history.AsSpan(at + 4 * row)),
                _ => BinaryPrimitives.ReadDoubleLittleEndian(history.AsSpan(at + 8 * row)),
            })];
            at += (rows * width + 7) & ~7;
        }
        Assert.Equal(history.Length, at);
        return columns;
    }
}
