using System.Diagnostics;
using Microsoft.Extensions.Configuration;

namespace WebDistill.Web.Tests.Security;

public sealed class HostSettingsTests
{
    [Theory]
    [InlineData("urls", "http://0.0.0.0:5080")]
    [InlineData("urls", "http://127.0.0.1:5080;http://192.168.1.5:80")]
    [InlineData("urls", "http://*:5080")]
    [InlineData("urls", "http://+:5080")]
    [InlineData("urls", "http://[::]:5080")]
    [InlineData("urls", "http://lab.example")]
    [InlineData("http_ports", "8080")]
    [InlineData("Kestrel:Endpoints:Lan:Url", "http://10.0.0.1:80")]
    public void Read_AddressThatIsNotLoopback_IsRefusedUnlessAllowed(string key, string value)
    {
        var failure = Assert.Throws<HostSettingsException>(() => Read((key, value)));
        Assert.Contains("Security:AllowRemoteWithoutLogin", failure.Message);
        Assert.True(Read((key, value), ("Security:AllowRemoteWithoutLogin", "true")).AllowRemoteWithoutLogin);
    }

    [Theory]
    [InlineData("http://127.0.0.1:5080")]
    [InlineData("http://localhost:5080;https://[::1]:5081")]
    [InlineData("http://127.9.9.9:0")]
    public void Read_LoopbackAddress_IsAccepted(string urls) => Assert.False(Read(("urls", urls)).AllowRemoteWithoutLogin);

    [Fact]
    public void Read_SeveralBadOptions_ListsAllWithTheirKeys()
    {
        var failure = Assert.Throws<HostSettingsException>(() => Read(
            ("Storage:Root", " "), ("Storage:MaxUploadMegabytes", "lots"), ("Security:AllowRemoteWithoutLogin", "maybe"),
                ("Security:AllowedHosts:0", "http://x"),
            ("Playground:LoadedModels", "0"), ("Playground:IdleModelMinutes", "-1"), ("urls", "nonsense")));
        Assert.Equal(7, failure.Failures.Count);
        Assert.All(
            new[] { "Storage:Root", "Storage:MaxUploadMegabytes", "Security:AllowRemoteWithoutLogin", "Security:AllowedHosts", "Playground:LoadedModels",
                "Playground:IdleModelMinutes", "Urls" },
            key => Assert.Contains(key, failure.Message));
    }

    [Fact]
    public async Task Start_RemoteAddress_EndsWithAMessageAndCode2()
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        using Process server = StartServer(root.FullName, "http://0.0.0.0:0");
        string error = await server.StandardError.ReadToEndAsync();
        await server.WaitForExitAsync();
        root.Delete(recursive: true);
        Assert.Equal(2, server.ExitCode);
        Assert.Contains("Security:AllowRemoteWithoutLogin", error);
        Assert.DoesNotContain("   at ", error);
    }

    [Fact]
    public async Task Terminate_WatchedWhileTraining_EndsWithinFiveSecondsAndSaysInterruptedAfterwards()
    {
        if (OperatingSystem.IsWindows())
            return; // No SIGTERM there.
        DirectoryInfo root = Directory.CreateTempSubdirectory("webdistill-");
        Guid run;
        await using (var setUp = new WebDistillApp(root.FullName))
        {
            run = await setUp.StartAsync(Product.TinyTraining(await setUp.ReadyDatasetAsync(), epochs: 100_000));
            await setUp.PollAsync($"/api/runs/{run}", r => r.GetProperty("step").GetInt32() > 0);
        }
        // Interrupted by the end of that host; asked for again in a process of its own.
        using Process server = StartServer(root.FullName, "http://127.0.0.1:0");
        string? line = await server.StandardOutput.ReadLineAsync();
        Assert.StartsWith("WebDistill listens on http://127.0.0.1:", line);
        string address = line!["WebDistill listens on ".Length..];
        using var http = new HttpClient { BaseAddress = new Uri(address) };
        string first = await http.GetStringAsync($"/api/runs/{run}");
        Assert.Contains("\"status\":\"Interrupted\"", first);
        string options = System.Text.Json.JsonDocument.Parse(first).RootElement.GetProperty("options").GetRawText();
        using HttpResponseMessage created = await http.PostAsync("/api/runs", new StringContent(options, null, "application/json"));
        string answer = await created.Content.ReadAsStringAsync();
        Assert.True(created.IsSuccessStatusCode, answer);
        Guid second = System.Text.Json.JsonDocument.Parse(answer).RootElement.GetProperty("id").GetGuid();
        await using Live.CurvesClient watcher = await Live.CurvesClient.WatchAsync(address, second, afterStep: 0);
        await watcher.NextAsync();

        var clock = Stopwatch.StartNew();
        using (Process kill = Process.Start("kill", ["-TERM", server.Id.ToString()]))
            await kill.WaitForExitAsync();
        await server.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"It took {clock.Elapsed}.");

        await using (var after = new WebDistillApp(root.FullName))
        {
            System.Text.Json.JsonElement ended = await after.GetAsync($"/api/runs/{second}");
            Assert.Equal("Interrupted", ended.GetProperty("status").GetString());
            Assert.Equal(ended.GetProperty("step").GetInt32(), (await after.GetAsync($"/api/runs/{second}/steps")).GetArrayLength());
        }
        root.Delete(recursive: true);
    }

    private static HostSettings Read(params (string Key, string Value)[] settings) => HostSettings.Read(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>(s.Key, s.Value))).Build());

    private static Process StartServer(string root, string urls) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "--urls", urls, "--Storage:Root", root])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = WebDistillApp.RepositoryRoot,
        })!;
}
