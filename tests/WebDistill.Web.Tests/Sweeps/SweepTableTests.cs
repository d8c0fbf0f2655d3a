using Spectre.Console;
using WebDistill.Data;
using WebDistill.Web.Headless;
using WebDistill.Web.Sweeps;

namespace WebDistill.Web.Tests.Sweeps;

public sealed class SweepTableTests
{
    [Fact]
    public async Task Table_SweepOfTwoSeeds_HasALineForEachGroupAndMarksTheBest()
    {
        await using var app = new WebDistillApp();
        Sweep sweep = await RecordedSweeps.TemperaturesAsync(app);
        var written = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(written) });
        console.Profile.Width = 120;
        console.Write(HeadlessSweep.Table(await app.Service<SweepReports>().GetAsync(sweep.Id)));
        string[][] cells = [.. written.ToString().Split('\n').Where(line => line.StartsWith('│'))
            .Select(line => line.Split('│', StringSplitOptions.TrimEntries)[1..4])];
        Assert.Equal(["", "T = 4", "T = 1", "T = 8"], cells.Select(row => row[0]));
        Assert.Equal(["", "best", "", ""], cells.Select(row => row[2]));
        Assert.Matches(@"^10\.00\s±\s12\.71\s+\(n = 2\)$", cells[1][1]);
        Assert.Equal("no complete run", cells[3][1]);
    }
}
