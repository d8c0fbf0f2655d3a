using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using WebDistill.Distillation.Options;
using WebDistill.Web.Formats;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>The real server on a file system that is really full, or really becomes read-only while it trains.</summary>
[Trait("takes", "long")]
public sealed class RealDiskTests
{
    /// <summary>Found in an attack: on a full disk nothing could be freed; delete, pause, rename and backup all answered 500, and a data set
    /// stayed Preparing for ever.</summary>
    [MountedDiskFact]
    public async Task FullDisk_UnderARun_EverythingSaysSoDeletingWorksAndTheRunGoesOn()
    {
        using MountedDisk disk = MountedDisk.Tmpfs(192);
        Guid dataset, old;
        await using (var app = new WebDistillApp(disk.Root))
        {
            dataset = await app.ReadyDatasetAsync();
            old = await app.StartAsync(Product.TinyTraining(dataset));
            await app.EndOfRunAsync(old);
        }
        await using ServerProcess server = await ServerProcess.StartAsync(disk.Root, "--Storage:ReserveMegabytes", "8");
        Guid id = await server.CreateRunAsync(JsonSerializer.SerializeToElement(
            Product.TinyTraining(dataset, epochs: 100_000).With(o => o with { Checkpoints = o.Checkpoints with { IntervalSteps = 20 },
                Schedule = o.Schedule with { ValidationIntervalSteps = 0 } }), WebJson.Options));
        await server.WaitAsync(id, run => run.GetProperty("step").GetInt32() > 40);
        string filler = disk.Fill();
        JsonElement paused = await server.WaitAsync(id, run => run.GetProperty("status").GetString() == "Paused");
        Assert.Matches(@"^The disk is full: .*[\d,]+ (bytes )?are free\. Delete runs.*Nothing is lost; the run goes on by itself", paused.GetProperty("error").GetString());

        // What needs room says how much there is; what makes room, or needs next to none, works.
        foreach (HttpResponseMessage refused in new[] { await server.Http.PostAsync("/api/storage/backups", null), await UploadAsync(server) })
            Assert.Matches(@"The disk is full: .*are free", (await refused.ProblemAsync(HttpStatusCode.InsufficientStorage)).GetProperty("detail").GetString());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(disk.Root, "incoming")));
        Assert.True(!Directory.Exists(Path.Combine(disk.Root, "backups")) || Directory.GetFiles(Path.Combine(disk.Root, "backups")).Length == 0);
        using (HttpResponseMessage renamed = await server.Http.PutAsJsonAsync($"/api/runs/{old}/name", new { name = "renamed" }))
            Assert.True(renamed.IsSuccessStatusCode, $"{renamed.StatusCode} {await renamed.Content.ReadAsStringAsync()}");
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"/api/runs/{old}")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"/api/models/{old}")).StatusCode);
        string page = await server.Http.GetStringAsync("/settings");
        Assert.Contains("The disk is full", page);

        File.Delete(filler);
        int before = paused.GetProperty("step").GetInt32();
        await server.WaitAsync(id, run => run.GetProperty("status").GetString() == "Running" && run.GetProperty("step").GetInt32() > before + 20);
        Assert.DoesNotContain("The disk is full", await server.Http.GetStringAsync("/settings"));
        Assert.True(File.Exists(Path.Combine(disk.Root, "reserve")));
        Assert.True((await UploadAsync(server)).IsSuccessStatusCode);
        (await server.Http.PostAsync($"/api/runs/{id}/stop", null)).EnsureSuccessStatusCode();
        JsonElement stopped = await server.WaitAsync(id, run => run.GetProperty("status").GetString() == "Stopped");
        await AssertEachStepOnceAsync(server, id, stopped.GetProperty("step").GetInt32());
    }

    [MountedDiskFact]
    public async Task FullDisk_AtTheStart_ServesAndLetsDelete()
    {
        using MountedDisk disk = MountedDisk.Tmpfs(192);
        Guid run;
        await using (ServerProcess first = await ServerProcess.StartAsync(disk.Root, "--Storage:ReserveMegabytes", "8"))
        {
            Assert.Equal(8 << 20, new FileInfo(Path.Combine(disk.Root, "reserve")).Length);
            using HttpResponseMessage uploaded = await UploadAsync(first);
            Guid dataset = (await uploaded.JsonAsync()).GetProperty("id").GetGuid();
            while ((await first.GetAsync($"/api/datasets/{dataset}")).GetProperty("state").GetString() != "Ready")
                await Task.Delay(20);
            run = await first.CreateRunAsync(JsonSerializer.SerializeToElement(Product.TinyTraining(dataset), WebJson.Options));
            await first.CompletedAsync(run);
            await first.TerminateAsync();
        }
        disk.Fill();
        await using ServerProcess server = await ServerProcess.StartAsync(disk.Root, "--Storage:ReserveMegabytes", "8");
        Assert.Contains("The disk is full", await server.Http.GetStringAsync("/settings"));
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"/api/runs/{run}")).StatusCode);
        Assert.Empty((await server.GetAsync("/api/runs")).EnumerateArray());
    }

    /// <summary>What was not settled before: the kernel remounts the disk read-only while a run trains. The server goes on answering, the run
    /// rests, and after the repair it ends with the weights of a run that met nothing.</summary>
    [MountedDiskFact]
    public async Task ReadOnlyRemount_UnderARun_ServerSurvivesAndTheRunEndsAsIfNothingHadHappened()
    {
        using MountedDisk disk = MountedDisk.Ext4(256);
        Guid dataset, whole;
        JsonElement options;
        await using (var app = new WebDistillApp(disk.Root))
        {
            dataset = await app.ReadyDatasetAsync();
            options = JsonSerializer.SerializeToElement(Product.TinyTraining(dataset, epochs: 15).With(o => o with
            {
                Checkpoints = o.Checkpoints with { IntervalSteps = 50, KeepLast = 1 },
                Schedule = o.Schedule with { ValidationIntervalSteps = 0 },
            }), WebJson.Options);
            whole = await app.StartAsync(JsonSerializer.Deserialize<RunOptions>(options, WebJson.Options)!);
            await app.EndOfRunAsync(whole);
        }
        Guid id;
        await using (ServerProcess server = await ServerProcess.StartAsync(disk.Root))
        {
            id = await server.CreateRunAsync(options);
            await server.WaitAsync(id, run => run.GetProperty("step").GetInt32() > 60);
            disk.Fail();
            // Every page says it, because no row can.
            while (!(await server.Http.GetStringAsync("/settings")).Contains("The data folder cannot be written", StringComparison.Ordinal))
                await Task.Delay(50);
            Assert.Equal("Running", (await server.GetAsync($"/api/runs/{id}")).GetProperty("status").GetString());
            foreach (HttpResponseMessage refused in new[]
            {
                await server.Http.PostAsync($"/api/runs/{id}/pause", null), await server.Http.PostAsync("/api/storage/backups", null), await UploadAsync(server),
            })
                Assert.Contains("read-only", (await refused.ProblemAsync(HttpStatusCode.ServiceUnavailable)).GetProperty("detail").GetString());
            await server.TerminateAsync();
        }
        disk.Repair();
        await using ServerProcess again = await ServerProcess.StartAsync(disk.Root);
        JsonElement ended = await again.CompletedAsync(id);
        await AssertEachStepOnceAsync(again, id, ended.GetProperty("totalSteps").GetInt32());
        JsonElement[] models = [.. (await again.GetAsync("/api/models")).EnumerateArray()];
        string Weights(Guid run) => models.Single(model => model.GetProperty("runId").GetGuid() == run).GetProperty("weightsSha256").GetString()!;
        Assert.Equal(Weights(whole), Weights(id));
    }

    private static async Task AssertEachStepOnceAsync(ServerProcess server, Guid id, int last)
    {
        int[] steps = [.. (await server.GetAsync($"/api/runs/{id}/steps")).EnumerateArray().Select(step => step.GetProperty("step").GetInt32())];
        Assert.Equal(Enumerable.Range(1, last), steps);
    }

    private static async Task<HttpResponseMessage> UploadAsync(ServerProcess server)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("300"), "vocabularySize" }, { new ByteArrayContent(Encoding.UTF8.GetBytes(Product.Text)), "file", "birds.txt" },
        };
        return await server.Http.PostAsync("/api/datasets", form);
    }
}
