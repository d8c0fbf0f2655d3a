using System.Diagnostics;

namespace WebDistill.Web.Tests;

/// <summary>The tests of wwwroot/js that need no browser: node --test tests/js.</summary>
public sealed class JavaScriptTests
{
    [Fact]
    public async Task Modules_TestedByNode_Pass()
    {
        // The files are modules by the way the pages load them; no package.json says so.
        var start = new ProcessStartInfo("node", ["--experimental-default-type=module", "--test", "tests/js/"])
        {
            WorkingDirectory = WebDistillApp.RepositoryRoot, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using Process node = Process.Start(start)!;
        Task<string> output = node.StandardOutput.ReadToEndAsync(), errors = node.StandardError.ReadToEndAsync();
        await node.WaitForExitAsync();
        string text = await output;
        Assert.True(node.ExitCode == 0, text + await errors);
        Assert.Matches(@"# pass [1-9]", text);
    }
}
