using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using WebDistill.Web.Hosting;

namespace WebDistill.Web.Tests.Hosting;

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

    [Theory]
    [InlineData("http://127.0.0.1:70000")]
    [InlineData("http://127.0.0.1:-1")]
    [InlineData("http://127.0.0.1:http")]
    [InlineData("http://127.0.0.1:0/base")]
    [InlineData("ftp://127.0.0.1:0")]
    [InlineData("http://")]
    [InlineData("127.0.0.1:5080")]
    [InlineData("5080")]
    public void Read_TextThatIsNoAddress_IsToldWithWhatWasExpected(string urls)
    {
        var failure = Assert.Throws<HostSettingsException>(() => Read(("urls", urls), ("Security:AllowRemoteWithoutLogin", "true")));
        Assert.Contains($"Urls contains '{urls}', expected an address such as http://127.0.0.1:5080", Assert.Single(failure.Failures));
        Assert.Contains("a port from 0, which takes any that is free, to 65535", failure.Message);
    }

    [Theory]
    [InlineData("Discord")]
    [InlineData("1")]
    [InlineData("Slack, Teams")]
    public void Read_WebhookFormatThatThereIsNot_IsTold(string format) => Assert.Equal(
        $"Notifications:WebhookFormat is '{format}', expected WebDistill, Slack, Teams, or nothing.", Assert.Single(Assert.Throws<HostSettingsException>(() => Read(("Notifications:WebhookFormat", format))).Failures));

    [Theory]
    [InlineData("teams", WebhookFormat.Teams)]
    [InlineData("Slack", WebhookFormat.Slack)]
    [InlineData("", null)]
    public void Read_WebhookFormat_IsThatOfTheWord(string format, WebhookFormat? expected) => Assert.Equal(expected, Read(("Notifications:WebhookFormat", format)).WebhookFormat);

    [Fact]
    public void Read_AnyPortOfLocalhost_IsRefusedWithTheAddressThatWorks() =>
        Assert.Contains("Use http://127.0.0.1:0.", Assert.Throws<HostSettingsException>(() => Read(("urls", "http://localhost:0"))).Message);

    [Fact]
    public void Require_AddressThatThisMachineDoesNotHave_SaysSo()
    {
        ListenAddresses.Require(["http://127.0.0.1:0", "http://localhost:0", "http://*:0", "http://unix:/tmp/none.sock"]);
        var failure = Assert.Throws<HostSettingsException>(() => ListenAddresses.Require(["http://127.0.0.1:0", "http://203.0.113.1:5080"]));
        Assert.Contains("'http://203.0.113.1:5080', which is no address of this machine", Assert.Single(failure.Failures));
    }

    [Theory]
    [InlineData(SocketError.AddressAlreadyInUse, "another program listens already")]
    [InlineData(SocketError.AccessDenied, "ports below 1024")]
    [InlineData(SocketError.AddressNotAvailable, "no address of this machine")]
    [InlineData(SocketError.NetworkDown, "nobody can listen")]
    public void Describe_EachCause_IsToldApartWithTheFix(SocketError cause, string expected)
    {
        string sentence = ListenAddresses.Describe("http://127.0.0.1:80", new SocketException((int)cause));
        Assert.Contains("Urls contains 'http://127.0.0.1:80'", sentence);
        Assert.Contains(expected, sentence);
        Assert.Contains("--urls http://127.0.0.1:5081", sentence);
    }

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
    public void Read_Limits_AreReadAndTheirRangesChecked()
    {
        Assert.Equal(new InputLimits(), Read().Limits);
        InputLimits read = Read(("Limits:QueuedRuns", "7"), ("Limits:JsonKilobytes", "512")).Limits;
        Assert.Equal(new InputLimits { QueuedRuns = 7, JsonKilobytes = 512 }, read);
        var failure = Assert.Throws<HostSettingsException>(() => Read(
            [.. InputLimits.All.Select((limit, i) => (limit.Key, i % 2 == 0 ? $"{limit.Minimum - 1}" : $"{limit.Maximum + 1L}"))]));
        Assert.Equal(InputLimits.All.Count, failure.Failures.Count);
        Assert.All(InputLimits.All, limit => Assert.Contains($"{limit.Key} is", failure.Message));
    }

    /// <summary>docs/security.md lists every limit with its default.</summary>
    [Fact]
    public void Limits_AreDocumented()
    {
        string page = File.ReadAllText(Path.Combine(WebDistillApp.RepositoryRoot, "docs", "security.md"));
        string Written(int value) => value < 10_000 ? $"{value}" : value.ToString("#,0", System.Globalization.CultureInfo.InvariantCulture).Replace(',', ' ');
        Assert.All(InputLimits.All, limit =>
        {
            string row = Assert.Single(page.Split('\n'), line => line.StartsWith('|') && line.Contains($"`{limit.Name}`"));
            Assert.Contains(Written(limit.Get(new InputLimits())), row);
        });
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

    private static HostSettings Read(params (string Key, string Value)[] settings) => HostSettings.Read(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => new KeyValuePair<string, string?>(s.Key, s.Value))).Build());

    private static Process StartServer(string root, string urls) => Process.Start(
        new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "--urls", urls, "--Storage:Root", root])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = WebDistillApp.RepositoryRoot,
        })!;
}
