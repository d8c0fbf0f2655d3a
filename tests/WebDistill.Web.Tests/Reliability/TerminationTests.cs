using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Playwright;
using WebDistill.Distillation.Files;
using WebDistill.Distillation.Training;
using WebDistill.Web.Formats;
using WebDistill.Web.Tests.Pages;

namespace WebDistill.Web.Tests.Reliability;

/// <summary>The end of the product's process, with pages, a run and other work on the machine.</summary>
[Collection(TheClock.Name)]
[Trait("needs", "browser")]
[Trait("needs", "kill")]
public sealed class TerminationTests(Chromium chromium) : IClassFixture<Chromium>
{
    private static readonly TimeSpan _promised = TimeSpan.FromSeconds(5);

    /// <summary>How many times; tests/sigterm sets it.</summary>
    private static int Terminations =>
        Environment.GetEnvironmentVariable("WEBDISTILL_TERMINATIONS") is string text ? int.Parse(text, CultureInfo.InvariantCulture) : 1;

    /// <summary>
    /// The finding "SIGTERM with three pages and a run: 6.1 s under load": two patience clocks were counted from different moments. The
    /// load is a busy loop for every core.
    /// </summary>
    [Fact]
    public async Task Terminate_ThreePagesAndARunUnderLoad_EndsInFiveSecondsWithACheckpointAndGoesOnAfterTheStart()
    {
        if (OperatingSystem.IsWindows())
            return; // No SIGTERM there.
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        JsonElement options;
        await using (var app = new WebDistillApp(root.FullName))
            options = JsonSerializer.SerializeToElement(
                Product.TinyTraining(await app.ReadyDatasetAsync(), epochs: 100_000).With(o => o with
                {
                    Student = o.Student with { Width = 32 }, Checkpoints = o.Checkpoints with { IntervalSteps = 15 },
                }), WebJson.Options);
        List<string> lines = [];
        List<TimeSpan> times = [];
        try
        {
            for (int i = 1; i <= Terminations; i++)
            {
                times.Add(await TerminateAsync(root.FullName, options));
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"termination {i}: {times[^1].TotalSeconds:0.00} s"));
            }
        }
        finally
        {
            lines.Add($"{times.Count} terminations, {times.Count(time => time < _promised)} within {_promised.TotalSeconds:0} s");
            if (Environment.GetEnvironmentVariable("WEBDISTILL_TERMINATION_REPORT") is string report)
                await File.WriteAllLinesAsync(report, lines);
        }
        // The one place where a clock is asserted: five seconds are what the product promises to supervisors.
        Assert.True(times.All(time => time < _promised), string.Join('\n', lines));
        root.Delete(recursive: true);
    }

    private async Task<TimeSpan> TerminateAsync(string root, JsonElement options)
    {
        Guid run, waiting;
        TimeSpan took;
        await using (ServerProcess server = await ServerProcess.StartAsync(root))
        {
            run = await server.CreateRunAsync(options);
            waiting = await server.CreateRunAsync(options);
            await server.WaitAsync(run, r => r.GetProperty("step").GetInt32() > 20);
            var pages = new List<IPage>();
            foreach (string path in (string[])[$"/runs/{run:N}", "/", "/runs/new"])
                pages.Add(await chromium.OpenAsync(server.Address + path));
            Process[] load = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Process.Start("sh", ["-c", "while :; do :; done"]))];
            try
            {
                await Task.Delay(500); // Until the load is felt.
                took = await server.TerminateAsync();
            }
            finally
            {
                foreach (Process loop in load)
                {
                    loop.Kill();
                    loop.Dispose();
                }
            }
            foreach (IPage page in pages)
                await page.Context.DisposeAsync();
        }
        var store = new CheckpointStore(Path.Combine(root, "runs", run.ToString("N"), "checkpoints"), FileLayer.Disk);
        int step = store.Newest(out _)!.Value.Manifest.Step;
        await using (ServerProcess server = await ServerProcess.StartAsync(root))
        {
            JsonElement resumed = await server.WaitAsync(run, r => r.GetProperty("status").GetString() == "Running" && r.GetProperty("step").GetInt32() > step);
            Assert.Equal(2, resumed.GetProperty("attempt").GetInt32());
            Assert.Equal("Queued", (await server.GetAsync($"/api/runs/{waiting}")).GetProperty("status").GetString());
            string log = string.Join('\n', (await server.GetAsync($"/api/runs/{run}/log")).EnumerateArray()
                .Select(line => line.GetProperty("text").GetString()));
            Assert.True(log.Contains("Interrupted: The server was shut down. The state is saved as a checkpoint.", StringComparison.Ordinal), log);
            // Saved at the very last update: nothing is made twice.
            Assert.Contains($"Goes on from the checkpoint of update {step}.", log);
            Assert.DoesNotContain("superseded", log);
            // The next round begins with an empty queue.
            foreach (Guid ended in (Guid[])[waiting, run])
                (await server.Http.PostAsync($"/api/runs/{ended}/stop", null)).Dispose();
            await server.WaitAsync(run, r => r.GetProperty("status").GetString() == "Stopped");
        }
        return took;
    }
}
