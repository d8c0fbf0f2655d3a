using System.Text;
using WebDistill.Web.Headless;
using WebDistill.Web.Tests.Reliability;

namespace WebDistill.Web.Tests.Headless;

/// <summary>Which words are a command, which are settings, and what is said to words that are neither.</summary>
[Trait("takes", "long")]
public sealed class CommandLineTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("webdistill-");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData]
    [InlineData("--urls", "http://127.0.0.1:0")]
    [InlineData("--urls=http://127.0.0.1:0", "run")]
    [InlineData("urls=http://127.0.0.1:0")]
    [InlineData("/urls", "http://127.0.0.1:0")]
    [InlineData("--Storage:Root", "run")]
    [InlineData("-x")]
    public async Task Execute_NoCommand_LeavesTheArgumentsToTheServer(params string[] arguments) =>
        Assert.Null(await CommandLine.ExecuteAsync(arguments, _root.FullName));

    [Theory]
    [InlineData("--help", "run", "sweep", "restore", "--urls", "default http://127.0.0.1:5080")]
    [InlineData("run --help", "OPTIONS.json", "POST /api/runs", "--resume <RUN_ID>", "130 stopped by Ctrl-C", "--Storage:Root=/data/webdistill (default data)")]
    [InlineData("sweep -h", "PLAN.json", "POST /api/sweeps", "--resume <SWEEP_ID>", "3 at least one run failed", "default data")]
    [InlineData("restore --help", "FILE", "a copy of webdistill.db", "2 not restored and nothing changed", "default data")]
    public async Task Help_OfEachCommand_SaysWhatItTakesAndHowItEnds(string words, params string[] expected)
    {
        (int code, string output, string error) = await ServerProcess.RunToEndAsync(words.Split(' '));
        Assert.Equal((0, ""), (code, error));
        Assert.All(expected, part => Assert.Contains(part, output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("rum x.json", "'rum' is no command; expected run, sweep, restore, or only settings of the server")]
    [InlineData("run", "Neither OPTIONS.json nor --resume was given; expected one of them")]
    [InlineData("sweep --Storage:Root=x", "Neither PLAN.json nor --resume was given; expected one of them")]
    [InlineData("run x.json --resume 6f1c0f4e-5d0c-4c43-9d55-000000000001", "Both 'x.json' and --resume were given; expected one of them")]
    [InlineData("run --resume soon", "--resume: The value is 'soon', expected the id of a run.")]
    [InlineData("sweep --resume 12", "--resume: The value is '12', expected the id of a sweep.")]
    [InlineData("run x.json y.json", "'y.json'")]
    [InlineData("run x.json --resum", "'--resum'")]
    [InlineData("run x.json --Storage:Root=x --resume", "'--resume' stands among the settings")]
    [InlineData("restore", "FILE")]
    public async Task Execute_WordsThatAreWrong_NamesThemAndEndsWith2(string words, string expected)
    {
        (int code, string output, string error) = await ServerProcess.RunToEndAsync(words.Split(' '));
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Contains("--help says what is expected.", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run", "OPTIONS.json: ")]
    [InlineData("sweep", "PLAN.json: ")]
    public async Task Execute_FileThatCannotBeRead_NamesTheArgumentAndNotTheDataFolder(string command, string expected)
    {
        string folder = _root.CreateSubdirectory("folder.json").FullName;
        foreach ((string path, string why) in new[]
            { (folder, "folder.json' is a folder, expected a JSON file."), (Path.Combine(folder, "none.json"), "none.json' cannot be read, expected a JSON file: ") })
        {
            (int code, _, string error) = await ServerProcess.RunToEndAsync([command, path, "--Storage:Root", Path.Combine(_root.FullName, "data")]);
            Assert.Equal(2, code);
            Assert.StartsWith(expected, error, StringComparison.Ordinal);
            Assert.Contains(why, error, StringComparison.Ordinal);
            Assert.DoesNotContain("data folder", error, StringComparison.OrdinalIgnoreCase);
        }
    }

    /// <summary>What is wrong with the file's contents is told, not the mark that some editors put before them.</summary>
    [Theory]
    [InlineData("run", "{\"epochs\": 0}", "schedule.epochs: ")]
    [InlineData("sweep", "{\"draws\": 2.5}", "draws: ")]
    public async Task Execute_FileWithAByteOrderMark_IsRead(string command, string json, string expected)
    {
        string path = Path.Combine(_root.FullName, "marked.json");
        await File.WriteAllTextAsync(path, json, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        (int code, _, string error) = await ServerProcess.RunToEndAsync([command, path, "--Storage:Root", Path.Combine(_root.FullName, "data")]);
        Assert.Equal(2, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain("not valid JSON", error, StringComparison.Ordinal);
    }

    /// <summary>Whether it stands in the folder that was named shows that the setting was heard.</summary>
    [Theory]
    [InlineData("--Storage:Root=", false)]
    [InlineData("--Storage:Root", true)]
    [InlineData("--storage:root", true)]
    [InlineData("/Storage:Root=", false)]
    [InlineData("Storage:Root=", false)]
    public async Task Execute_SettingsAfterACommand_AreTheHosts(string key, bool separate)
    {
        string root = Path.Combine(_root.FullName, "data");
        (int code, _, string error) = await ServerProcess.RunToEndAsync(
            ["run", Path.Combine(_root.FullName, "none.json"), .. separate ? [key, root] : (string[])[key + root], "--environment", "Production"]);
        Assert.Equal(2, code);
        Assert.Contains("none.json", error, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(root, "webdistill.db")), error);
    }
}
